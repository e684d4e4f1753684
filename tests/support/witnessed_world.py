"""A log with a keeper and witnesses over a ledger in memory, and the notes that somebody has seen of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from fl.crypto.hpke_keys import verify_possession
from fl.crypto.note_keys import NoteKey
from fl.proofs.cosigners import LogNow, WitnessNow, log_now
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

OPERATOR, CONSORTIUM = Address(b"\xf0" * 20), b"\x51" * 32
NOTHING = Digest(bytes(32))


@dataclass
class LogWorld:
    """The first member keeps the log; all others are witnesses."""

    members: Mapping[str, Role]
    clock: int
    """Seconds since 1970."""
    notes: list[Note] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chain = MemoryChain(lambda: self.clock, OPERATOR, CONSORTIUM)
        self.accounts = {name: Address(bytes([at]) * 20) for at, name in enumerate(self.members, start=1)}
        self.keys = {name: NoteKey.of_seed(account + bytes(12)) for name, account in self.accounts.items()}
        self.keeper, *self.witnesses = self.members
        for name, role in self.members.items():
            self._append(MemberRegistered(OPERATOR, self.accounts[name], role, name))
        who = self.accounts[self.keeper]
        self._append(FederationOpened(who, NO_ADDRESS, 0, NOTHING, NOTHING, NOTHING))
        self._log = log_key(CONSORTIUM, self.keys[self.keeper].public)
        self._state(StatementKind.LOG, self.keeper, self._log.text())
        for name in self.witnesses:
            key = witness_key(CONSORTIUM, self.accounts[name], self.keys[name].public)
            self._state(StatementKind.WITNESS, name, key.text())

    def _append(self, record: Record) -> None:
        MemoryLedger(self.chain, record.sender).append(record)

    def _state(self, kind: StatementKind, name: str, text: str) -> None:
        self._append(StatementMade(self.accounts[name], 0, kind, sha256(text.encode()), text))

    def revoke(self, name: str) -> None:
        self._append(MemberRevoked(OPERATOR, self.accounts[name], "left"))

    def view(self) -> LogView:
        view = LogView(MemoryLedger(self.chain))
        view.refresh()
        return view

    def anchor(self) -> Checkpoint:
        """Record the checkpoint of the log as it is now."""
        checkpoint = self.view().checkpoint()
        self._append(CheckpointAnchored(self.accounts[self.keeper], checkpoint.size, checkpoint.root))
        return checkpoint

    def cosign(self, name: str, checkpoint: Checkpoint, signer: str | None = None) -> None:
        """Show a note with a witness's line; `signer`: with whose key it is made, its own by default."""
        text, private = checkpoint.text(), self.keys[signer or name]
        own = witness_key(CONSORTIUM, self.accounts[name], self.keys[name].public)
        lines = sign_log(self._log, self.keys[self.keeper].sign, text), cosign(own, private.sign, text, self.clock)
        self.notes.append(Note(text, lines))

    def now(self, at: int | None = None) -> LogNow:
        """Return what a reader of ledger and notes sees, at the world's time or a later one."""
        ledger = MemoryLedger(self.chain)
        federation = fold(Federation(ledger.anchor, verify_possession), ledger.replay())
        return log_now(federation, self.notes, self.clock if at is None else at)

    def of(self, name: str) -> WitnessNow:
        (found,) = [each for each in self.now().witnesses if each.name == name]
        return found


@cache
def watched(now: int) -> LogWorld:
    """Return a log with witnesses in every state: its newest checkpoint is two minutes old at `now`."""
    names = {
        "North Coordination Office": Role.COORDINATOR,
        "National Audit Laboratory": Role.AUDITOR,
        "St Elisabeth": Role.HOSPITAL,
        "University Clinic West": Role.HOSPITAL,
        "Lakeside Children's Hospital": Role.HOSPITAL,
        "=HYPERLINK(1)": Role.HOSPITAL,
    }
    world = LogWorld(names, now - 3 * 86_400)
    early = world.anchor()
    world.cosign("University Clinic West", early)
    for before in (7200, 120):
        world.clock = now - before
        late = world.anchor()
    world.clock = now - 60
    world.cosign("National Audit Laboratory", late)
    world.cosign("St Elisabeth", late)
    world.cosign("Lakeside Children's Hospital", replace(late, root=NOTHING))
    return world


@dataclass
class WatchedLog:
    """Implements LogService over such a log."""

    clock: Callable[[], int]
    ask_ledger: Callable[[], None]

    def __post_init__(self) -> None:
        self._world = watched(self.clock())

    def now(self) -> LogNow:
        self.ask_ledger()
        return self._world.now(self.clock())
