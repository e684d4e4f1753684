"""A keeper of the log over a ledger in memory: when it signs, what it publishes, and that only a fork stops it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.transactions.eip712 import AccountEndorser
from chain.transactions.keystore import AccountKey
from fl.crypto.note_keys import verify
from fl.events import Event
from fl.proofs.log_view import LogView
from fl.proofs.replayed import Replayed
from fl.protocol.errors import CheckpointForged, LedgerSilent, ServerSilent, SettingInvalid
from fl.protocol.names import Digest, StatementKind
from fl.protocol.records import CheckpointAnchored, Receipt, Record, RecordsAnchored
from fl.protocol.tlog.checkpoint import log_key, parse_checkpoint
from fl.protocol.tlog.notes import Note, cosigned_at
from fl.replay.ledger_view import Keyring, LedgerView, Ports
from fl.roles.keeper.agent import Keeper, KeepSettings
from fl.roles.keeper.asking import Asking, AsksWitness, Reply
from fl.roles.keeper.pending import Pending
from fl.storage.journal import SqliteJournal
from fl.storage.log_folder import LogFolder
from fl.storage.vault import FolderVault
from tests.support.ledger import MemoryLedger
from tests.support.log_world import CONSORTIUM, COORDINATOR, HOSPITALS, KEYS, T0, Watched, World


@dataclass
class Near:
    """A witness in this process; it can be away."""

    watched: Watched
    name: str = "near"
    away: bool = False
    asked: int = 0

    def add(self, body: bytes) -> Reply:
        self.asked += 1
        if self.away:
            raise ServerSilent(self.name, "there is no connection")
        answer = self.watched.desk.add(body)
        return Reply(answer.status, answer.body)


@dataclass
class Kept:
    """A keeper with one witness, a clock that a test moves, and everything that was said."""

    folder: Path
    world: World = field(init=False)
    clock: float = 1000.0
    events: list[tuple[Event, Mapping[str, object]]] = field(default_factory=list)
    dying: bool = False

    def __post_init__(self) -> None:
        self.world = World(self.folder)
        self.watched = Watched(self.world)
        self.near = Near(self.watched)
        self.pending = Pending()
        self.shelf = LogFolder(self.folder / "log")

    def keeper(self, *witnesses: AsksWitness) -> Keeper:
        ledger = (Dying if self.dying else MemoryLedger)(self.world.chain, COORDINATOR)

        def notify(event: Event, facts: Mapping[str, object]) -> None:
            self.events.append((event, facts))

        endorser, vault = AccountEndorser(AccountKey(b"\x01" * 32)), FolderVault(self.folder / "vault")
        journal = SqliteJournal(self.folder / "coordinator.sqlite")
        ports = Ports(ledger, endorser, vault, vault, journal, Keyring({}), lambda: T0, notify)
        return Keeper(
            ports=ports,
            replayed=Replayed(LogView(MemoryLedger(self.world.chain)), LedgerView(ledger)),
            private=KEYS[COORDINATOR],
            journal=journal,
            asking=Asking(witnesses or (self.near,), notify, lambda: self.clock),
            pending=self.pending,
            shelf=self.shelf,
            settings=KeepSettings(60.0, 1),
            steady=lambda: self.clock,
        )

    def settle(self, keeper: Keeper) -> None:
        """Let the keeper do what it can do now."""
        for _ in range(20):
            if not keeper.step():
                return
        raise AssertionError("it never came to rest")

    def anchored(self) -> list[int]:
        return [each.record.size for each in self.world.chain.entries if isinstance(each.record, CheckpointAnchored)]

    def record(self, number: int) -> None:
        self.world.append(RecordsAnchored(HOSPITALS[1], number, Digest(bytes([number]) * 32)))

    def said(self, event: Event) -> list[Mapping[str, object]]:
        return [facts for what, facts in self.events if what == event]


class Dying(MemoryLedger):
    """A ledger that its owner never reaches: the power goes before a record is sent."""

    def append(self, record: Record) -> Receipt:  # noqa: ARG002 - a port
        raise LedgerSilent(1.0)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    made = Kept(tmp_path)
    made.world.state(StatementKind.WITNESS, HOSPITALS[0])
    return made


def size_of(note: Note | None) -> int:
    assert note is not None
    return parse_checkpoint(note.text).size


def test_it_signs_once_a_minute_and_only_what_is_new(kept: Kept) -> None:
    keeper = kept.keeper()
    kept.settle(keeper)
    size = len(kept.world.chain.entries) - 1
    assert (kept.anchored(), size_of(kept.shelf.checkpoint())) == ([size], size)
    kept.clock += 600
    kept.settle(keeper)
    assert kept.anchored() == [size], "a checkpoint alone is nothing new"
    kept.record(1)
    kept.settle(keeper)
    kept.record(2)
    kept.settle(keeper)
    assert kept.anchored() == [size, size + 2], "the second one waits"
    kept.clock += 60
    kept.settle(keeper)
    assert kept.anchored() == [size, size + 2, size + 4]
    note = kept.shelf.checkpoint()
    assert size_of(note) == size + 4
    assert note is not None
    assert [cosigned_at(line, kept.watched.desk.key, note.text, verify) for line in note.lines] == [None, T0 + 5]


def test_nothing_is_published_before_enough_witnesses_cosigned_and_each_is_asked_later_and_later(kept: Kept) -> None:
    kept.near.away = True
    keeper = kept.keeper()
    kept.settle(keeper)
    assert kept.shelf.checkpoint() is None
    for _ in range(200):
        kept.clock += 1
        kept.settle(keeper)
    assert kept.near.asked < 14
    assert len(kept.said(Event.WITNESS_FAILED)) == 1, "the same fault is said once"
    kept.near.away = False
    kept.clock += 60
    kept.settle(keeper)
    assert size_of(kept.shelf.checkpoint()) == kept.anchored()[-1]
    assert [facts["witnesses"] for facts in kept.said(Event.CHECKPOINT_PUBLISHED)] == [1]


def test_a_witness_that_cannot_be_reached_hands_in_its_line(kept: Kept) -> None:
    kept.near.away = True
    keeper = kept.keeper()
    kept.settle(keeper)
    waiting = kept.pending.note()
    assert waiting is not None
    stranger = Note(waiting.text, (*waiting.lines, waiting.lines[0]))
    assert kept.pending.offer(stranger) is False
    cosigned = kept.watched.desk.cosign(waiting)
    many = Note(cosigned.text, (*cosigned.lines, *cosigned.lines[-1:] * 50))
    assert [kept.pending.offer(each) for each in (many, cosigned)] == [True, True]
    assert list(kept.pending.taken()) == [cosigned.lines[-1]], "one line sent again and again takes no memory"
    kept.pending.show(waiting, [kept.watched.desk.key])
    assert kept.pending.offer(cosigned) is True
    kept.settle(keeper)
    assert size_of(kept.shelf.checkpoint()) == kept.anchored()[-1]
    kept.record(1)
    kept.clock += 60
    kept.settle(keeper)
    assert kept.pending.offer(cosigned) is None, "another checkpoint waits now"


def test_a_line_of_a_stranger_is_not_published(kept: Kept) -> None:
    @dataclass
    class Stranger:
        name: str = "stranger"

        def add(self, body: bytes) -> Reply:
            answer = kept.watched.desk.add(body)
            return Reply(answer.status, answer.body.replace(b"5151", b"5252"))

    keeper = kept.keeper(Stranger())
    kept.settle(keeper)
    assert kept.shelf.checkpoint() is None
    assert "no line of a known witness" in str(kept.said(Event.WITNESS_FAILED)[0]["reason"])


@settings(max_examples=15, deadline=None)
@given(fate=st.lists(st.sampled_from(["record", "wait", "crash", "before anchor"]), max_size=10))
def test_a_keeper_that_dies_anywhere_never_signs_two_roots_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory, fate: list[str]
) -> None:
    kept = Kept(tmp_path_factory.mktemp("keeper"))
    kept.world.state(StatementKind.WITNESS, HOSPITALS[0])
    keeper, number = kept.keeper(), 0

    for what in fate:
        if what == "record":
            number += 1
            kept.record(number)
        kept.clock += 60
        if what == "before anchor":
            number += 1
            kept.record(number)
            kept.dying = True
            dying = kept.keeper()
            with pytest.raises(LedgerSilent):
                kept.settle(dying)
            kept.dying = False
        if what != "wait":
            keeper = kept.keeper()
        kept.settle(keeper)
    kept.clock += 60
    kept.settle(keeper)
    kept.clock += 60
    kept.settle(keeper)
    sizes = kept.anchored()
    assert sizes == sorted(set(sizes))
    view = LogView(MemoryLedger(kept.world.chain))
    view.refresh()
    note = kept.shelf.checkpoint()
    assert note is not None
    assert view.checkpoint(size_of(note)) == parse_checkpoint(note.text)
    assert all(isinstance(each.record, CheckpointAnchored) for each in view.entries[size_of(note) :])


def test_a_chain_that_contradicts_what_was_signed_stops_it_for_good(kept: Kept) -> None:
    keeper = kept.keeper()
    kept.settle(keeper)
    kept.record(1)
    kept.record(2)
    kept.clock += 60
    kept.settle(keeper)
    chain = kept.world.chain
    entries, before = chain.entries, kept.anchored()[0] + 1
    other = World(kept.folder)
    other.state(StatementKind.WITNESS, HOSPITALS[0])
    assert other.chain.entries == entries[: before - 1]
    kept.world.chain = other.chain
    kept.settle(kept.keeper())
    assert kept.anchored() == [], "a chain that is shorter than what was signed is waited for"
    for number in range(9):
        kept.record(number + 1)
    stopped = kept.keeper()
    for each in (stopped, stopped, kept.keeper()):
        with pytest.raises(CheckpointForged, match="another root of this size"):
            each.step()
    assert kept.anchored() == []


def test_it_signs_with_the_key_that_the_ledger_names(kept: Kept) -> None:
    keeper = kept.keeper()
    key = log_key(CONSORTIUM, KEYS[HOSPITALS[2]].public)
    kept.world.state(StatementKind.LOG, COORDINATOR, key.text())
    with pytest.raises(SettingInvalid, match="hemaledger log init"):
        keeper.step()


def test_entries_that_were_published_once_are_not_served_without_the_option(kept: Kept) -> None:
    kept.shelf = LogFolder(kept.folder / "log", lambda entry: entry.leaf)
    kept.settle(kept.keeper())
    size = size_of(kept.shelf.checkpoint())
    shown = [kept.shelf.tile(f"tile/{level}/000.p/{size}") for level in ("0", "entries")]
    closed = LogFolder(kept.folder / "log")
    assert None not in shown
    assert [closed.tile(f"tile/{level}/000.p/{size}") for level in ("0", "entries")] == [shown[0], None]
