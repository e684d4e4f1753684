"""When a log is signed, and when a witness cosigns it.

Invariant: neither signs two roots for one size. A witness signs only a root that its own replay of the chain gives,
and only after a keeper recorded it on the chain; its sizes never sink.

Source: PROTOCOL.md 8T.3; C2SP tlog-cosignature and tlog-witness.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from fl.crypto import note_keys
from fl.crypto.note_keys import NoteKey
from fl.proofs.log_view import LogView
from fl.protocol.errors import CheckpointEarly, CheckpointForged, LogSignatureInvalid
from fl.protocol.names import Address
from fl.protocol.ports import Journal
from fl.protocol.records import CheckpointAnchored
from fl.protocol.tlog.checkpoint import Checkpoint, parse_checkpoint
from fl.protocol.tlog.notes import Note, SignatureLine, VerifierKey, cosign, log_signed, sign_log

_LOG, _WITNESS = "checkpoint", "cosigned"


def sign_checkpoint(checkpoint: Checkpoint, key: VerifierKey, private: NoteKey, journal: Journal) -> Note:
    """Return the checkpoint with the log's signature; the promise is in the journal first.

    Raises:
        CheckpointForged: this keeper promised another root of this size.
    """
    _promise(journal, _LOG, checkpoint)
    text = checkpoint.text()
    return Note(text, (sign_log(key, private.sign, text),))


@dataclass(frozen=True)
class Witness:
    """A member that cosigns what it has replayed."""

    view: LogView
    """Of the member's own node."""
    logs: tuple[VerifierKey, ...]
    keepers: tuple[Address, ...]
    key: VerifierKey
    private: NoteKey
    journal: Journal
    now: Callable[[], int]

    def cosign(self, note: Note) -> SignatureLine:
        """Return this witness's line under a checkpoint.

        Raises:
            LogSignatureInvalid: no log that the members stated signed it.
            CheckpointEarly: it is not replayed or not recorded yet, or the ledger has a newer one.
            CheckpointForged: the own replay gives another root, or another root of this size was cosigned.
        """
        checkpoint = parse_checkpoint(note.text)
        signed = any(log_signed(line, key, note.text, note_keys.verify) for line in note.lines for key in self.logs)
        if checkpoint.origin != self.view.origin or not signed:
            raise LogSignatureInvalid("no log of this consortium signed the checkpoint")
        self._check_replayed(checkpoint)
        _promise(self.journal, _WITNESS, checkpoint)
        return cosign(self.key, self.private.sign, note.text, self.now())

    def _check_replayed(self, checkpoint: Checkpoint) -> None:
        size = checkpoint.size
        if size > len(self.view.tree):
            raise CheckpointEarly(size, f"this member has replayed {len(self.view.tree)} records so far")
        if size == 0 or self.view.checkpoint(size) != checkpoint:
            raise CheckpointForged(size, "its root is another one than that of the records on the chain")
        newest = newest_anchored(self.view, self.keepers)
        if newest < size:
            raise CheckpointEarly(size, "no keeper recorded it on the ledger yet")
        if newest > size:
            raise CheckpointEarly(size, f"the ledger has a newer one, of {newest} records; cosign that one")


def newest_anchored(view: LogView, keepers: Collection[Address]) -> int:
    """Return the largest size of a right checkpoint that a keeper recorded on the ledger; 0 without one.

    As the chain goes on, it never sinks; so a witness that signs only this size signs ever larger ones.
    """
    largest = 0
    for place, entry in enumerate(view.entries):
        record = entry.record
        if isinstance(record, CheckpointAnchored) and record.sender in keepers and largest < record.size <= place:
            largest = record.size if view.tree.root(record.size) == record.root else largest
    return largest


def _promise(journal: Journal, what: str, checkpoint: Checkpoint) -> None:
    """Note durably that this root of this size is signed, or raise CheckpointForged if another one was."""
    if journal.once(f"{what}/{checkpoint.size}", checkpoint.root) != checkpoint.root:
        raise CheckpointForged(checkpoint.size, "another root of this size was signed here before")
