"""Parcels of rounds with clusters: one file for each receiver, who judges complaints, and what others may do."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fl.crypto.share_delivery import SEALED_BYTES
from fl.events import Event
from fl.protocol.audit import mentions_of
from fl.protocol.codec import sha256
from fl.protocol.errors import ParcelsInvalid, VaultMissing, VaultUnavailable
from fl.protocol.names import Address, Blob, Digest
from fl.protocol.parcels import place_of
from fl.protocol.ports import PARCELS, Board, Shelf
from fl.protocol.records import SharesChecked
from fl.protocol.rounds.clusters import Clusters, clusters_of
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.steps import complaints_of
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.ledger_view import LedgerView
from fl.replay.posted_parcels import PostedParcels
from fl.replay.posted_steps import MOST_LOOKS, MOST_NAMES
from fl.replay.received_parcels import received_by
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.trusted_peers import TrustedPeers
from fl.storage.step_board import FolderSteps, name_of
from fl.storage.vault import FolderVault
from tests.support.clusters import TWELVE, ClusterTown
from tests.support.federation import memory_folder, nudge


@pytest.fixture
def town(tmp_path: Path) -> Iterator[ClusterTown]:
    with memory_folder(tmp_path) as folder:
        yield ClusterTown(folder)


def clusters(current: Round) -> Clusters:
    found = clusters_of(current)
    assert found is not None
    return found


def step_all(town: ClusterTown, *, but: Sequence[Address] = ()) -> None:
    for who, hospital in town.hospitals.items():
        if who not in but:
            hospital.step()


def shelf(town: ClusterTown) -> Path:
    return town.folder / "vault" / "steps" / town.current().context.hex() / PARCELS


def said(town: ClusterTown, who: Address, what: Event) -> list[str]:
    return [str(facts.get("reason")) for event, facts in town.party(who).events if event == what]


def readers_of(town: ClusterTown, digest: Digest) -> set[Address]:
    """Return the hospitals that opened a file."""
    return {who for who in town.hospitals if digest in town.vaults[who].opened}


class Spoiling(FolderVault):
    """The outbox of a dealer that seals one parcel wrongly."""

    def __init__(self, folder: Path, place: tuple[int, int]) -> None:
        super().__init__(folder)
        self._at, self._size = 2 + (place[0] + 1) * SEALED_BYTES - 1, 2 + place[1] * SEALED_BYTES

    def put(self, data: Blob) -> Digest:
        if len(data) == self._size:
            spoilt = bytearray(data)
            spoilt[self._at] ^= 1
            data = bytes(spoilt)
        return super().put(data)


def spoil(town: ClusterTown, dealer: Address, victim: Address) -> None:
    """Let a hospital deal a wrong parcel to a mate."""
    party, members = town.party(dealer), clusters(town.current()).members[clusters(town.current()).number_of(dealer)]
    outbox = Spoiling(party.folder / "outbox", place_of(members, dealer, victim))
    ports = replace(town._ports(party), outbox=outbox)
    town.hospitals[dealer] = Hospital(ports, nudge(party.name), TrustedPeers(collusion=0.1))


def test_a_hospital_reads_no_parcels_but_its_own(town: ClusterTown) -> None:
    assert town.play(lambda _who: None) == Phase.FINAL
    current = town.current()
    assert len(current.received) == TWELVE
    assert {who: readers_of(town, digest) for who, digest in current.received.items()} == {
        who: {who} for who in current.roster
    }
    entries = town.reader().replay()
    for who, digest in current.received.items():
        (mention,) = mentions_of(digest, entries)
        assert (mention.what, mention.sender) == ("file of shares", current.opener)
        size = len(town.consortium.vault.get(digest, 1 << 20))
        assert size == len("BAFL/1/received") + 32 + 20 + 2 + 3 * (20 + 210 + 1) + 32 * (
            2 * 3 - paths_cut(current, who)
        )


def paths_cut(current: Round, who: Address) -> int:
    """Return how many of three parcels are the last of three leaves, whose path has one node instead of two."""
    members = clusters(current).members[clusters(current).number_of(who)]
    return sum(place_of(members, dealer, who)[0] == 2 for dealer in members if dealer != who)


def test_a_wrong_parcel_costs_its_dealer_its_place_and_the_mates_judge_by_the_complainants_file(
    town: ClusterTown,
) -> None:
    town.play(lambda _who: None, until=Phase.ADVERTISE)
    members = clusters(town.current()).members[0]
    dealer, victim = members[0], members[2]
    spoil(town, dealer, victim)
    assert town.play(lambda _who: None) == Phase.FINAL
    current = town.current()
    assert [accused for accused, _ in complaints_of(current.checked[victim].complaints)] == [dealer]
    assert {*current.hospitals} == {*current.roster} - {dealer}
    assert said(town, victim, Event.COMPLAINED)
    assert readers_of(town, current.received[victim]) >= {*members} - {dealer}
    assert all(readers_of(town, current.received[who]) == {who} for who in members if who != victim)
    assert (town.audit().findings, town.audit().checks["aggregates"]) == ([], 1)


def test_a_false_complaint_costs_the_complainant_its_place(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.COMPLAIN)
    liar, accused = clusters(town.current()).members[1][:2]
    town.party(liar).ledger.append(SharesChecked(liar, 1, accused + os.urandom(97)))
    assert town.play(lambda who: Phase.ADVERTISE if who == liar else None) == Phase.FINAL
    current = town.current()
    assert {*current.hospitals} == {*current.roster} - {liar}
    assert (town.audit().findings, town.audit().checks["aggregates"]) == ([], 1)


class Forging(FolderVault):
    """The vault of a coordinator that spoils a path in the file for one receiver."""

    def __init__(self, folder: Path, receiver: Address) -> None:
        super().__init__(folder)
        self._receiver = receiver

    def put(self, data: Blob) -> Digest:
        head = bytes(data[:67])
        if head.startswith(b"BAFL/1/received") and head.endswith(self._receiver):
            data = bytes(data[:-1]) + bytes([data[-1] ^ 1])
        return super().put(data)


def test_a_wrong_file_of_the_coordinator_is_named_by_its_receiver_and_by_an_audit(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.SHARE)
    victim = town.current().roster[5]
    ledger = town.coordinator.view.ledger
    assert isinstance(ledger, BatchedLedger)
    ledger._writer._vault = Forging(town.folder / "vault", victim)
    assert town.play(lambda _who: None) == Phase.FINAL
    current = town.current()
    assert {*current.hospitals} == {*current.roster} - {victim}
    (reason,) = said(town, victim, Event.ROUND_REFUSED)
    assert reason.startswith("ParcelsInvalid")
    assert current.received[victim].hex() in reason
    with pytest.raises(ParcelsInvalid):
        received_by(current, victim, town.consortium.vault)
    (finding,) = town.audit().findings
    assert (finding.name, finding.subject) == ("ParcelsInvalid", f"shares for {town.party(victim).name}")


def test_a_receiver_waits_for_its_file_and_the_others_do_not(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.COMPLAIN)
    victim = town.current().roster[3]
    path = town.consortium.vault.path(town.current().received[victim])
    file = path.read_bytes()
    path.unlink()
    step_all(town, but=[victim])
    for _ in range(2):
        with pytest.raises(VaultMissing):
            town.hospitals[victim].step()
    assert town.phase == Phase.COMPLAIN
    path.write_bytes(file)
    assert town.play(lambda _who: None) == Phase.FINAL
    assert len(town.current().hospitals) == TWELVE


def test_a_restarted_hospital_posts_the_same_parcels_and_a_restarted_coordinator_writes_the_same_files(
    town: ClusterTown,
) -> None:
    town.play(lambda _who: None, until=Phase.SHARE)
    step_all(town)
    who, posted = town.current().roster[0], {path.name: path.read_bytes() for path in shelf(town).iterdir()}
    assert len(posted) == TWELVE
    next(shelf(town).glob(f"{who.hex()}-*")).unlink()
    town.restart(who)
    town.hospitals[who].step()
    assert {path.name: path.read_bytes() for path in shelf(town).iterdir()} == posted
    indexes = set()
    for _ in range(2):
        town.restart_coordinator()
        ledger, federation = town.coordinator.view.ledger, LedgerView(town.reader()).refresh()
        assert isinstance(ledger, BatchedLedger)
        gathered = ledger.gather(town.current(), federation.book)
        assert ledger.parcels_of(gathered) == {*gathered.roster}
        indexes.add(ledger._writer._written(town.current(), gathered.roster))
    assert len(indexes) == 1
    assert town.play(lambda _who: None) == Phase.FINAL


def test_a_dealer_whose_parcels_are_not_there_is_left_out(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.SHARE)
    step_all(town)
    lazy = town.current().roster[7]
    next(shelf(town).glob(f"{lazy.hex()}-*")).unlink()
    town.coordinator.step()
    assert town.phase == Phase.SHARE  # they may still come
    assert town.play(lambda who: Phase.ADVERTISE if who == lazy else None) == Phase.FINAL
    assert {*town.current().hospitals} == {*town.current().roster} - {lazy}
    assert lazy in town.current().dealt


def test_what_others_put_on_the_shelf_changes_nothing(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.SHARE)
    current, (victim, other) = town.current(), town.current().roster[:2]
    size = 2 + 3 * SEALED_BYTES
    for number in range(MOST_NAMES - 2):
        town.board.post(current.context, PARCELS, victim, b"\0\3" + number.to_bytes(size - 2, "big"))
    town.board.post(current.context, PARCELS, victim, bytes(size + 1))
    town.board.post(current.context, PARCELS, Address(bytes(20)), bytes(size))
    step_all(town)
    copied = next(shelf(town).glob(f"{other.hex()}-*")).read_bytes()
    (shelf(town) / name_of(victim, copied)).symlink_to(shelf(town) / name_of(other, copied))
    assert town.play(lambda _who: None) == Phase.FINAL
    assert len(town.current().hospitals) == TWELVE


@dataclass
class Counting:
    """A board that counts what is read."""

    inner: Board
    reads: list[str] = field(default_factory=list)

    def post(self, context: bytes, shelf: Shelf, account: Address, data: bytes) -> None:
        self.inner.post(context, shelf, account, data)

    def names(self, context: bytes, shelf: Shelf) -> Sequence[str]:
        return self.inner.names(context, shelf)

    def read(self, context: bytes, shelf: Shelf, name: str, cap: int = 0) -> bytes | None:
        assert cap == 2 + 3 * SEALED_BYTES
        self.reads.append(name)
        return self.inner.read(context, shelf, name, cap)


def test_junk_is_read_a_bounded_number_of_times(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.SHARE)
    step_all(town)
    ledger, victim = town.coordinator.view.ledger, town.current().roster[0]
    assert isinstance(ledger, BatchedLedger)
    gathered = ledger.gather(town.current(), LedgerView(town.reader()).refresh().book)
    next(shelf(town).glob(f"{victim.hex()}-*")).unlink()
    for number in range(2 * MOST_NAMES):
        data = number.to_bytes(4, "big")
        town.board.post(gathered.context, PARCELS, victim, data)
    changed = min(shelf(town).glob(f"{victim.hex()}-*"))
    changed.write_bytes(b"no longer these bytes")
    board = Counting(town.board)
    posted = PostedParcels(board)
    for _ in range(3 * MOST_LOOKS):
        assert posted.present(gathered) == {*gathered.roster} - {victim}
    assert board.reads.count(changed.name) == MOST_LOOKS
    assert len(board.reads) == TWELVE - 1 + MOST_NAMES - 1 + MOST_LOOKS


def test_parcels_that_vanish_before_they_are_sorted_are_missed_and_may_come_back(town: ClusterTown) -> None:
    town.play(lambda _who: None, until=Phase.SHARE)
    step_all(town)
    ledger, current = town.coordinator.view.ledger, town.current()
    assert isinstance(ledger, BatchedLedger)
    gathered = ledger.gather(current, LedgerView(town.reader()).refresh().book)
    posted, roots = PostedParcels(town.board), {who: each.bundle_digest for who, each in gathered.dealt.items()}
    assert posted.present(gathered) == {*gathered.roster}
    path = next(shelf(town).iterdir())
    data = path.read_bytes()
    path.unlink()
    with pytest.raises(VaultMissing):
        list(posted.received(current, roots, gathered.roster))
    assert len(posted.present(gathered)) == TWELVE - 1
    path.write_bytes(data)
    assert len(posted.present(gathered)) == TWELVE
    files = dict(posted.received(current, roots, gathered.roster))
    town.coordinator.step()
    assert {who: sha256(file) for who, file in files.items()} == town.current().received


class Refusing(FolderSteps):
    """A board that takes nothing on one shelf."""

    def __init__(self, folder: Path, shelf: Shelf) -> None:
        super().__init__(folder)
        self._shelf = shelf

    def post(self, context: bytes, shelf: Shelf, account: Address, data: bytes) -> None:
        if shelf == self._shelf:
            raise VaultUnavailable(str(shelf), "it is read-only")
        super().post(context, shelf, account, data)


@pytest.mark.parametrize("refused", [Phase.SHARE, PARCELS])
def test_a_hospital_that_could_not_post_deals_the_same_after_a_restart(town: ClusterTown, refused: Shelf) -> None:
    town.play(lambda _who: None, until=Phase.SHARE)
    who, right = town.current().roster[4], town.board
    town.board = Refusing(town.folder / "vault", refused)
    town.restart(who)
    with pytest.raises(VaultUnavailable):
        town.hospitals[who].step()
    promised = {path.name: path.read_bytes() for path in (town.folder / town.party(who).name / "outbox").rglob("*/*")}
    town.board = right
    town.restart(who)
    town.hospitals[who].step()
    (posted,) = shelf(town).glob(f"{who.hex()}-*")
    assert promised[posted.name.partition("-")[2]] == posted.read_bytes()
    assert town.play(lambda _who: None) == Phase.FINAL
    assert who in town.current().hospitals
