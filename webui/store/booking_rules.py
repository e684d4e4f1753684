"""The rules of the appointment book, as checks inside one transaction.

Invariant: each check raises, or the booking may be made; the constraints of the database enforce the same times.

Not here: the transactions themselves (appointments.py, waiting.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from fl.protocol.errors import SlotTaken
from webui.errors import BookingFixed, BookingOverlaps, NotFound, OneADay, SlotNotOffered, TooManyBookings
from webui.store.calendar_tables import AppointmentDetail, Meeting, PassedOffer, Reason, TakenTime, Taking
from webui.store.doctor_plans import Doctor, taken_times
from webui.store.models import Appointment, BookingState, StoredRecord
from webui.store.slots import HORIZON_DAYS, Slot, local_day, slots_on, span_of

IN_FORCE = Appointment.state == BookingState.BOOKED.value


class News(StrEnum):
    """What happened to an appointment, for those who must know."""

    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"
    """By the patient."""
    CALLED_OFF = "called off"
    """By the doctor."""
    HOSPITAL_CANCELLED = "cancelled by the hospital"
    """Because one of the two accounts was blocked."""
    RESTORED = "restored"
    REMINDER = "reminder"


Notify = Callable[[Session, Appointment, News], None]
"""Tells people in the transaction of the change, so that no change goes without its message, and no message alone."""


def tell_nobody(_session: Session, _booking: Appointment, _news: News) -> None:
    """Serve as `Notify` where nobody is to be notified."""


@dataclass(frozen=True)
class Visit:
    """What a patient says about an appointment; no free text, so that the database holds none."""

    reason: Reason = Reason.OTHER
    check_id: int | None = None
    """The row of a check of this patient."""
    meeting: Meeting | None = None
    """None is the doctor's usual way."""


@dataclass(frozen=True)
class Rules:
    """The rules of one hospital at one moment."""

    zone: ZoneInfo
    open_bookings: int
    now: int

    def book(self, session: Session, patient_id: int, doctor: Doctor, slot: Slot, visit: Visit) -> Appointment:
        """Check every rule, then add the booking.

        Raises:
            SlotTaken, BookingOverlaps, OneADay, TooManyBookings, NotFound: the rules forbid it.
        """
        self.check_times(session, patient_id, doctor, slot)
        if not self.has_room(session, patient_id):
            raise TooManyBookings(self.open_bookings)
        booking = Appointment(
            doctor_id=doctor.account_id,
            patient_id=patient_id,
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            day=self.day_of(doctor, slot),
            state=BookingState.BOOKED.value,
            created_at=self.now,
        )
        session.add(booking)
        session.flush()
        session.add(_detail(session, booking, doctor, visit))
        session.flush()
        return booking

    def has_room(self, session: Session, patient_id: int) -> bool:
        """Return whether a patient can have one more appointment."""
        return _future_bookings(session, patient_id, self.now) < self.open_bookings

    def check_times(
        self, session: Session, patient_id: int, doctor: Doctor, slot: Slot, moved: int | None = None
    ) -> None:
        """Check that doctor and patient have time; `moved` is an appointment that gives up its own.

        Raises:
            SlotTaken, BookingOverlaps, OneADay: they do not.
        """
        self.check_patient(session, patient_id, doctor, slot, moved)
        end_offers(session, TakenTime.doctor_id == doctor.account_id, TakenTime.held_until <= self.now)
        taken = taken_times(session, [doctor], self.now, moved)[doctor.account_id]
        if any(slot.overlaps(time) for time in taken):
            raise SlotTaken(slot.starts_at)

    def check_patient(
        self, session: Session, patient_id: int, doctor: Doctor, slot: Slot, moved: int | None = None
    ) -> None:
        """Check that the patient has time.

        Raises:
            BookingOverlaps, OneADay: the patient has another appointment.
        """
        others = (IN_FORCE, Appointment.id != (moved or 0), Appointment.patient_id == patient_id)
        if _booked(session, slot, *others):
            raise BookingOverlaps(slot.starts_at)
        day = span_of(local_day(slot.starts_at, self.zone), 1, self.zone)
        same = (*others, Appointment.doctor_id == doctor.account_id)
        if not doctor.terms.several_a_day and _begins(session, day, *same):
            raise OneADay(slot.starts_at)

    def offered(self, doctor: Doctor, starts_at: int) -> Slot:
        """Return the slot that begins at `starts_at`.

        Raises:
            SlotNotOffered: the doctor does not offer this time.
        """
        if self.now < starts_at <= self.horizon:
            for slot in slots_on(local_day(starts_at, self.zone), doctor.plan, self.zone):
                if slot.starts_at == starts_at:
                    return slot
        raise SlotNotOffered(starts_at)

    @property
    def horizon(self) -> int:
        """Return the last moment at which a slot can begin."""
        return span_of(local_day(self.now, self.zone), HORIZON_DAYS, self.zone).ends_at - 1

    def day_of(self, doctor: Doctor, slot: Slot) -> date | None:
        """Return the local day that may have one booking only; None where the doctor allows several."""
        return None if doctor.terms.several_a_day else local_day(slot.starts_at, self.zone)


