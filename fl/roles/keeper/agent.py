"""The keeper's agent: it signs the log, records the root on the ledger, collects cosignatures and publishes.

Invariant: each step is done before the next one: the promise in the journal, the signature, the record on the ledger
(until it counts), the cosignatures, the tiles, and at last the checkpoint. A restart goes on where it was.

Source: PROTOCOL.md 8T.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fl.crypto.note_keys import NoteKey
from fl.events import Event
from fl.proofs.keeping import ListedJournal, Promises, cosigned_names, due
from fl.proofs.log_view import LogView
from fl.proofs.replayed import Replayed
from fl.proofs.trusting import keys_of, trust_of
from fl.proofs.witnessing import newest_anchored
from fl.protocol.errors import CheckpointBackwards, SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.names import Address, StatementKind
from fl.protocol.records import CheckpointAnchored
from fl.protocol.tlog.checkpoint import log_key, parse_checkpoint
from fl.protocol.tlog.notes import Note, SignatureLine, VerifierKey
from fl.replay.ledger_view import LedgerView, Ports
from fl.roles.keeper.asking import Asking, good_lines, merged_lines
from fl.roles.keeper.pending import Pending

EVERY_S = 60.0
"""At most one checkpoint in this time."""


class Shelf(Protocol):
    """Where the log's files are."""

    def checkpoint(self) -> Note | None:
        """Return the published checkpoint, or None."""

    def cosigned(self, text: bytes) -> Sequence[SignatureLine]:
        """Return the lines of witnesses under a checkpoint's text that were stored earlier."""

    def keep(self, account: Address, note: Note) -> None:
        """Store what a witness cosigned; raises StorageFull."""

    def publish(self, view: LogView, note: Note) -> None:
        """Write the tiles that are missing, and then the checkpoint.

        Raises:
            StorageFull: the disk refuses.
            UnavailableError: an entry cannot be read again now.
        """


@dataclass(frozen=True)
class KeepSettings:
    """How a log is kept."""

    every_s: float = EVERY_S
    quorum: int | None = None
    """How many witnesses must cosign before a checkpoint is published; None: more than half of hospitals and
    auditors."""
    outside: tuple[VerifierKey, ...] = ()
    """Keys of witnesses that are no members."""


@dataclass
class Keeper:
    """One keeper of the log."""

    ports: Ports
    replayed: Replayed
    private: NoteKey
    journal: ListedJournal
    asking: Asking
    pending: Pending
    shelf: Shelf
    settings: KeepSettings
    steady: Callable[[], float]
    """Seconds that only grow."""
    promises: Promises = field(init=False)
    _next_at: float = field(init=False, default=0.0)
    _note: Note | None = field(init=False, default=None)
    """The newest checkpoint on the ledger, with its lines so far."""
    _published: Note | None = field(init=False, default=None)
    _why: str = field(init=False, default="")
    """Why nothing can be published now."""

    def __post_init__(self) -> None:
        key = log_key(self.view.ledger.anchor.consortium, self.private.public)
        self.promises = Promises(self.journal, key)

    @property
    def view(self) -> LedgerView:
        return self.replayed.members

    def step(self) -> bool:
        """Make a checkpoint if it is time, else collect cosignatures of the newest; False if there is nothing to do.

        Raises:
            CheckpointForged: the chain has another history than the one that this key signed.
            SettingInvalid: another key of the log is on the ledger, or none.
            HemaledgerError: as Ledger.append and Shelf.publish.
        """
        federation, log = self.view.current(), self.replayed.log
        if not log.entries or log.entries[-1].position != federation.position:
            federation = self.replayed.refresh()
        keepers, logs = keys_of(federation, StatementKind.LOG)
        if self.promises.key not in logs or self.view.ledger.account not in keepers:
            why = "its key is not this member's newest one on the ledger: run `hemaledger log init`"
            raise SettingInvalid("log", why)
        if not self.promises.check(log):
            return False
        size = due(log, keepers, self.promises.largest)
        if size is not None and self.steady() >= self._next_at:
            self._make(size)
            return True
        return self._collect(federation, newest_anchored(log, keepers))

    def finish(self) -> None:
        """Do nothing: everything is on the disk."""

    def _make(self, size: int) -> None:
        """Sign the log at a size, and record its root."""
        log = self.replayed.log
        checkpoint = log.checkpoint(size)
        self.promises.sign(checkpoint, self.private)
        self._next_at = self.steady() + self.settings.every_s
        try:
            self.ports.append(CheckpointAnchored(self.view.ledger.account, size, checkpoint.root))
        except CheckpointBackwards:
            return
        log.refresh()
        self.ports.notify(Event.CHECKPOINT_SIGNED, {"size": size})

    def _collect(self, federation: Federation, size: int) -> bool:
        """Ask the witnesses for the checkpoint of a size; publish it once enough have cosigned."""
        if size == 0:
            return False
        accounts, members = keys_of(federation, StatementKind.WITNESS)
        keys = (*members, *self.settings.outside)
        note = self._begun(size, keys)
        lines = [*self.pending.taken(), *self.asking.collect(note, self.replayed.log.tree, keys)]
        self._note = merged_lines(note, lines)
        self.pending.show(self._note, keys)
        for account, key in zip(accounts, members, strict=True):
            for line in lines:
                if line.is_of(key):
                    self.shelf.keep(account, Note(note.text, (note.lines[0], line)))
        published = self._publish(federation, self._note)
        return bool(lines) or published

    def _begun(self, size: int, keys: Sequence[VerifierKey]) -> Note:
        """Return the checkpoint of a size with the log's line, and the lines of witnesses that are here already."""
        if self._note is not None and parse_checkpoint(self._note.text).size == size:
            return self._note
        signed = self.promises.sign(self.replayed.log.checkpoint(size), self.private)
        stored = [*self.shelf.cosigned(signed.text)]
        published = self.shelf.checkpoint()
        if published is not None and published.text == signed.text:
            stored += published.lines
        self._note = merged_lines(signed, good_lines(signed, stored, keys))
        return self._note

    def _publish(self, federation: Federation, note: Note) -> bool:
        if note == self._published:
            return False
        try:
            policy = trust_of(federation, 0, self.settings.quorum).policy
        except SettingInvalid as error:
            if str(error) != self._why:
                self._why = str(error)
                self.ports.notify(Event.WAITING, {"reason": self._why})
            return False
        names = cosigned_names(note, policy)
        if not policy.met_by(names):
            return False
        self.shelf.publish(self.replayed.log, note)
        self._published = note
        facts = {"size": parse_checkpoint(note.text).size, "witnesses": len(names), "of": len(policy.witnesses)}
        self.ports.notify(Event.CHECKPOINT_PUBLISHED, facts)
        return True
