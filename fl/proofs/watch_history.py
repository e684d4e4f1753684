"""A history of the log, as a member saw it before or sees it now, and proofs of its records.

Invariant: a proof is of this history: its path comes from this history's own tree.

Source: PROTOCOL.md 8T.4 and 8T.7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from fl.proofs.evidence_pieces import Signed
from fl.proofs.log_view import LogView
from fl.protocol.names import Address, Digest
from fl.protocol.ports import ChainFacts, ChainSource, SeenLog, Sight
from fl.protocol.records import Record
from fl.protocol.tlog.entry import parse_entry
from fl.protocol.tlog.extra import Extra, Inner
from fl.protocol.tlog.proof_file import ProofFile
from fl.protocol.tlog.tree import GrowingTree


@dataclass(frozen=True)
class Place:
    """What a rule needs of a record."""

    record: Record
    contract: Address
    time: int
    """Seconds since 1970 of its block."""
    transaction: bytes
    """Hash, 32 bytes."""


class History:
    """The records of a log, in order."""

    def __init__(self, leaves: Sequence[bytes], sight: Callable[[int], Sight], place: Callable[[int], Place]) -> None:
        """Take the leaves; `sight` returns a record with what a proof needs, `place` what a rule needs."""
        self.leaves = leaves
        self.tree = GrowingTree(leaves)
        self.sight = cache(sight)
        self.place = cache(place)

    def __len__(self) -> int:
        return len(self.leaves)

    def root(self, size: int) -> Digest | None:
        """Return the root over the first `size` records, or None if there are fewer."""
        return self.tree.root(size) if size <= len(self) else None

    def has(self, signed: Signed) -> bool:
        """Return whether a checkpoint is of this history."""
        return self.root(signed.checkpoint.size) == signed.checkpoint.root

    def proof(self, index: int, signed: Signed, inner: Inner | None = None) -> bytes:
        """Return the proof of a record under a checkpoint of this history that covers it; raises as `sight`."""
        sight = self.sight(index)
        extra = Extra(sight.entry, sight.data, sight.transaction, inner)
        return ProofFile(extra, index, self.tree.inclusion(index, signed.checkpoint.size), signed.note).encoded()


def seen(log: SeenLog, facts: ChainFacts, authority: Address) -> History:
    """Return the history that a monitor kept."""

    def place(index: int) -> Place:
        sight = log.sight(index)
        event = parse_entry(sight.entry, sight.data)
        record = facts.record_of(event, of_authority=event.contract == authority)
        return Place(record, event.contract, event.time, event.transaction)

    return History(log.leaves(), log.sight, place)


def on_chain(view: LogView, source: ChainSource) -> History:
    """Return the history that is on the chain now."""

    def sight(index: int) -> Sight:
        entry = view.entries[index]
        event = source.event(entry)
        data = event.data if event.data_are_hashed else b""
        return Sight(Digest(entry.leaf), event.encoded(), data, source.transaction(entry))

    def place(index: int) -> Place:
        entry = view.entries[index]
        return Place(entry.record, entry.contract, entry.timestamp, entry.transaction)

    return History([entry.leaf for entry in view.entries], sight, place)


def first_difference(first: Sequence[bytes], second: Sequence[bytes]) -> int | None:
    """Return the first place at which two histories differ; None if one continues the other."""
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return place
    return None
