"""A trustee is stopped before and after each of its writes in a ceremony, and started again from its folder."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fl.crypto.group import base_mult
from fl.protocol.federation import Federation
from fl.protocol.keys.ceremony import Ceremony, CeremonyPhase
from fl.protocol.names import CeremonyKind
from fl.protocol.records import CeremonyChecked, CeremonyCommitted, CeremonyConfirmed, CeremonyDealt, Entry, KeyRotated
from fl.replay.committees import committee_keys
from fl.roles.trustee.agent import Trustee
from tests.support.clinic import TEXT, USE, Clinic
from tests.support.federation import Clock, Party, found, memory_connect, memory_folder, settle
from tests.support.ledger import MemoryLedger
from tests.support.power import Fuse, PowerCut, fused, fused_safe, moments

FIRST = [
    "outbox.put",
    "journal.once dealing",
    "append CeremonyCommitted",
    "append CeremonyPhaseClosed",
    "vault.put",
    "append CeremonyDealt",
    "append CeremonyChecked",
    "shares.put",
    "append CeremonyConfirmed",
]
LAST = ["keys.create", "append KeyRotated", "keys.destroy"]
WRITES = {
    CeremonyKind.GENERATE: [*FIRST, *LAST],
    CeremonyKind.REFRESH: [*FIRST, "shares.erase", *LAST],
    CeremonyKind.RESHARE: [*FIRST, "shares.erase", *LAST],
}
MOMENTS = [
    pytest.param(kind, moment, id=f"{kind.name} {moment} {what}")
    for kind, writes in WRITES.items()
    for moment, what in enumerate(moments(writes))
]
ONCE = (CeremonyCommitted, CeremonyDealt, CeremonyChecked, CeremonyConfirmed, KeyRotated)


@dataclass(frozen=True)
class Begun:
    """A ledger on which a ceremony has just begun, and the trustees' disks of that moment."""

    folder: Path
    entries: list[Entry]
    federation: Federation


class Town:
    """A clinic that can be brought back to where its ceremony begins, for every kind of ceremony."""

    def __init__(self, folder: Path) -> None:
        clock = Clock()
        self.clinic = Clinic(folder, found(folder, memory_connect(clock), now=clock), clock, [], [])
        assert isinstance(self.clinic.consortium.operator, MemoryLedger)
        self.chain = self.clinic.consortium.operator._chain
        for name in ("ada", "ben", "cleo"):
            self.clinic.add(name)
        self.begun = {CeremonyKind.GENERATE: self._begun(CeremonyKind.GENERATE)}
        settle(*self.clinic.trustees)
        self.file, self.capsule = self.clinic.record()
        for kind in (CeremonyKind.REFRESH, CeremonyKind.RESHARE):
            before = list(self.chain.entries), self.chain.federation
            self.begun[kind] = self._begun(kind)
            self.chain.entries, self.chain.federation = before

    def _begun(self, kind: CeremonyKind) -> Begun:
        self.clinic.start(kind, self.clinic.parties)
        folder = self.clinic.folder / kind.name
        for party in self.clinic.parties:
            shutil.copytree(party.folder, folder / party.name)
        return Begun(folder, list(self.chain.entries), self.chain.federation)

    def begin(self, kind: CeremonyKind) -> None:
        """Bring ledger and disks back, and forget every process."""
        begun = self.begun[kind]
        self.chain.entries, self.chain.federation = list(begun.entries), begun.federation
        for party in self.clinic.parties:
            shutil.rmtree(party.folder)
            shutil.copytree(begun.folder / party.name, party.folder)
            party.events.clear()
        self.clinic.trustees[:] = [self.trustee(party) for party in self.clinic.parties]

    def trustee(self, party: Party, fuse: Fuse | None = None) -> Trustee:
        fuse, ports = fuse or Fuse(), party.ports(self.clinic.consortium.vault)
        return Trustee(fused(ports, fuse), fused_safe(self.clinic.safe(party), fuse))

    @property
    def ada(self) -> Party:
        return self.clinic.parties[0]

    @property
    def others(self) -> list[Trustee]:
        return self.clinic.trustees[1:]

    @property
    def ceremony(self) -> Ceremony:
        newest = self.clinic.federation.threshold.ceremony(USE)
        assert newest is not None
        return newest


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with memory_folder(tmp_path_factory.mktemp("town")) as folder:
        yield Town(folder)


