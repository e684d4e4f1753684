"""A history of the log, as a member saw it before or sees it now, and proofs of its records.

Invariant: a proof is of this history: its path comes from this history's own tree.

Source: PROTOCOL.md 8T.4 and 8T.7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fl.proofs.evidence_pieces import Signed
from fl.proofs.log_view import LogView
from fl.protocol.names import Digest
from fl.protocol.ports import ChainSource, SeenLog, Sight
from fl.protocol.tlog.entry import LogEntry, parse_entry
from fl.protocol.tlog.extra import Extra, Inner
from fl.protocol.tlog.proof_file import ProofFile
from fl.protocol.tlog.tree import GrowingTree


class History:
    """The records of a log, in order."""

    def __init__(self, leaves: Sequence[bytes], sight: Callable[[int], Sight]) -> None:
        self.leaves = leaves
        self.tree = GrowingTree(leaves)
        self._sight = sight
        self._sights: dict[int, Sight] = {}

    def __len__(self) -> int:
        return len(self.leaves)

    def sight(self, place: int) -> Sight:
        """Return a record, or raise IndexError; raises as ChainSource if it is on the chain."""
        if place not in self._sights:
            self._sights[place] = self._sight(place)
        return self._sights[place]

    def event(self, place: int) -> LogEntry:
        """Return the event of a record; raises as `sight`."""
        sight = self.sight(place)
        return parse_entry(sight.entry, sight.data)

    def root(self, size: int) -> Digest | None:
        """Return the root over the first `size` records, or None if there are fewer."""
        return self.tree.root(size) if size <= len(self) else None

    def has(self, signed: Signed) -> bool:
        """Return whether a checkpoint is of this history."""
        return self.root(signed.checkpoint.size) == signed.checkpoint.root

    def proof(self, place: int, signed: Signed, inner: Inner | None = None) -> bytes:
        """Return the proof of a record under a checkpoint of this history that covers it; raises as `sight`."""
        sight = self.sight(place)
        extra = Extra(sight.entry, sight.data, sight.transaction, inner)
        path = self.tree.inclusion(place, signed.checkpoint.size)
        return ProofFile(extra, place, path, signed.note).encoded()


def seen(log: SeenLog) -> History:
    """Return the history that a monitor kept."""
    return History(log.leaves(), log.sight)


def on_chain(view: LogView, source: ChainSource) -> History:
    """Return the history that is on the chain now."""

    def sight(place: int) -> Sight:
        entry = view.entries[place]
        event = source.event(entry)
        data = event.data if event.data_are_hashed else b""
        return Sight(Digest(entry.leaf), event.encoded(), data, source.transaction(entry))

    return History([entry.leaf for entry in view.entries], sight)


def first_difference(first: Sequence[bytes], second: Sequence[bytes]) -> int | None:
    """Return the first place at which two histories differ; None if one continues the other."""
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return place
    return None
