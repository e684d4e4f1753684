"""A witness that answers logs and asks its keeper: C2SP tlog-witness over this member's own replay.

Invariant: what it answers with 200 is on its disk first. Once the ledger is read, a request that no log of the
consortium signed reads nothing from the chain. One request at a time is judged.

Source: PROTOCOL.md 8T.3; C2SP tlog-witness 1.0.0.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fl.crypto.note_keys import NoteKey
from fl.events import Event, Notify
from fl.proofs.replayed import Replayed
from fl.proofs.witnessing import Witness, WitnessState
from fl.protocol.errors import (
    ChainReorg,
    CheckpointEarly,
    CheckpointForged,
    ConsistencyInvalid,
    CosignedOther,
    HemaledgerError,
    LogSignatureInvalid,
    ProofMalformed,
    WitnessForgot,
)
from fl.protocol.names import StatementKind
from fl.protocol.tlog.checkpoint import parse_checkpoint
from fl.protocol.tlog.notes import Note, VerifierKey
from fl.protocol.tlog.witness_call import SIZE_TYPE, AddCheckpoint, parse_add

PATIENCE_S = 10.0
"""How long a request waits for the one before it."""
RETRY_S = 15
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    """The answer to one request."""

    status: int
    body: bytes
    type: str = TEXT
    retry_s: int = 0
    """More than 0: the same request may succeed so many seconds later."""


@dataclass
class WitnessDesk:
    """Answers requests for cosignatures; safe to use from several threads."""

    replayed: Replayed
    key: VerifierKey
    private: NoteKey
    state: WitnessState
    now: Callable[[], int]
    notify: Notify
    dispute: Callable[[Note], None]
    """Keeps a checkpoint of another history, as evidence."""
    reopen: Callable[[], Replayed]
    """Reads the ledger from its beginning, after the chain took back records."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refresh(self) -> None:
        """Read what is new on the ledger; raises as Replayed.refresh."""
        with self._judging():
            self._read()

    def add(self, body: bytes) -> Answer:
        """Answer `add-checkpoint`."""
        try:
            request = parse_add(body)
            checkpoint = parse_checkpoint(request.note.text)
        except ProofMalformed as error:
            return _said(400, error)
        if checkpoint.origin != self.replayed.log.origin:
            return Answer(404, b"this witness does not know that log\n")
        try:
            with self._judging():
                self._witness().checked(request.note)
                if request.old > checkpoint.size:
                    return Answer(400, b"the old size is larger than the size\n")
                line = self._cosigned(request.note, request)
            return Answer(200, (line + "\n").encode())
        except HemaledgerError as error:
            return self._refused(request, error)

    def cosign(self, note: Note) -> Note:
        """Return a checkpoint of the log with this witness's line; raises as Witness.cosign and Replayed.refresh."""
        with self._judging():
            self._witness().checked(note)
            self._cosigned(note, None)
            return self.state.newest() or note

    def newest(self) -> Note | None:
        """Return the newest checkpoint that this witness cosigned; None: none that it knows of."""
        try:
            note = self.state.newest()
        except WitnessForgot:
            return None
        return note if self._witness().time_of(note) else None

    def largest(self, shown: Iterable[Note]) -> Note | None:
        """Return the largest checkpoint of the log among those that others showed."""
        return self._witness().largest(list(shown))

    def _cosigned(self, note: Note, request: AddCheckpoint | None) -> str:
        self._read()
        old, proof = (request.old, request.proof) if request else (None, ())
        line = self._witness().cosign(note, old, proof)
        self.notify(Event.CHECKPOINT_COSIGNED, {"size": parse_checkpoint(note.text).size})
        return line.text()

    def _read(self) -> None:
        try:
            self.replayed.refresh()
        except ChainReorg as error:
            self.notify(Event.REORG_SEEN, {"block": error.block})
            self.replayed = self.reopen()
            self.replayed.refresh()

    def _witness(self) -> Witness:
        keepers, logs = self.replayed.keys(StatementKind.LOG)
        return Witness(self.replayed.log, logs, keepers, self.key, self.private, self.state, self.now)

    @contextmanager
    def _judging(self) -> Iterator[None]:
        if not self.lock.acquire(timeout=PATIENCE_S):
            raise CheckpointEarly(0, "this witness is busy")
        try:
            if not self.replayed.log.entries:
                self._read()
            yield
        finally:
            self.lock.release()

    def _refused(self, request: AddCheckpoint, error: HemaledgerError) -> Answer:
        match error:
            case LogSignatureInvalid():
                return _said(403, error)
            case CosignedOther(size=size):
                self._compare(request.note)
                return Answer(409, f"{size}\n".encode(), SIZE_TYPE)
            case ConsistencyInvalid() | CheckpointForged():
                self._compare(request.note)
                return _said(422, error)
            case CheckpointEarly():
                return _said(503, error)
        self.notify(Event.WAITING, {"reason": str(error)})
        return _said(503, error)

    def _compare(self, note: Note) -> None:
        """Keep a note that the log signed and that the own replay contradicts."""
        checkpoint, log = parse_checkpoint(note.text), self.replayed.log
        if checkpoint.size <= len(log.tree) and log.checkpoint(checkpoint.size) != checkpoint:
            self.dispute(note)
            self.notify(Event.ALARM, {"reason": str(CheckpointForged(checkpoint.size, "its root is another one"))})


def _said(status: int, error: HemaledgerError) -> Answer:
    return Answer(status, f"{error}\n".encode(), retry_s=RETRY_S if status == 503 else 0)  # noqa: PLR2004 - HTTP
