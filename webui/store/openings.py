"""Who opened which record, and when; the patient sees this list.

Invariant: an opening by a doctor is stored before the doctor sees anything, together with its line of the access log,
whose root gets to the ledger. If the same doctor opens the same record in
the same way within a minute (a page and its picture, or a reload), it counts once.

Source: EHDS (EU) 2025/327, Art. 9 (who, when, which data).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from webui.errors import NotFound
from webui.store.access_log import Line, LogEvent, entry_of
from webui.store.base import Base, Id, Seconds
from webui.store.database import Database
from webui.store.doctor_tables import ReviewMark
from webui.store.models import Account, StoredRecord

ONE_OPENING_S = 60
PAGE_ROWS = 50


class How(StrEnum):
    """The way in which a record was opened."""

    LIST = "list"
    CHECK = "check"
    PROOF = "proof"
    REQUEST = "request"


class RecordOpening(Base):
    """One opening of a record: who, which, when; without the contents."""

    __tablename__ = "opening"
    __table_args__ = (Index("ix_opening_record_row_reader_id", "record_row", "reader_id"),)

    id: Mapped[Id]
    record_row: Mapped[int] = mapped_column(ForeignKey("record.id", ondelete="CASCADE"))
    reader_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    how: Mapped[str] = mapped_column(String(16))
    opened_at: Mapped[Seconds]
    entry_id: Mapped[int | None]
    """Its line of the access log; None for openings from before there were proofs of lines."""
    record: Mapped[StoredRecord] = relationship(lazy="joined", innerjoin=True)
    reader: Mapped[Account] = relationship(lazy="joined", innerjoin=True)


class Openings:
    """The openings."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store openings in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def note(self, reader_id: int, rows: Sequence[StoredRecord], how: How) -> None:
        """Store that a reader opens these records now."""
        if not rows:
            return
        now, ids = self._clock(), [row.id for row in rows]
        same = select(RecordOpening.record_row).where(
            RecordOpening.record_row.in_(ids),
            RecordOpening.reader_id == reader_id,
            RecordOpening.how == how.value,
            RecordOpening.opened_at > now - ONE_OPENING_S,
        )
        with self._database.reading() as session:  # the pictures of a list need not wait for writers
            if set(ids) <= set(session.scalars(same)):
                return

        def work(session: Session) -> None:
            known = set(session.scalars(same))
            reader = session.get_one(Account, reader_id)
            new = [row for row in rows if row.id not in known]
            entries = [entry_of(_line(reader, row, how), now) for row in new]
            session.add_all(entries)
            session.flush()
            session.add_all(
                RecordOpening(record_row=row.id, reader_id=reader_id, how=how.value, opened_at=now, entry_id=entry.id)
                for row, entry in zip(new, entries, strict=True)
            )

        self._database.write(work)

    def of_patient(self, patient_id: int, page: int, rows: int = PAGE_ROWS) -> Sequence[RecordOpening]:
        """Return one page of `rows` of the openings of a patient's records, the newest first."""
        query = select(RecordOpening).where(RecordOpening.record.has(StoredRecord.patient_id == patient_id))
        newest = query.order_by(RecordOpening.opened_at.desc(), RecordOpening.id.desc())
        with self._database.reading() as session:
            return session.scalars(newest.offset(page * rows).limit(rows)).unique().all()

    def one(self, patient_id: int, opening_id: int) -> RecordOpening:
        """Return one opening of a patient's record, or raise NotFound."""
        query = select(RecordOpening).where(
            RecordOpening.id == opening_id, RecordOpening.record.has(StoredRecord.patient_id == patient_id)
        )
        with self._database.reading() as session:
            found = session.scalars(query).unique().one_or_none()
        if found is None:
            raise NotFound
        return found

    def reviews_among(self, row_ids: Collection[int]) -> set[int]:
        """Return which of these records are doctors' reviews."""
        query = select(ReviewMark.record_row).where(ReviewMark.record_row.in_(row_ids))
        with self._database.reading() as session:
            return set(session.scalars(query))


def _line(reader: Account, row: StoredRecord, how: How) -> Line:
    """Return the line of the access log for one opening; the proof of an opening shows it."""
    role, about = reader.role, f"record={row.number or 'erased'}"
    return Line(reader.id, role, LogEvent.OPENED, f"record.{how.value}", about, name=reader.name)
