"""The receipts of checks: a salt and a leaf each, so that a root on the ledger also covers what a receipt says.

Invariant: a check has at most one receipt. When a check is erased, its salt goes too; then nobody can tell what the
leaf was about.

Source: PROTOCOL.md 9, Records (salted leaves).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import ForeignKey, LargeBinary, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from fl.protocol.names import Digest
from webui.errors import NotFound
from webui.store.base import DIGEST_BYTES, Base
from webui.store.database import Database
from webui.store.models import Leaf, StoredRecord


class ReceiptRow(Base):
    """The receipt of one check."""

    __tablename__ = "receipt"

    record_row: Mapped[int] = mapped_column(ForeignKey("record.id", ondelete="CASCADE"), primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary(DIGEST_BYTES))
    leaf_id: Mapped[int] = mapped_column(ForeignKey("leaf.id", ondelete="RESTRICT"), unique=True)
    leaf: Mapped[Leaf] = relationship(lazy="joined", innerjoin=True)


@dataclass(frozen=True)
class NewReceipt:
    """A receipt to store."""

    salt: bytes = field(repr=False)
    leaf: Digest


class ReceiptStore:
    """The receipts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, row_id: int) -> ReceiptRow | None:
        """Return the receipt of a check; None if it has none yet."""
        with self._database.reading() as session:
            return session.get(ReceiptRow, row_id)

    def issue(self, row_id: int, new: NewReceipt) -> ReceiptRow:
        """Store the receipt of a check that has none, or return the one that it has.

        Raises:
            NotFound: the check was erased.
        """

        def work(session: Session) -> ReceiptRow:
            record = session.get(StoredRecord, row_id)
            if record is None or record.erased_at is not None:
                raise NotFound
            return session.get(ReceiptRow, row_id) or insert_receipt(session, row_id, new)

        return self._database.write(work)

    def leaf_of(self, leaf: Digest) -> int | None:
        """Return the row of a receipt's leaf; None if this site knows no such receipt."""
        query = select(ReceiptRow.leaf_id).join(Leaf, Leaf.id == ReceiptRow.leaf_id).where(Leaf.digest == leaf)
        with self._database.reading() as session:
            return session.scalar(query)


def insert_receipt(session: Session, row_id: int, new: NewReceipt) -> ReceiptRow:
    """Add a receipt within a write."""
    row = ReceiptRow(record_row=row_id, salt=new.salt, leaf=Leaf(digest=new.leaf))
    session.add(row)
    session.flush()
    return row


def erase_receipt(session: Session, row_id: int) -> None:
    """Delete the salt of an erased check within a write; the leaf stays."""
    session.execute(delete(ReceiptRow).where(ReceiptRow.record_row == row_id))
