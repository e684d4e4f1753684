"""Which news about their data patients were told by mail, and which kinds they do not want.

Invariant: a note of how far was told and its mails are one transaction, so nobody is told twice and nobody is
forgotten. What happened before the first turn of a site is not told.

Source: the pattern "transactional outbox" (store/mail.py).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Select, String, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from webui.store.base import Base, Seconds
from webui.store.database import Database
from webui.store.models import Account, Batch, Leaf, RequestRow, StoredRecord
from webui.store.openings import RecordOpening
from webui.store.receipts import ReceiptRow

KIND_CHARS = 16
SETTLE_S = 60
"""A row is told this long after it was made: no transaction takes longer, so no row with a lower number comes later."""
ONE_DAY_S = 24 * 3600
Queue = Callable[[Session, int, str], None]
"""Puts a mail to an account with an address into the outbox of a transaction."""


class News(StrEnum):
    """What a patient may be told about, each as one kind to switch off."""

    ASKED = "asked"
    """Somebody asked the trustees for a record, through this site."""
    OPENED = "opened"
    """Somebody else opened records; one mail a day."""
    RECEIPT = "receipt"
    """The root of an answer is on the ledger, so its receipt can be compared."""
    PROOF = "proof"
    """A checkpoint that enough witnesses cosigned covers the root, so the receipt has its proof."""


class UnwantedNews(Base):
    """A kind of mail that a patient does not want; no row is a yes."""

    __tablename__ = "unwanted_news"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(KIND_CHARS), primary_key=True)


class ToldUpTo(Base):
    """How far the mails of one kind are."""

    __tablename__ = "told_up_to"

    kind: Mapped[str] = mapped_column(String(KIND_CHARS), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger)
    """The newest row, or for RECEIPT and PROOF the newest root, that was told."""
    at: Mapped[Seconds]


class PatientNoticeStore:
    """The notices of one site."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store notices in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def wanted(self, account_id: int) -> frozenset[News]:
        """Return the kinds of mails that a patient wants."""
        query = select(UnwantedNews.kind).where(UnwantedNews.account_id == account_id)
        with self._database.reading() as session:
            unwanted = set(session.scalars(query))
        return frozenset(kind for kind in News if kind.value not in unwanted)

    def choose(self, account_id: int, wanted: Collection[News]) -> None:
        """Store the kinds of mails that a patient wants."""

        def work(session: Session) -> None:
            session.execute(delete(UnwantedNews).where(UnwantedNews.account_id == account_id))
            session.add_all(UnwantedNews(account_id=account_id, kind=kind) for kind in News if kind not in wanted)

        self._database.write(work)

    def tell(self, kind: News, queue: Queue, proven: int = 0) -> int:
        """Queue one mail to each patient with news of a kind who wants it; return how many.

        Args:
            kind: The kind.
            queue: Puts a mail into the outbox.
            proven: The hospital's newest root with a proof.
        """
        now = self._clock()
        with self._database.reading() as session:
            mark, newest = session.get(ToldUpTo, kind.value), self._newest(session, kind, proven)
        if mark is not None and (newest <= mark.number or (kind is News.OPENED and now - mark.at < ONE_DAY_S)):
            return 0

        def work(session: Session) -> int:
            row, upto = session.get(ToldUpTo, kind.value), self._newest(session, kind, proven)
            if row is None:
                first = self._newest(session, News.RECEIPT, 0) if kind is News.PROOF else upto
                session.add(ToldUpTo(kind=kind.value, number=first, at=now))
                return 0
            whom = session.execute(_patients(kind, row.number, upto)).all()
            row.number, row.at = upto, now
            for account_id, email in whom:
                queue(session, account_id, email)
            return len(whom)

        return self._database.write(work)

    def _newest(self, session: Session, kind: News, proven: int) -> int:
        old = self._clock() - SETTLE_S
        query = {
            News.ASKED: select(func.max(RequestRow.id)).where(RequestRow.asked_at <= old),
            News.OPENED: select(func.max(RecordOpening.id)).where(RecordOpening.opened_at <= old),
            News.RECEIPT: select(func.max(Batch.number)).where(Batch.block.is_not(None)),
            News.PROOF: select(func.max(Batch.number)).where(Batch.block.is_not(None), Batch.number <= proven),
        }[kind]
        return session.scalar(query) or 0


def _patients(kind: News, after: int, upto: int) -> Select[int, str]:
    """Return the query for the patients with news in (after, upto] who want mails of this kind."""
    query = select(Account.id, Account.email).join(StoredRecord, StoredRecord.patient_id == Account.id)
    if kind is News.ASKED:
        query = query.join(RequestRow, RequestRow.record_row == StoredRecord.id)
        query = query.where(RequestRow.id > after, RequestRow.id <= upto, RequestRow.asker_id != Account.id)
    elif kind is News.OPENED:
        query = query.join(RecordOpening, RecordOpening.record_row == StoredRecord.id)
        query = query.where(RecordOpening.id > after, RecordOpening.id <= upto, RecordOpening.reader_id != Account.id)
    else:
        query = query.join(ReceiptRow, ReceiptRow.record_row == StoredRecord.id)
        query = query.join(Leaf, Leaf.id == ReceiptRow.leaf_id).where(Leaf.batch > after, Leaf.batch <= upto)
    no = select(UnwantedNews.account_id).where(UnwantedNews.kind == kind.value)
    return query.where(Account.disabled_at.is_(None), Account.id.not_in(no)).distinct().order_by(Account.id)
