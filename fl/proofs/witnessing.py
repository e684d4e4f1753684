"""When a log is signed, and when a witness cosigns it.

Invariant: neither signs two roots for one size. A witness signs only a root that its own replay of the chain gives,
and only after a keeper recorded it on the chain; its sizes never sink.

Source: PROTOCOL.md 8T.3; C2SP tlog-cosignature and tlog-witness.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from fl.crypto import note_keys
from fl.crypto.note_keys import NoteKey
from fl.proofs.log_view import LogView
from fl.protocol.errors import (
    CheckpointEarly,
    CheckpointForged,
    ConsistencyInvalid,
    CosignedOther,
    LogSignatureInvalid,
    ProofMalformed,
)
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Journal
from fl.protocol.records import CheckpointAnchored
from fl.protocol.tlog.checkpoint import Checkpoint, parse_checkpoint
from fl.protocol.tlog.notes import Note, SignatureLine, VerifierKey, cosign, cosigned_at, log_signed, sign_log
from fl.protocol.tlog.tree import EMPTY_ROOT, continues

_LOG = "checkpoint"


class WitnessState(Protocol):
    """What a witness cosigned last, on its own disk."""

    def newest(self) -> Note | None:
        """Return the note that was cosigned last; None: none so far.

        Raises:
            WitnessForgot: it is not known, as after a backup.
            JournalUnreadable: the file is damaged.
        """

    def advance(self, decide: Callable[[Note | None], Note]) -> Note:
        """Store durably what `decide` makes of the newest note, and return it; no two processes do this at once.

        Raises:
            WitnessForgot, JournalUnreadable: as `newest`.
            StorageFull: nothing was stored.
            HemaledgerError: as `decide`.
        """


def sign_checkpoint(checkpoint: Checkpoint, key: VerifierKey, private: NoteKey, journal: Journal) -> Note:
    """Return the checkpoint with the log's signature; the promise is in the journal first.

    Raises:
        CheckpointForged: this keeper promised another root of this size.
    """
    if journal.once(f"{promises_of(key)}{checkpoint.size}", checkpoint.root) != checkpoint.root:
        raise CheckpointForged(checkpoint.size, "another root of this size was signed here before")
    text = checkpoint.text()
    return Note(text, (sign_log(key, private.sign, text),))


def promises_of(key: VerifierKey) -> str:
    """Return the beginning of the journal's names for what a key of the log signed; a size follows."""
    return f"{_LOG}/{key.id.hex()}/"


@dataclass(frozen=True)
class Witness:
    """A member that cosigns what it has replayed."""

    view: LogView
    """Of the member's own node."""
    logs: Sequence[VerifierKey]
    keepers: Collection[Address]
    key: VerifierKey
    private: NoteKey
    state: WitnessState
    now: Callable[[], int]

    def cosign(self, note: Note, old: int | None = None, proof: Sequence[Digest] = ()) -> SignatureLine:
        """Return this witness's line under a checkpoint; it is on the disk first.

        Args:
            note: The checkpoint, signed by the log.
            old: The size that the log believes this witness cosigned last; None: the own replay is enough.
            proof: That the checkpoint continues the one of size `old`.

        Raises:
            LogSignatureInvalid: no log that the members stated signed it.
            CosignedOther: this witness cosigned another size last than `old`, or another root of it.
            ConsistencyInvalid: the proof does not hold.
            CheckpointEarly: it is not replayed or not recorded yet, or a newer one was.
            CheckpointForged: the own replay gives another root, or another one was cosigned.
            WitnessForgot, JournalUnreadable, StorageFull: see WitnessState.
        """
        checkpoint, signed = self.checked(note)

        def decide(last: Note | None) -> Note:
            before = parse_checkpoint(last.text) if last else Checkpoint(checkpoint.origin, 0, EMPTY_ROOT)
            if old is not None:
                _check_continues(before, checkpoint, old, proof)
            self._check_before(before, checkpoint)
            self._check_replayed(checkpoint)
            return Note(note.text, (signed, self._line(note.text, last)))

        return self.state.advance(decide).lines[-1]

    def checked(self, note: Note) -> tuple[Checkpoint, SignatureLine]:
        """Return the checkpoint in a note and the log's line, or raise LogSignatureInvalid or ProofMalformed."""
        checkpoint = parse_checkpoint(note.text)
        if checkpoint.origin == self.view.origin:
            for line in note.lines:
                if any(log_signed(line, key, note.text, note_keys.verify) for key in self.logs):
                    return checkpoint, line
        raise LogSignatureInvalid("no log of this consortium signed the checkpoint")

    def largest(self, shown: Sequence[Note]) -> Note | None:
        """Return the largest of the checkpoints that the log signed; of equal ones, one that this witness cosigned."""
        found: Note | None = None
        best = (0, False)
        for note in shown:
            try:
                checkpoint, signed = self.checked(note)
            except (LogSignatureInvalid, ProofMalformed):
                continue
            own = [line for line in note.lines if cosigned_at(line, self.key, note.text, note_keys.verify) is not None]
            rank = (checkpoint.size, bool(own))
            if rank > best:
                found, best = Note(note.text, (signed, *own[:1])), rank
        return found

    def _line(self, text: bytes, last: Note | None) -> SignatureLine:
        """Return the cosignature, of a time that is not before the last one's."""
        at, before = self.now(), self.time_of(last)
        if at < before:
            raise CheckpointEarly(parse_checkpoint(text).size, "this machine's clock went back")
        return cosign(self.key, self.private.sign, text, at)

    def time_of(self, note: Note | None) -> int:
        """Return when this witness cosigned a note, in seconds since 1970; 0 if it did not."""
        times = [cosigned_at(line, self.key, note.text, note_keys.verify) for line in note.lines] if note else []
        return max((time for time in times if time is not None), default=0)

    def _check_before(self, before: Checkpoint, checkpoint: Checkpoint) -> None:
        """Check that the own replay still holds what was cosigned, and that sizes do not sink."""
        if checkpoint.size < before.size:
            raise CheckpointEarly(checkpoint.size, f"this witness has cosigned {before.size} records already")
        if before.size <= len(self.view.tree) and self.view.tree.root(before.size) != before.root:
            raise CheckpointForged(checkpoint.size, f"another root of {before.size} records was cosigned before")

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

    As the chain goes on, it sinks only if a keeper ends; who signed a larger one then waits for a still larger one.
    """
    largest = 0
    for place in reversed(view.anchors):
        if place <= largest:
            break
        record = view.entries[place].record
        if isinstance(record, CheckpointAnchored) and record.sender in keepers and largest < record.size <= place:
            largest = record.size if view.tree.root(record.size) == record.root else largest
    return largest


def _check_continues(before: Checkpoint, checkpoint: Checkpoint, old: int, proof: Sequence[Digest]) -> None:
    """Check what C2SP asks of a request, in its order."""
    if old != before.size or (old == checkpoint.size and before.root != checkpoint.root):
        raise CosignedOther(before.size, old)
    if not continues(old, before.root, checkpoint.size, checkpoint.root, proof):
        raise ConsistencyInvalid(checkpoint.size, old)
