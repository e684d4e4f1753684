"""Whoever writes into the vault can withhold files, and nothing else: no agent ends, and nobody is blamed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fl.crypto.share_encryption import COMPLAINT_BYTES
from fl.events import Event
from fl.protocol.errors import HashMismatch, VaultMissing
from fl.protocol.names import Digest
from fl.protocol.records import SharesChecked
from fl.protocol.rounds.round import Phase
from fl.replay.vault_files import Awaited, Presence, read_document
from fl.storage.vault import FolderVault
from tests.support.federation import memory_folder
from tests.support.masked_world import STEP_S, Four, rest, step
from tests.support.world import audit

DATA = b"a file"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


# --- A vault as agents see it --------------------------------------------------------------------------------------


def other_bytes(path: Path) -> None:
    path.write_bytes(b"others")


def too_many(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link(path: Path) -> None:
    path.rename(path.with_suffix(".right"))
    path.symlink_to(path.with_suffix(".right"))


def nothing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("change", [other_bytes, too_many, a_pipe, a_link, nothing])
def test_what_is_not_the_file_of_its_name_is_missing_until_it_is(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    plain = FolderVault(tmp_path)
    vault, presence = Awaited(plain), Presence(Awaited(plain))
    digest = vault.put(DATA)
    assert (read_document(vault, digest, 100), presence.holds(digest, 100)) == (DATA, True)
    change(plain.path(digest))
    for _ in range(2):
        with pytest.raises(VaultMissing):
            read_document(vault, digest, 100)
        assert not presence.holds(digest, 100)
    assert not vault.has(digest)
    assert vault.put(DATA) == digest
    assert (read_document(vault, digest, 100), presence.holds(digest, 100)) == (DATA, True)


def test_a_wrong_file_is_read_once_and_again_only_after_it_was_written_again(tmp_path: Path) -> None:
    class Counting(FolderVault):
        reads = 0

        def get(self, digest: Digest, cap: int) -> bytes:
            self.reads += 1
            return super().get(digest, cap)

    plain = Counting(tmp_path)
    vault, digest = Awaited(plain), plain.put(DATA)
    path = plain.path(digest)
    path.write_bytes(b"others")
    for reads in (1, 1, 1):
        with pytest.raises(VaultMissing):
            vault.get(digest, 100)
        assert plain.reads == reads
    before = path.stat()
    path.write_bytes(DATA)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # a time can be forged, a change not hidden
    assert vault.get(digest, 100) == DATA


def test_the_plain_vault_still_tells_an_audit_of_other_bytes(tmp_path: Path) -> None:
    plain = FolderVault(tmp_path)
    digest = plain.put(DATA)
    other_bytes(plain.path(digest))
    with pytest.raises(HashMismatch):
        read_document(plain, digest, 100)


# --- Links in the place of folders ---------------------------------------------------------------------------------


def to_nothing(place: Path, aside: Path) -> None:
    place.symlink_to(aside / "nowhere")


def to_itself(place: Path, _aside: Path) -> None:
    place.symlink_to(place)


def to_a_file(place: Path, aside: Path) -> None:
    (aside / "file").write_bytes(b"of others")
    place.symlink_to(aside / "file")


def to_a_folder(place: Path, aside: Path) -> None:
    place.symlink_to(aside)


@pytest.mark.parametrize("plant", [to_nothing, to_itself, to_a_file, to_a_folder])
def test_links_in_the_place_of_every_folder_end_no_agent_and_lead_nothing_out(
    world: Four, plant: Callable[[Path, Path], None]
) -> None:
    aside, vault = world.folder / "aside", world.consortium.vault.path(Digest(bytes(32))).parent.parent
    aside.mkdir()
    vault.mkdir(exist_ok=True)
    for number in range(256):
        plant(vault / f"{number:02x}", aside)
    before = sorted(path.name for path in aside.iterdir())
    rest(world.boss(), world.auditor(), *world.hospitals("alpha", "beta", "gamma", "delta"))
    assert world.phases() == ["FINAL"]
    assert sorted(path.name for path in aside.iterdir()) == before


# --- Rounds --------------------------------------------------------------------------------------------------------


def test_a_configuration_that_was_overwritten_is_awaited_by_everybody(world: Four) -> None:
    boss, auditor, hospitals = world.boss(), world.auditor(), world.hospitals("alpha", "beta", "gamma", "delta")
    current = world.until(Phase.ADVERTISE, boss)
    right = world.consortium.vault.get(current.terms.config_digest, 10**6)
    world.overwrite(current.terms.config_digest)
    rest(boss, auditor, *hospitals)
    assert world.current.advertised == {}
    world.consortium.vault.put(right)
    rest(boss, auditor, *hospitals)
    assert world.phases() == ["FINAL"]


def test_a_configuration_that_never_comes_back_ends_the_round_and_not_the_coordinator(world: Four) -> None:
    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma", "delta")
    current = world.until(Phase.MASK, boss, *hospitals)
    rest(*hospitals)
    world.overwrite(current.terms.config_digest)
    boss = world.boss()
    world.clock.now = current.terms.close_deadline
    assert not step(boss)
    world.clock.now += 1
    assert step(boss)
    assert world.current.reason == "VaultMissing: the round could not go on in time"


def test_a_masked_update_that_is_overwritten_before_the_freeze_is_delivered_again(world: Four) -> None:
    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma", "delta")
    world.until(Phase.MASK, boss, *hospitals)
    alpha = world.account("alpha")
    rest(*hospitals)
    world.overwrite(world.current.commitments[alpha])
    assert not step(boss)
    assert world.current.phase == Phase.MASK
    rest(boss, world.auditor(), *hospitals)
    assert world.phases() == ["FINAL"]
    assert alpha in world.current.hospitals


def test_a_masked_update_that_stays_overwritten_is_left_out_and_blames_nobody(world: Four) -> None:
    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma", "delta")
    world.until(Phase.MASK, boss, *hospitals)
    rest(*hospitals)
    world.overwrite(world.current.commitments[world.account("alpha")])
    world.clock.now = world.current.terms.commit_deadline + 1
    assert step(boss)
    assert world.names(world.current.hospitals) == ["beta", "delta", "gamma"]
    assert world.reported("coordinator", Event.HOSPITAL_LEFT_OUT) == []
    rest(boss, world.auditor(), *hospitals)
    assert world.phases() == ["FINAL"]


def test_an_answer_that_is_overwritten_is_waited_for(world: Four) -> None:
    boss, auditor = world.boss(), world.auditor()
    hospitals = world.hospitals("alpha", "beta", "gamma", "delta")
    world.until(Phase.UNMASK, boss, *hospitals)
    rest(*hospitals[:3])
    world.overwrite(world.current.revealed[world.account("alpha")].digest)
    rest(boss, auditor)
    assert world.current.phase == Phase.UNMASK
    rest(boss, auditor, *hospitals)
    assert world.phases() == ["FINAL"]


def test_a_hospital_attests_once_an_overwritten_answer_is_there_again(world: Four) -> None:
    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma", "delta")
    world.until(Phase.UNMASK, boss, *hospitals)
    rest(*hospitals[:3])
    world.until(Phase.PROPOSED, boss)
    world.overwrite(world.current.revealed[world.account("alpha")].digest)
    rest(*hospitals[1:])
    assert (world.current.attestations, world.reported("beta", Event.ROUND_REFUSED)) == ({}, [])
    rest(*hospitals)
    assert len(world.current.attestations) == 4


def test_nobody_is_put_out_for_a_file_of_shares_that_somebody_else_overwrote(world: Four) -> None:
    """Delta lies about alpha, and has alpha's file overwritten while the complaint is judged."""
    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma", "delta")
    current = world.until(Phase.COMPLAIN, boss, *hospitals)
    rest(*hospitals[:3])
    delta, alpha = world.party("delta"), world.account("alpha")
    delta.ledger.append(SharesChecked(delta.account, 1, alpha + b"\2" + bytes(COMPLAINT_BYTES - 1)))
    world.overwrite(current.dealt[alpha].bundle_digest)
    assert not step(boss)
    rest(boss, world.auditor(), *hospitals[:3])
    assert world.phases() == ["FINAL"]
    assert world.names(world.current.hospitals) == ["alpha", "beta", "gamma"]


def test_a_round_in_which_nobody_can_judge_a_complaint_ends_at_the_deadline(world: Four) -> None:
    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma", "delta")
    current = world.until(Phase.COMPLAIN, boss, *hospitals)
    rest(*hospitals[:3])
    delta, alpha = world.party("delta"), world.account("alpha")
    delta.ledger.append(SharesChecked(delta.account, 1, alpha + b"\2" + bytes(COMPLAINT_BYTES - 1)))
    world.overwrite(current.dealt[alpha].bundle_digest)
    world.clock.now += STEP_S + 1
    assert step(world.boss())
    assert world.current.reason == "VaultMissing: nobody can tell who goes on after complain"


def test_nobody_says_that_shares_were_checked_which_it_did_not_see(world: Four) -> None:
    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma", "delta")
    current = world.until(Phase.COMPLAIN, boss, *hospitals)
    world.overwrite(current.dealt[world.account("alpha")].bundle_digest)
    rest(*hospitals[1:])
    assert world.current.checked == {}
    rest(boss, world.auditor(), *hospitals)
    assert world.phases() == ["FINAL"]
    assert len(world.current.hospitals) == 4
    assert audit(world).findings == []
