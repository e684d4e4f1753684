"""A trustee's share for the browser: what the site gives is sealed, and adds up to the share that the ledger has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hpke

from fl.crypto.curve import ORDER
from fl.crypto.group import base_mult, encode_point
from fl.crypto.hpke_keys import PrivateKey
from fl.protocol.names import CeremonyKind
from tests.support.site_committee import CommitteeTown, CommitteeWorld
from tests.support.site_town import INES, JONAS, MAYA, words
from webui.federation.shares import FederationShares

PAGE = "/trustee-kit/shares"
SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


@pytest.fixture
def world(tmp_path: Path) -> CommitteeWorld:
    return CommitteeWorld(tmp_path / "world")


def town_of(world: CommitteeWorld, tmp_path: Path) -> CommitteeTown:
    (tmp_path / "site").mkdir()
    town = CommitteeTown(tmp_path / "site", world)
    town.site.request_store.link_trustee(INES, world.accounts[0])
    return town


def opened(block: Mapping[str, Any], key: PrivateKey) -> int:
    """Return the share as another implementation than the browser's opens it."""
    total = 0
    for parcel in block["parcels"]:
        sealed = bytes.fromhex(parcel["sealed"])
        info = b"BAFL/1/dkgshare" + bytes.fromhex(parcel["context"] + parcel["dealer"] + block["account"])
        plain = SUITE.decrypt(sealed[:65] + sealed[130:], key.secret, info)
        total += int.from_bytes(plain, "big") * int(parcel["weight"], 16)
    return total % ORDER


def shares(world: CommitteeWorld) -> FederationShares:
    return FederationShares(world.federation, world.consortium.vault, world.relay())


def test_the_sealed_parts_add_up_to_the_share_that_the_ledger_has(world: CommitteeWorld) -> None:
    keys = [party.safe.keys.of(1) for party in world.parties]
    world.hold_key()
    for account, key in zip(world.accounts, keys, strict=True):
        block: Mapping[str, Any] = shares(world).sealed(account)
        assert encode_point(base_mult(opened(block, key))).hex() == block["public_share"]


def test_a_trustee_without_an_agent_gets_a_share_and_its_refreshes(world: CommitteeWorld) -> None:
    key = world.parties[0].safe.keys.of(1)
    first = world.accounts[0]
    world.run_without(0)
    before: Mapping[str, Any] = shares(world).sealed(first)
    world.run_without(0, CeremonyKind.REFRESH)
    after: Mapping[str, Any] = shares(world).sealed(first)
    assert (before["epoch"], after["epoch"]) == (1, 2)
    assert before["public_share"] != after["public_share"]
    for block in (before, after):
        assert encode_point(base_mult(opened(block, key))).hex() == block["public_share"]
    facts = shares(world).share_of(first)
    assert facts is not None
    assert facts.by_first_key


def test_a_reshare_weighs_the_parts_of_its_dealers(world: CommitteeWorld) -> None:
    key = world.parties[0].safe.keys.of(1)
    world.run_without(0)
    world.run_without(0, CeremonyKind.RESHARE)
    block: Mapping[str, Any] = shares(world).sealed(world.accounts[0])
    assert block["epoch"] == 2
    assert encode_point(base_mult(opened(block, key))).hex() == block["public_share"]


def test_the_page_says_that_a_share_waits_until_the_doctor_saved_its_kit(world: CommitteeWorld, tmp_path: Path) -> None:
    world.run_without(0)
    ines = town_of(world, tmp_path).visitor(INES)
    assert "A new share of the key waits for you" in ines.text("/requests/")
    assert "A new share waits for you." in ines.text(PAGE)
    assert ines.post(f"{PAGE}/1/kept", page=PAGE).location == "/requests/"
    assert "A new share of the key waits for you" not in ines.text("/requests/")
    world.run_without(0, CeremonyKind.REFRESH)
    assert "It is from ceremony 2." in ines.text("/requests/")


def test_a_share_for_a_key_of_the_agent_is_explained_with_the_command(world: CommitteeWorld, tmp_path: Path) -> None:
    world.hold_key()
    world.refresh()
    said = town_of(world, tmp_path).visitor(INES).text(PAGE)
    assert "Only your agent can open this share" in said
    assert "hemaledger trustee kit --name NAME" in said


def test_before_the_first_ceremony_there_is_no_share_and_the_page_says_who_begins(
    world: CommitteeWorld, tmp_path: Path
) -> None:
    said = town_of(world, tmp_path).visitor(INES).text(PAGE)
    assert "You have no share of the key now." in said


def test_a_missing_file_of_the_ceremony_is_explained(world: CommitteeWorld, tmp_path: Path) -> None:
    world.run_without(0)
    made = world.federation().threshold.ceremonies
    digests = {dealt.bundle_digest for each in made.values() for one in each for dealt in one.dealt.values()}
    town = town_of(world, tmp_path)
    for digest in digests:
        next(world.folder.rglob(digest.hex())).unlink()
    assert "A file of the ceremony is missing" in town.visitor(INES).text(PAGE)


def test_other_people_get_no_share(world: CommitteeWorld, tmp_path: Path) -> None:
    world.run_without(0)
    town = town_of(world, tmp_path)
    assert town.visitor(MAYA).get(PAGE).status_code == 403
    assert town.visitor(JONAS).get(PAGE).location == "/trustee-kit/"
    ines = town.visitor(INES)
    assert ines.post(f"{PAGE}/7/kept", page=PAGE).status_code == 404
    jonas = town.visitor(JONAS)
    assert jonas.post(f"{PAGE}/1/kept", page="/requests/").status_code == 404
    assert "parcels" not in words(jonas.get("/requests/"))
