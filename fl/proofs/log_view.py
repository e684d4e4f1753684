"""The log over all records, as one reader of the chain computes it.

Invariant: the tree is a function of the chain's entries alone; two readers of the same chain have the same roots.

Source: PROTOCOL.md 8T.1.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from fl.protocol.errors import EncodingError
from fl.protocol.ports import Ledger
from fl.protocol.records import CheckpointAnchored, Entry, Position
from fl.protocol.tlog.checkpoint import Checkpoint, origin_of
from fl.protocol.tlog.tree import GrowingTree


class LogView:
    """The entries of the chain and the tree over them; it grows with `refresh`."""

    def __init__(self, ledger: Ledger) -> None:
        """Read from the chain's own ledger, not from one that shows the steps inside batches."""
        self._ledger = ledger
        self.entries: list[Entry] = []
        self.anchors: list[int] = []
        """The places of the entries that record a checkpoint."""
        self.tree = GrowingTree()
        self.origin = origin_of(ledger.anchor.consortium)

    def refresh(self) -> int:
        """Read new entries; return how many there are in all. Raises as Ledger.replay."""
        self.add(self._ledger.replay(self.entries[-1].position if self.entries else None))
        return len(self.entries)

    def add(self, entries: Sequence[Entry]) -> None:
        """Take the next entries of the chain."""
        for entry in entries:
            if not entry.leaf:
                raise EncodingError("log", "this ledger does not give the raw event of a record")
            if isinstance(entry.record, CheckpointAnchored):
                self.anchors.append(len(self.entries))
            self.tree.append(entry.leaf)
            self.entries.append(entry)

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        """Return the checkpoint at a size, by default at the newest, or raise IndexError."""
        upto = len(self.tree) if size is None else size
        return Checkpoint(self.origin, upto, self.tree.root(upto))

    def index_of(self, position: Position) -> int:
        """Return the place in the log of the entry at a position of the chain, or raise KeyError."""
        place = bisect_left(self.entries, position, key=lambda entry: entry.position)
        if place == len(self.entries) or self.entries[place].position != position:
            raise KeyError(position)
        return place

    def anchor_of(self, checkpoint: Checkpoint) -> Entry | None:
        """Return the first entry that records exactly this checkpoint on the chain; None if no keeper recorded it."""
        for entry in self.entries[checkpoint.size :]:
            record = entry.record
            if isinstance(record, CheckpointAnchored) and (record.size, record.root) == (
                checkpoint.size,
                checkpoint.root,
            ):
                return entry
        return None
