"""A consortium over a ledger in memory, with a keeper of the log and a witness."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fl.crypto.hpke_keys import verify_possession
from fl.crypto.note_keys import NoteKey
from fl.events import Event
from fl.proofs.log_view import LogView
from fl.proofs.replayed import Replayed
from fl.proofs.trusting import keys_of
from fl.proofs.witnessing import Witness, sign_checkpoint
from fl.protocol.codec import sha256
from fl.protocol.federation import Federation, fold
from fl.protocol.names import NO_ADDRESS, Address, Digest, Role, StatementKind
from fl.protocol.records import (
    CheckpointAnchored,
    FederationOpened,
    MemberRegistered,
    Record,
    RecordsAnchored,
    StatementMade,
)
from fl.protocol.tlog.checkpoint import Checkpoint, log_key, parse_checkpoint, witness_key
from fl.protocol.tlog.notes import Note, VerifierKey
from fl.protocol.tlog.witness_call import AddCheckpoint
from fl.replay.ledger_view import LedgerView
from fl.roles.witness import Answer, WitnessDesk
from fl.storage.journal import SqliteJournal
from fl.storage.witness_state import FolderWitnessState
from tests.support.ledger import MemoryChain, MemoryLedger

OPERATOR, COORDINATOR, AUDITOR = (Address(bytes([at]) * 20) for at in (1, 2, 3))
HOSPITALS = tuple(Address(bytes([at]) * 20) for at in (4, 5, 6))
CONSORTIUM, T0 = b"\x51" * 32, 1_800_000_000
KEYS = {account: NoteKey.of_seed(account + bytes(12)) for account in (COORDINATOR, AUDITOR, *HOSPITALS)}


@dataclass
class World:
    """Its keeper is the coordinator, its witness the first hospital."""

    folder: Path
    chain: MemoryChain = field(default_factory=lambda: MemoryChain(lambda: T0, OPERATOR, CONSORTIUM))

    def __post_init__(self) -> None:
        roles = [
            (COORDINATOR, Role.COORDINATOR),
            (AUDITOR, Role.AUDITOR),
            *((each, Role.HOSPITAL) for each in HOSPITALS),
        ]
        for account, role in roles:
            self.append(MemberRegistered(OPERATOR, account, role, f"{role.name.lower()} {account[0]}"))
        self.append(
            FederationOpened(COORDINATOR, NO_ADDRESS, 0, Digest(bytes(32)), Digest(bytes(32)), Digest(bytes(32)))
        )
        self.state(StatementKind.LOG, COORDINATOR)
        self.view = LogView(MemoryLedger(self.chain))

    def append(self, record: Record) -> None:
        MemoryLedger(self.chain, record.sender).append(record)

    def state(self, kind: StatementKind, account: Address, text: str | None = None) -> VerifierKey:
        public = KEYS[account].public
        key = log_key(CONSORTIUM, public) if kind == StatementKind.LOG else witness_key(CONSORTIUM, account, public)
        said = key.text() if text is None else text
        self.append(StatementMade(account, 0, kind, sha256(said.encode()), said))
        return key

    @property
    def federation(self) -> Federation:
        ledger = MemoryLedger(self.chain)
        return fold(Federation(ledger.anchor, verify_possession), ledger.replay())

    def signed(self, checkpoint: Checkpoint | None = None) -> Note:
        self.view.refresh()
        journal = SqliteJournal(self.folder / "keeper.sqlite")
        key = log_key(CONSORTIUM, KEYS[COORDINATOR].public)
        return sign_checkpoint(checkpoint or self.view.checkpoint(), key, KEYS[COORDINATOR], journal)

    def anchor(self, note: Note) -> None:
        checkpoint = parse_checkpoint(note.text)
        self.append(CheckpointAnchored(COORDINATOR, checkpoint.size, checkpoint.root))
        self.view.refresh()

    def witness(self) -> Witness:
        keepers, logs = keys_of(self.federation, StatementKind.LOG)
        key = witness_key(CONSORTIUM, HOSPITALS[0], KEYS[HOSPITALS[0]].public)
        state = FolderWitnessState(self.folder, "alpha")
        state.begin()
        return Witness(self.view, tuple(logs), tuple(keepers), key, KEYS[HOSPITALS[0]], state, lambda: T0 + 5)


class Watched:
    """A witness over the world, and everything that it said and kept."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.events: list[Event] = []
        self.disputed: list[Note] = []
        own = world.witness()
        self.desk = WitnessDesk(
            replayed=self.reopen(),
            key=own.key,
            private=own.private,
            state=own.state,
            now=lambda: T0 + 5,
            notify=lambda event, _facts: self.events.append(event),
            dispute=self.disputed.append,
            reopen=self.reopen,
        )
        self.desk.refresh()
        self.batches = 0

    def reopen(self) -> Replayed:
        return Replayed(LogView(MemoryLedger(self.world.chain)), LedgerView(MemoryLedger(self.world.chain)))

    def grow(self) -> Note:
        """Put a record on the ledger, and record a checkpoint of it."""
        self.batches += 1
        self.world.append(RecordsAnchored(HOSPITALS[1], self.batches, Digest(bytes([self.batches]) * 32)))
        note = self.world.signed()
        self.world.anchor(note)
        return note

    def ask(self, note: Note, old: int, proof_from: int | None = None) -> Answer:
        size, tree = parse_checkpoint(note.text).size, self.world.view.tree
        begin = old if proof_from is None else proof_from
        proof = tree.consistency(begin, size) if begin <= size <= len(tree) else ()
        return self.desk.add(AddCheckpoint(old, proof, note).encoded())
