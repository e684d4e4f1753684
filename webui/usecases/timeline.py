"""A patient's time line for a treating doctor: checks, notes, reviews, appointments and requests, the newest first.

Invariant: it has only what the doctor may see anyway: records of a patient in care, the doctor's own appointments with
this patient, and the doctor's own requests. One page opens a bounded number of records and notes each opening.

Source: webui/store/care.py, webui/store/openings.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webui.store.accounts import SignedInUser
from webui.store.models import Appointment, RequestRow, StoredRecord
from webui.store.openings import How
from webui.store.timeline import TimelineStore
from webui.usecases.patient_records import PatientRecords, Shown

Kind = str
"""check, risk, note, review, closed, appointment, cancelled, or request."""


@dataclass(frozen=True)
class Moment:
    """One line of a time line."""

    at: int
    """Seconds since 1970."""
    kind: Kind
    shown: Shown | None = None
    appointment: Appointment | None = None
    request: RequestRow | None = None


@dataclass(frozen=True)
class TimelinePage:
    """One page of a time line."""

    moments: tuple[Moment, ...]
    more: bool


class Timelines:
    """The time lines of patients."""

    def __init__(self, store: TimelineStore, records: PatientRecords) -> None:
        self._store = store
        self._records = records

    def page(self, doctor: SignedInUser, patient_id: int, page: int) -> TimelinePage:
        """Return one page; the caller has checked that the doctor treats this patient."""
        rows, more = self._store.records(patient_id, page)
        since, until = _span(rows, page, more=more)
        shown = self._records.glance(doctor, [row.id for row in rows], How.LIST)
        moments = [Moment(each.row.created_at, _kind(each), shown=each) for each in shown]
        for booking in self._store.appointments(doctor.id, patient_id, since, until):
            kind = "cancelled" if booking.cancelled_at is not None else "appointment"
            moments.append(Moment(booking.starts_at, kind, appointment=booking))
        moments += [
            Moment(request.asked_at, "request", request=request)
            for request in self._store.requests(doctor.id, patient_id, since, until)
        ]
        return TimelinePage(tuple(sorted(moments, key=lambda each: each.at, reverse=True)), more)


def _kind(shown: Shown) -> Kind:
    if shown.check is not None:
        return "check"
    if shown.risk is not None:
        return "risk"
    if shown.note is not None:
        return "note"
    return "review" if shown.review is not None else "closed"


def _span(rows: Sequence[StoredRecord], page: int, *, more: bool) -> tuple[int | None, int | None]:
    """Return the first and last moment of a page of records; None where it is open, so that pages leave no gap."""
    until = rows[0].created_at if rows and page else None
    since = rows[-1].created_at if rows and more else None
    return since, until