def secrets_of(party: Party) -> list[str]:
    """Return every file of a trustee's disk that could hold a share or a private key, hidden ones too."""
    return sorted(path.name for path in party.folder.rglob("*") if path.parent.name == "shares" or ".pem" in path.name)


def check_end(town: Town) -> None:
    """Everybody holds a share of the same outcome and nothing older; everything was recorded and reported once."""
    ceremony, threshold = town.ceremony, town.clinic.federation.threshold
    assert ceremony.phase == CeremonyPhase.DONE
    assert len(ceremony.confirmed) == 3
    made = committee_keys(threshold, USE, ceremony.number)  # what was confirmed follows from what was dealt
    for party in town.clinic.parties:
        key = town.clinic.federation.book.active(party.account).key
        assert key is not None
        assert key.epoch == ceremony.keys[party.account].epoch + 1
        assert key.public_key == party.safe.keys.of(key.epoch).public_key
        assert secrets_of(party) == [f"hpke-{key.epoch}.pem", f"records-{ceremony.number}.json"]
        assert not {reported: times for reported, times in Counter(map(repr, party.events)).items() if times > 1}
    held = town.clinic.safe(town.ada).shares.get(USE, ceremony.number)
    assert base_mult(held.share) == made.share_of(town.ada.account)


@pytest.mark.parametrize("kind", WRITES)
def test_every_step_is_on_the_own_disk_before_anybody_hears_of_it(town: Town, kind: CeremonyKind) -> None:
    town.begin(kind)
    fuse = Fuse()
    settle(town.trustee(town.ada, fuse), *town.others)
    assert fuse.passed == moments(WRITES[kind])
    check_end(town)
    if kind != CeremonyKind.GENERATE:
        number = town.clinic.ask(town.capsule)
        for trustee in town.clinic.trustees[:2]:
            trustee.approve(number)
        assert town.clinic.open(number, town.file, town.capsule) == TEXT


@pytest.mark.parametrize(("kind", "moment"), MOMENTS)
def test_a_trustee_that_stops_anywhere_ends_the_same_ceremony(town: Town, kind: CeremonyKind, moment: int) -> None:
    town.begin(kind)
    with pytest.raises(PowerCut):
        settle(town.trustee(town.ada, Fuse(moment)), *town.others)
    journal = town.ada.ports(town.clinic.consortium.vault).journal
    promise = f"dealing/{town.ceremony.context.hex()}"
    promised = journal.get(promise)
    begun = len(town.begun[kind].entries)
    settle(*town.others)  # they go on as far as they can
    settle(town.trustee(town.ada), *town.others)
    check_end(town)
    assert promised in {None, journal.get(promise)}
    made = [entry.record for entry in town.chain.entries[begun:] if isinstance(entry.record, ONCE)]
    mine = [type(record) for record in made if record.sender == town.ada.account]
    assert sorted(mine, key=ONCE.index) == list(ONCE)


def test_what_a_cut_inside_a_write_or_an_erasure_leaves_is_gone_after_the_next_start(town: Town) -> None:
    """A share and a key that were overwritten but not removed, and the copies that their writing left."""
    town.begin(CeremonyKind.REFRESH)
    erasing = moments(WRITES[CeremonyKind.REFRESH]).index("before shares.erase")
    with pytest.raises(PowerCut):
        settle(town.trustee(town.ada, Fuse(erasing)), *town.others)
    for path in (town.ada.folder / "shares" / "records-1.json", town.ada.folder / "hpke-2.pem"):
        shutil.copy(path, path.with_name(f".{path.name}.0123456789ab.part"))
        path.write_bytes(bytes(path.stat().st_size))
    settle(*town.others)
    settle(town.trustee(town.ada), *town.others)
    check_end(town)
