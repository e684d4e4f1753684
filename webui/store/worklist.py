"""A doctor's worklist in the database: which checks, and whether they are read and reviewed.

Invariant: a list has only checks of patients in the doctor's care. The database knows no result, so it orders by
review and age only; usecases/worklist.py orders by urgency.

Source: webui/store/care.py (who is in a doctor's care).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from webui.ports.records import SealedRecord
from webui.store.care import Care
from webui.store.database import Database
from webui.store.doctor_tables import CheckRead, ReviewMark, TrusteeNotice
from webui.store.models import Account, Leaf, StoredRecord
from webui.store.records import IS_CHECK, NewRecord, insert_record

PAGE_CHECKS = 40
"""Checks that one page shows."""
ORDERED_CHECKS = 400
"""At most this many are ordered by urgency; those beyond come after them, by age."""
NAME_TYPED = 120


@dataclass(frozen=True)
class Wanted:
    """What a doctor wants to see of the list, as far as the database knows it."""

    unreviewed: bool = False
    unread: bool = False
    name: str = ""
    """Part of a patient's name; case and accents do not count."""


@dataclass(frozen=True)
class Listed:
    """A check in the list, before it is opened."""

    row_id: int
    patient_id: int
    patient_name: str
    created_at: int
    read: bool
    reviewed: bool
    leaf: bytes
    """Of its sealed file now."""


@dataclass(frozen=True)
class Counts:
    """What waits for a doctor."""

    unread: int = 0
    unreviewed: int = 0
    requests: int = 0
    """Requests that wait for the doctor's answer as a trustee."""


class WorklistStore:
    """Checks in doctors' care, read marks and review marks."""

    def __init__(self, database: Database, care: Care) -> None:
        self._database = database
        self._care = care
        self._clock: Callable[[], int] = care.clock

    def rows(self, doctor_id: int, wanted: Wanted, first: int, most: int) -> tuple[list[Listed], bool]:
        """Return `most` checks from the place `first` on, and whether there are more.

        Those without a review come first, and then the oldest.
        """
        read, leaf = read_by(doctor_id), Leaf.digest
        query = (
            select(
                StoredRecord.id, StoredRecord.patient_id, Account.name, StoredRecord.created_at, read, REVIEWED, leaf
            )
            .join(Account, Account.id == StoredRecord.patient_id)
            .join(Leaf, Leaf.id == StoredRecord.leaf_id)
            .where(self._in_care(doctor_id))
            .order_by(case((REVIEWED, 1), else_=0), StoredRecord.created_at, StoredRecord.id)
        )
        with self._database.reading() as session:
            query = self._narrowed(session, query, doctor_id, wanted)
            rows = session.execute(query.offset(first).limit(most + 1)).all()
        listed = [Listed(*row[:4], read=bool(row[4]), reviewed=bool(row[5]), leaf=row[6]) for row in rows[:most]]
        return listed, len(rows) > most

    def counts(self, doctor_id: int) -> Counts:
        """Return what waits for a doctor: two queries, because every page of a doctor asks."""
        counted = func.count(StoredRecord.id)
        unread, unreviewed = func.sum(case((read_by(doctor_id), 0), else_=1)), func.sum(case((REVIEWED, 0), else_=1))
        checks = select(counted, unread, unreviewed).where(self._in_care(doctor_id))
        waiting = select(func.count()).where(TrusteeNotice.doctor_id == doctor_id, TrusteeNotice.waiting.is_(True))
        with self._database.reading() as session:
            _, new, open_ones = session.execute(checks).one()
            return Counts(int(new or 0), int(open_ones or 0), session.scalar(waiting) or 0)

    def mark(self, doctor_id: int, row_id: int, *, read: bool) -> None:
        """Mark a check as read or unread for one doctor, or for its patient, who may see it."""
        now = self._clock()

        def work(session: Session) -> None:
            _mark(session, doctor_id, row_id, now, read=read)

        with self._database.reading() as session:
            if (session.get(CheckRead, (doctor_id, row_id)) is not None) == read:
                return
        self._database.write(work)

    def states(self, doctor_id: int, row_ids: Sequence[int]) -> Mapping[int, tuple[bool, bool]]:
        """Return for each check whether this doctor has read it and whether a doctor has reviewed it."""
        query = select(StoredRecord.id, read_by(doctor_id), REVIEWED).where(StoredRecord.id.in_(row_ids))
        with self._database.reading() as session:
            return {row_id: (bool(read), bool(reviewed)) for row_id, read, reviewed in session.execute(query)}

    def add_review(self, doctor_id: int, check: StoredRecord, sealed: SealedRecord, after: After) -> int:
        """Store a sealed review and its mark, and do `after` in the same transaction; return the review's row.

        The check is unread for its patient from then on.

        Raises:
            NotFound: the check has been erased.
        """
        now = self._clock()

        def work(session: Session) -> int:
            row_id = insert_record(session, NewRecord(check.patient_id, sealed, now, check.id))
            session.add(ReviewMark(record_row=row_id, check_row=check.id, doctor_id=doctor_id, made_at=now))
            _mark(session, doctor_id, check.id, now, read=True)
            _mark(session, check.patient_id, check.id, now, read=False)
            after(session)
            return row_id

        return self._database.write(work)

    def _in_care(self, doctor_id: int) -> ColumnElement[bool]:
        return IS_CHECK & StoredRecord.erased_at.is_(None) & self._care.of(doctor_id, StoredRecord.patient_id)

    def _narrowed(self, session: Session, query: Listing, doctor_id: int, wanted: Wanted) -> Listing:
        if wanted.unreviewed:
            query = query.where(~REVIEWED)
        if wanted.unread:
            query = query.where(~read_by(doctor_id))
        if wanted.name:
            query = query.where(StoredRecord.patient_id.in_(self._named(session, doctor_id, wanted.name)))
        return query

    def _named(self, session: Session, doctor_id: int, text: str) -> list[int]:
        """Return the patients in care with this text in their name. Databases fold letters differently; Python not."""
        query = select(Account.id, Account.name).where(self._care.of(doctor_id, Account.id))
        part = plain_letters(text)
        return [account_id for account_id, name in session.execute(query) if part in plain_letters(name)]


After = Callable[[Session], None]
"""What else belongs into a transaction, such as a mail in the outbox."""
Listing = Select[int, int, str, int, bool, bool, bytes]
REVIEWED = select(ReviewMark.record_row).where(ReviewMark.check_row == StoredRecord.id).exists()


def plain_letters(text: str) -> str:
    """Return a text without case and accents, for searches."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).strip()


def read_by(account_id: int) -> ColumnElement[bool]:
    """Return the condition that somebody has read a check since it was made; a patient, since its newest review."""
    mine = (CheckRead.check_row == StoredRecord.id, CheckRead.doctor_id == account_id)
    return select(CheckRead.check_row).where(*mine).exists()


def _mark(session: Session, doctor_id: int, row_id: int, now: int, *, read: bool) -> None:
    row = session.get(CheckRead, (doctor_id, row_id))
    if read and row is None:
        session.add(CheckRead(doctor_id=doctor_id, check_row=row_id, read_at=now))
    elif not read and row is not None:
        session.delete(row)
