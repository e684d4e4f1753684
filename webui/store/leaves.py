"""The leaves of sealed records, and the batches whose roots go to the ledger.

Invariant: a leaf gets its batch and place once, in order of creation. A batch is stored before its root is sent, so
that after a crash the site sends the same root again.

Source: PROTOCOL.md 9, Records.
"""

from __future__ import annotations

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
    """The place of a leaf in its batch."""

    batch: Batch
    index: int
    leaves: tuple[Digest, ...]
    """All of the batch, in order."""


class LeafStore:
    """The leaves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self) -> int:
        """Return how many leaves are not in a batch yet."""
        with self._database.reading() as session:
            return session.scalar(select(func.count(Leaf.id)).where(Leaf.batch.is_(None))) or 0

    def prepared(self) -> Batch | None:
        """Return the batch that is stored but not confirmed on the ledger."""
        with self._database.reading() as session:
            return session.scalar(select(Batch).where(Batch.block.is_(None)).order_by(Batch.number))

    def last_anchored_at(self) -> int | None:
        """Return when the last root was anchored, in seconds since 1970."""
        with self._database.reading() as session:
            return session.scalar(select(func.max(Batch.anchored_at)))

    def prepare(self, number: int) -> Batch | None:
        """Store all waiting leaves as batch `number`; return None if there are none."""

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
        """Store the place of a batch's root on the ledger."""

        def work(session: Session) -> None:
            batch = session.get_one(Batch, anchored.batch)
            batch.block, batch.transaction = anchored.block, anchored.transaction
            batch.anchored_at = anchored.anchored_at

        self._database.write(work)

    def anchored_in(self, leaf_id: int) -> int | None:
        """Return the number of the root on the ledger that covers a leaf; None while it waits."""
        query = select(Batch.number).join(Leaf, Leaf.batch == Batch.number)
        with self._database.reading() as session:
            return session.scalar(query.where(Leaf.id == leaf_id, Batch.block.is_not(None)))

    def place_of(self, leaf_id: int) -> LeafPlace | None:
        """Return the place of a leaf; None while it waits for a batch."""
        with self._database.reading() as session:
            leaf = session.get_one(Leaf, leaf_id)
            if leaf.batch is None or leaf.place is None:
                return None
            batch = session.get_one(Batch, leaf.batch)
            return LeafPlace(batch, leaf.place, _digests(session, leaf.batch))


def _digests(session: Session, batch: int) -> tuple[Digest, ...]:
    query = select(Leaf.digest).where(Leaf.batch == batch).order_by(Leaf.place)
    return tuple(Digest(digest) for digest in session.scalars(query))
