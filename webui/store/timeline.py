"""The rows of a patient's time line: records, and a doctor's own appointments and requests.

Invariant: an appointment of another doctor and a request of another person are never among them.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from webui.store.database import Database
from webui.store.models import Appointment, RequestRow, StoredRecord

PAGE_RECORDS = 20
MOST_OTHERS = 100
"""Appointments, and requests, of one page at most."""


class TimelineStore:
    """The rows of time lines."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def records(self, patient_id: int, page: int) -> tuple[Sequence[StoredRecord], bool]:
        """Return one page of a patient's records without their files, newest first, and whether there are older ones.

        Erased records are left out.
        """
        query = (
            select(StoredRecord)
            .where(StoredRecord.patient_id == patient_id, StoredRecord.erased_at.is_(None))
            .order_by(StoredRecord.created_at.desc(), StoredRecord.id.desc())
            .offset(page * PAGE_RECORDS)
            .limit(PAGE_RECORDS + 1)
        )
        with self._database.reading() as session:
            rows = session.scalars(query).unique().all()
        return rows[:PAGE_RECORDS], len(rows) > PAGE_RECORDS

    def appointments(
        self, doctor_id: int, patient_id: int, since: int | None, until: int | None
    ) -> Sequence[Appointment]:
        """Return the doctor's appointments with a patient from `since` to before `until`."""
        query = (
            select(Appointment)
            .where(Appointment.doctor_id == doctor_id, Appointment.patient_id == patient_id)
            .where(*_between(Appointment.starts_at, since, until))
            .order_by(Appointment.starts_at.desc())
        )
        with self._database.reading() as session:
            return session.scalars(query.limit(MOST_OTHERS)).unique().all()

    def requests(self, doctor_id: int, patient_id: int, since: int | None, until: int | None) -> Sequence[RequestRow]:
        """Return the doctor's own requests for a patient's records."""
        query = (
            select(RequestRow)
            .where(RequestRow.asker_id == doctor_id, RequestRow.record.has(StoredRecord.patient_id == patient_id))
            .where(*_between(RequestRow.asked_at, since, until))
            .order_by(RequestRow.asked_at.desc())
        )
        with self._database.reading() as session:
            return session.scalars(query.limit(MOST_OTHERS)).unique().all()


def _between(column: InstrumentedAttribute[int], since: int | None, until: int | None) -> list[ColumnElement[bool]]:
    after = [column >= since] if since is not None else []
    return [*after, column < until] if until is not None else after
