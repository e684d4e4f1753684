"""The leaves of sealed records, and the batches whose roots stand on the ledger.

Invariant: a leaf gets its batch and place once, in the order of making, and keeps them; a batch is written down before
its root is sent, so that after a crash the same root is sent again.

Source: PROTOCOL.md 9, Records.
Not here: sending (webui/usecases/anchoring.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fl.protocol.merkle import root_of
from fl.protocol.names import Digest
from webui.ports.records import Anchored
from webui.store.database import Database
from webui.store.models import Batch, Leaf


@dataclass(frozen=True)
class LeafPlace:
    """Where a leaf stands in its batch."""

    batch: Batch
    index: int
    leaves: tuple[Digest, ...]
    """All of the batch, in order."""


class LeafStore:
    """The leaves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self) -> int:
        """Return how many leaves are in no batch yet."""
        with self._database.reading() as session:
            return session.scalar(select(func.count(Leaf.id)).where(Leaf.batch.is_(None))) or 0

    def prepared(self) -> Batch | None:
        """Return the batch that was written down but not seen on the ledger."""
        with self._database.reading() as session:
            return session.scalar(select(Batch).where(Batch.block.is_(None)).order_by(Batch.number))

    def last_anchored_at(self) -> int | None:
        """Return when a root was anchored last, in seconds since 1970."""
        with self._database.reading() as session:
            return session.scalar(select(func.max(Batch.anchored_at)))

    def prepare(self, number: int) -> Batch | None:
        """Write down all waiting leaves as batch `number`; None when there are none."""

        def work(session: Session) -> Batch | None:
            leaves = session.scalars(select(Leaf).where(Leaf.batch.is_(None)).order_by(Leaf.id)).all()
            if not leaves:
                return None
            batch = Batch(number=number, root=root_of([leaf.digest for leaf in leaves]), size=len(leaves))
            session.add(batch)
            session.flush()
            for place, leaf in enumerate(leaves):
                leaf.batch, leaf.place = number, place
            return batch

        return self._database.write(work)

    def confirm(self, anchored: Anchored) -> None:
        """Write down where the root of a batch stands on the ledger."""

        def work(session: Session) -> None:
            batch = session.get_one(Batch, anchored.batch)
            batch.block, batch.transaction = anchored.block, anchored.transaction
            batch.anchored_at = anchored.anchored_at

        self._database.write(work)

    def place_of(self, leaf_id: int) -> LeafPlace | None:
        """Return where a leaf stands, None while it waits for its batch."""
        with self._database.reading() as session:
            leaf = session.get_one(Leaf, leaf_id)
            if leaf.batch is None or leaf.place is None:
                return None
            batch = session.get_one(Batch, leaf.batch)
            return LeafPlace(batch, leaf.place, _digests(session, leaf.batch))


def _digests(session: Session, batch: int) -> tuple[Digest, ...]:
    found: Sequence[bytes] = session.scalars(select(Leaf.digest).where(Leaf.batch == batch).order_by(Leaf.place)).all()
    return tuple(Digest(digest) for digest in found)
