"""When the keeper of the log makes a checkpoint, and when one may be published.

Invariant: a keeper whose chain contradicts what it signed signs nothing more with that key.

Source: PROTOCOL.md 8T.3.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from fl.crypto import note_keys
from fl.crypto.note_keys import NoteKey
from fl.proofs.log_view import LogView
from fl.proofs.witnessing import newest_anchored, promises_of, sign_checkpoint
from fl.protocol.errors import CheckpointForged
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Journal
from fl.protocol.records import CheckpointAnchored
from fl.protocol.tlog.checkpoint import Checkpoint
from fl.protocol.tlog.notes import Note, VerifierKey, cosigned_at
from fl.protocol.tlog.policy import Policy


class ListedJournal(Journal, Protocol):
    """A journal that can be looked through."""

    def starting(self, prefix: str) -> list[tuple[str, bytes]]:
        """Return every promise whose key starts with `prefix`, as (rest of the key, value)."""


@dataclass
class Promises:
    """The sizes and roots that a key of the log signed, compared with the chain as it is read."""

    journal: ListedJournal
    key: VerifierKey
    largest: int = field(init=False, default=0)
    """The largest size that was signed."""
    _waiting: dict[int, Digest] = field(init=False)
    """Signed, but not on the chain as read so far."""

    def __post_init__(self) -> None:
        found = self.journal.starting(promises_of(self.key))
        self._waiting = {int(size): Digest(root) for size, root in found}
        self.largest = max(self._waiting, default=0)

    def sign(self, checkpoint: Checkpoint, private: NoteKey) -> Note:
        """Return a checkpoint with the log's signature; raises as sign_checkpoint."""
        note = sign_checkpoint(checkpoint, self.key, private, self.journal)
        self.largest = max(self.largest, checkpoint.size)
        return note

    def check(self, view: LogView) -> bool:
        """Return whether the chain as read holds everything that was signed.

        Raises:
            CheckpointForged: the chain has another history than the one that was signed.
        """
        for size in sorted(self._waiting):
            if size > len(view.tree):
                return False
            if view.tree.root(size) != self._waiting[size]:
                raise CheckpointForged(size, "this keeper signed another root of this size before")
            del self._waiting[size]
        return True


def due(view: LogView, keepers: Collection[Address], signed: int) -> int | None:
    """Return the size of the checkpoint that a keeper shall make now; None: there is nothing new.

    Args:
        view: The log, read.
        keepers: Whose checkpoints on the ledger count.
        signed: The largest size that this keeper signed; it may not be on the ledger yet, after a crash.
    """
    newest = newest_anchored(view, keepers)
    if newest < signed:
        return signed
    fresh = any(not isinstance(entry.record, CheckpointAnchored) for entry in view.entries[newest:])
    return len(view.tree) if fresh else None


def cosigned_names(note: Note, policy: Policy) -> frozenset[str]:
    """Return the policy's names of the witnesses that cosigned a note."""
    return frozenset(
        name
        for name, key in policy.witnesses.items()
        if any(cosigned_at(line, key, note.text, note_keys.verify) is not None for line in note.lines)
    )
