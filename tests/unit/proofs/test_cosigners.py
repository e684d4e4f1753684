"""Who cosigns the log now: what the page of witnesses and `hemaledger status` say, over a ledger in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from fl.crypto.hpke_keys import verify_possession
from fl.crypto.note_keys import NoteKey
from fl.proofs.cosigners import GRACE_S, SILENT_S, LogNow, WitnessNow, WitnessState, log_now
from fl.proofs.log_view import LogView
from fl.protocol.codec import sha256
from fl.protocol.federation import Federation, fold
from fl.protocol.names import NO_ADDRESS, Address, Digest, Role, StatementKind
from fl.protocol.records import (
    CheckpointAnchored,
    FederationOpened,
    MemberRegistered,
    MemberRevoked,
    Record,
    StatementMade,
)
from fl.protocol.tlog.checkpoint import Checkpoint, log_key, witness_key
from fl.protocol.tlog.notes import Note, cosign, sign_log
from tests.support.ledger import MemoryChain, MemoryLedger

OPERATOR, COORDINATOR, AUDITOR, HOSPITAL = (Address(bytes([at]) * 20) for at in (1, 2, 3, 4))
CONSORTIUM, T0 = b"\x51" * 32, 1_800_000_000
KEYS = {account: NoteKey.of_seed(account + bytes(12)) for account in (COORDINATOR, AUDITOR, HOSPITAL)}
NOTHING = Digest(bytes(32))


@dataclass
class World:
    """A keeper, two witnesses, and the notes that somebody has seen."""

    now: int = T0
    notes: list[Note] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chain = MemoryChain(lambda: self.now, OPERATOR, CONSORTIUM)
        for account, role in ((COORDINATOR, Role.COORDINATOR), (AUDITOR, Role.AUDITOR), (HOSPITAL, Role.HOSPITAL)):
            self.append(MemberRegistered(OPERATOR, account, role, role.name.lower()))
        self.append(FederationOpened(COORDINATOR, NO_ADDRESS, 0, NOTHING, NOTHING, NOTHING))
        self._state(StatementKind.LOG, COORDINATOR)
        for account in (AUDITOR, HOSPITAL):
            self._state(StatementKind.WITNESS, account)

    def append(self, record: Record) -> None:
        MemoryLedger(self.chain, record.sender).append(record)

    def _state(self, kind: StatementKind, account: Address) -> None:
        public = KEYS[account].public
        key = log_key(CONSORTIUM, public) if kind == StatementKind.LOG else witness_key(CONSORTIUM, account, public)
        self.append(StatementMade(account, 0, kind, sha256(key.text().encode()), key.text()))

    def anchor(self) -> Checkpoint:
        """Record the checkpoint of the log as it is now."""
        view = LogView(MemoryLedger(self.chain))
        view.refresh()
        checkpoint = view.checkpoint()
        self.append(CheckpointAnchored(COORDINATOR, checkpoint.size, checkpoint.root))
        return checkpoint

    def cosign(self, account: Address, checkpoint: Checkpoint, key: NoteKey | None = None) -> None:
        text, private = checkpoint.text(), key or KEYS[account]
        own = witness_key(CONSORTIUM, account, KEYS[account].public)
        log = sign_log(log_key(CONSORTIUM, KEYS[COORDINATOR].public), KEYS[COORDINATOR].sign, text)
        self.notes.append(Note(text, (log, cosign(own, private.sign, text, self.now))))

    def seen(self) -> LogNow:
        ledger = MemoryLedger(self.chain)
        federation = fold(Federation(ledger.anchor, verify_possession), ledger.replay())
        return log_now(federation, self.notes, self.now)

    def of(self, account: Address) -> WitnessNow:
        (found,) = [each for each in self.seen().witnesses if each.account == account]
        return found


@pytest.fixture
def world() -> World:
    return World()


def test_before_the_first_checkpoint_nobody_is_behind(world: World) -> None:
    seen = world.seen()
    assert (seen.checkpoint, seen.met, seen.quorum, seen.keepers) == (None, False, 2, ("coordinator",))
    assert [(each.name, each.state, each.entries) for each in seen.witnesses] == [
        ("auditor", None, 0),
        ("hospital", None, 0),
    ]


def test_a_witness_cosigns_falls_behind_and_becomes_silent(world: World) -> None:
    first = world.anchor()
    assert world.of(HOSPITAL).state == WitnessState.BEHIND
    world.cosign(HOSPITAL, first)
    assert (world.of(HOSPITAL).state, world.of(HOSPITAL).at) == (WitnessState.COSIGNS, T0)
    world.now += 5 * SILENT_S  # a quiet ledger makes nobody silent
    assert (world.of(HOSPITAL).state, world.of(HOSPITAL).seconds) == (WitnessState.COSIGNS, 0)
    assert world.of(AUDITOR).state == WitnessState.SILENT
    second = world.anchor()
    for later, state in (
        (0, WitnessState.COSIGNS),
        (GRACE_S + 1, WitnessState.BEHIND),
        (SILENT_S + 1, WitnessState.SILENT),
    ):
        world.now = T0 + 5 * SILENT_S + later
        found = world.of(HOSPITAL)
        assert (found.state, found.seconds, found.entries) == (state, later, second.size - first.size)
    world.cosign(HOSPITAL, second)
    assert (world.of(HOSPITAL).state, world.of(HOSPITAL).entries) == (WitnessState.COSIGNS, 0)


def test_the_quorum_counts_who_cosigned_the_newest_checkpoint(world: World) -> None:
    first = world.anchor()
    world.cosign(HOSPITAL, first)
    world.cosign(AUDITOR, first)
    assert (world.seen().checkpoint, world.seen().made_at, world.seen().cosigned_at) == (first, T0, T0)
    assert world.seen().met
    world.now += 60
    second = world.anchor()
    world.cosign(AUDITOR, second)
    seen = world.seen()
    assert ([each.name for each in seen.cosigners], seen.met, seen.cosigned_at) == (["auditor"], False, T0 + 60)


def test_another_root_disagrees_also_beside_the_right_one(world: World) -> None:
    right = world.anchor()
    world.cosign(HOSPITAL, right)
    world.cosign(HOSPITAL, replace(right, root=NOTHING))
    world.cosign(AUDITOR, replace(right, size=right.size - 1, root=NOTHING))
    assert [each.state for each in world.seen().witnesses] == [WitnessState.DISAGREES] * 2
    assert world.seen().cosigners == ()


def test_a_larger_checkpoint_than_this_reader_knows_is_no_disagreement(world: World) -> None:
    right = world.anchor()
    world.cosign(HOSPITAL, replace(right, size=right.size + 9, root=NOTHING))
    assert world.of(HOSPITAL).state == WitnessState.COSIGNS


def test_lines_of_other_keys_and_notes_of_other_logs_count_for_nothing(world: World) -> None:
    right = world.anchor()
    world.cosign(HOSPITAL, right, KEYS[AUDITOR])
    world.cosign(AUDITOR, replace(right, origin="hemaledger/other"))
    world.notes.append(Note(b"no checkpoint\n", world.notes[0].lines))
    assert [each.size for each in world.seen().witnesses] == [None, None]


def test_who_left_is_no_witness(world: World) -> None:
    world.cosign(HOSPITAL, world.anchor())
    world.append(MemberRevoked(OPERATOR, HOSPITAL, "left"))
    assert [each.name for each in world.seen().witnesses] == ["auditor"]


def test_without_a_checkpoint_on_the_ledger_the_signed_one_is_the_newest(world: World) -> None:
    view = LogView(MemoryLedger(world.chain))
    view.refresh()
    world.cosign(HOSPITAL, view.checkpoint(2))
    world.cosign(AUDITOR, view.checkpoint(3))
    seen = world.seen()
    world.cosign(AUDITOR, replace(view.checkpoint(3), root=NOTHING))
    assert world.of(AUDITOR).state == WitnessState.DISAGREES
    assert (seen.checkpoint, seen.made_at) == (view.checkpoint(3), None)
    assert [each.state for each in seen.witnesses] == [WitnessState.COSIGNS, WitnessState.BEHIND]