def end_offers(session: Session, *conditions: ColumnElement[bool]) -> None:
    """Release held offers, and remember that their patients had them."""
    query = select(TakenTime).where(TakenTime.kind == Taking.OFFER.value, *conditions)
    for row in session.scalars(query).all():
        if row.wish_id is not None:
            session.merge(PassedOffer(wish_id=row.wish_id, starts_at=row.starts_at))
        session.delete(row)
    session.flush()


def changeable(session: Session, appointment_id: int, now: int, *conditions: ColumnElement[bool]) -> Appointment:
    """Return an appointment in force that has not begun.

    Raises:
        NotFound: there is none under these conditions.
        BookingFixed: it has begun or was cancelled.
    """
    query = select(Appointment).where(Appointment.id == appointment_id, *conditions)
    booking = session.scalars(query).unique().one_or_none()
    if booking is None:
        raise NotFound
    if booking.state != BookingState.BOOKED or booking.starts_at <= now:
        raise BookingFixed(booking.starts_at)
    return booking


def changed(session: Session, booking: Appointment) -> None:
    """Count a change of an appointment, so that calendars take the newest."""
    detail = session.get(AppointmentDetail, booking.id)
    if detail is None:
        detail = AppointmentDetail(
            appointment_id=booking.id, reason=Reason.OTHER.value, meeting=Meeting.ROOM.value, sequence=0
        )
        session.add(detail)
    detail.sequence += 1
    detail.reminded_at = None
    session.flush()


def _detail(session: Session, booking: Appointment, doctor: Doctor, visit: Visit) -> AppointmentDetail:
    meeting = visit.meeting if visit.meeting in doctor.meetings else doctor.meetings[0]
    if visit.check_id is not None and not _own_check(session, booking.patient_id, visit.check_id):
        raise NotFound
    return AppointmentDetail(
        appointment_id=booking.id,
        reason=visit.reason.value,
        check_id=visit.check_id,
        meeting=meeting.value,
        sequence=0,
    )


def _own_check(session: Session, patient_id: int, check_id: int) -> bool:
    check = session.get(StoredRecord, check_id)
    return check is not None and check.patient_id == patient_id and check.about_id is None and check.erased_at is None


def _begins(session: Session, span: Slot, *conditions: ColumnElement[bool]) -> bool:
    within = (Appointment.starts_at >= span.starts_at, Appointment.starts_at < span.ends_at)
    return session.scalar(select(Appointment.id).where(*conditions, *within).limit(1)) is not None


def _booked(session: Session, slot: Slot, *conditions: ColumnElement[bool]) -> bool:
    overlapping = (Appointment.starts_at < slot.ends_at, Appointment.ends_at > slot.starts_at)
    return session.scalar(select(Appointment.id).where(*conditions, *overlapping).limit(1)) is not None


def _future_bookings(session: Session, patient_id: int, now: int) -> int:
    query = select(func.count(Appointment.id)).where(
        Appointment.patient_id == patient_id, IN_FORCE, Appointment.starts_at > now
    )
    return session.scalar(query) or 0
