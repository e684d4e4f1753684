"""A hospital's site switches to records for decades: what happens to new and old records, and while a trustee waits."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.crypto.capsule import NO_KEY, Readers, RecordPolicy
from fl.crypto.envelope_form import CORE_BYTES, Header, Parts
from fl.crypto.long_committee import FIRST_BYTES
from fl.protocol.errors import HashMismatch, LongKeyMissing, RecipientNotFound, VaultUnavailable
from fl.protocol.names import Digest, Purpose, Suite
from fl.protocol.ports import Vault
from fl.replay.ledger_view import Keyring
from fl.storage.vault import FolderVault
from tests.support.federation import memory_folder
from tests.support.site_committee import CommitteeWorld
from tests.support.site_town import MAYA, Town
from webui.errors import TrusteesNotReady
from webui.federation.records import FederationRecords
from webui.ports.consent import Choice
from webui.ports.records import CommitteeFacts, SealedRecord

BODY = b"a blast cell, said the model"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[CommitteeWorld]:
    """Return a hospital and three trustees with a key for records, none of whom has a long key yet."""
    with memory_folder(tmp_path) as folder:
        made = CommitteeWorld(folder)
        made.hold_key()
        yield made


def policy(readers: Readers = Readers.HOSPITAL_AND_TRUSTEES) -> RecordPolicy:
    return RecordPolicy(secrets.token_bytes(16), readers, frozenset({Purpose.TREATMENT}))


def switched(world: CommitteeWorld, vault: Vault | None = None) -> FederationRecords:
    """Return the records of the same site after `serve --long-lived`."""
    hospital = world.consortium.hospitals[0]
    if 1 not in hospital.long_keys:
        hospital.state_long_key(world.consortium.vault)
    keyring = Keyring(hospital.keys, hospital.long_keys)
    return FederationRecords(world.ledger, world.federation, keyring, vault or world.consortium.vault)


def facts_of(records: FederationRecords) -> CommitteeFacts:
    facts = records.committee()
    assert facts is not None
    return facts


def suite_of(sealed: SealedRecord) -> int:
    return Header.from_bytes(sealed.file[:CORE_BYTES]).suite


def test_until_every_trustee_has_a_long_key_records_go_to_the_hospital_alone(world: CommitteeWorld) -> None:
    records = switched(world)
    for party in world.parties[:2]:
        party.state_long_key(world.consortium.vault)
    facts = facts_of(records)
    assert (facts.ready, facts.key_id) == (False, NO_KEY)
    alone = records.seal(policy(), BODY)
    assert (alone.key_id, suite_of(alone)) == (NO_KEY, Suite.HYBRID)
    assert len(Parts.of(alone.file).wraps) == 1
    assert records.open(alone, alone.leaf) == BODY
    with pytest.raises(LongKeyMissing, match=world.parties[2].name):
        records.seal(policy(Readers.TRUSTEES), BODY)

    world.parties[2].state_long_key(world.consortium.vault)
    facts = facts_of(records)
    assert facts.ready
    sealed = records.seal(policy(), BODY)
    assert sealed.key_id == facts.key_id != alone.key_id
    assert len(Parts.of(sealed.file).wraps) == 2
    assert records.open(sealed, sealed.leaf) == BODY
    closed = records.seal(policy(Readers.TRUSTEES), BODY)
    with pytest.raises(RecipientNotFound):
        records.open(closed, closed.leaf)


def test_the_name_of_the_key_changes_with_the_switch_and_with_a_long_key_and_not_with_a_refresh(
    world: CommitteeWorld,
) -> None:
    """The upkeep seals again what has another name than the one in force."""
    before = world.records.seal(policy(), BODY)
    records = switched(world)
    for party in world.parties:
        party.state_long_key(world.consortium.vault)
    names = [before.key_id, facts_of(records).key_id]
    world.refresh()
    assert facts_of(records).key_id == names[-1]
    world.parties[0].register_key()
    world.parties[0].state_long_key(world.consortium.vault)
    names.append(facts_of(records).key_id)
    assert len(set(names)) == 3
    assert len({name[:FIRST_BYTES] for name in names}) == 1
    assert suite_of(before) == Suite.P256
    assert records.open(before, before.leaf) == BODY


def test_a_lower_suite_under_the_same_leaf_is_impossible(world: CommitteeWorld) -> None:
    records = switched(world)
    sealed = records.seal(policy(), BODY)
    lowered = replace(sealed, file=sealed.file[:7] + b"\x01" + sealed.file[8:])
    with pytest.raises(HashMismatch):
        records.open(lowered, sealed.leaf)
    assert Digest(lowered.leaf) != sealed.leaf


class AwayVault(FolderVault):
    """A vault that can be away."""

    away = False

    def get(self, digest: Digest, cap: int) -> bytes:
        if self.away:
            raise VaultUnavailable("the vault", "it does not answer")
        return super().get(digest, cap)


def test_what_is_known_of_the_trustees_serves_while_the_vault_is_away(world: CommitteeWorld) -> None:
    vault = AwayVault(world.folder / "vault")
    records = switched(world, vault)
    for party in world.parties:
        party.state_long_key(world.consortium.vault)
    vault.away = True
    assert not facts_of(records).ready
    vault.away = False
    known = facts_of(records)
    vault.away = True
    assert facts_of(records) == known
    assert records.seal(policy(Readers.TRUSTEES), BODY).key_id == known.key_id


def test_while_trustees_are_not_ready_nothing_is_sealed_again_and_no_choice_for_them_alone(tmp_path: Path) -> None:
    town = Town(tmp_path)
    fake = town.federation.records
    fake.hold_key()
    maya = town.members[MAYA].id
    newest = list(fake.keys)[-1]
    fake.keys[newest] = replace(fake.keys[newest], ready=False, key_id=NO_KEY)
    assert town.site.patient_records.follow_key() == 0
    with pytest.raises(TrusteesNotReady):
        town.site.patient_records.choose(maya, Choice(Readers.TRUSTEES, frozenset({Purpose.PATIENT_WISH})))


def test_the_trustees_page_names_the_requesters_long_key_and_the_trustees_own(tmp_path: Path) -> None:
    with memory_folder(tmp_path) as folder:
        world = CommitteeWorld(folder, long_lived=True)
        world.hold_key()
        sealed = world.records.seal(policy(Readers.TRUSTEES), BODY)
        number = world.requests.request(sealed, Purpose.TREATMENT, world.clock.now + 60)
        block = world.requests.approval(number, world.accounts[1])
        [own] = world.parties[1].safe.keys.long_keys()
        assert block["long_ids"] == [own.key_id.hex()]
        requester = world.consortium.hospitals[0].long_keys[1].long_key
        assert block["recipients"] == [{"key_id": requester.key_id.hex(), "public_key": requester.public_key.hex()}]
