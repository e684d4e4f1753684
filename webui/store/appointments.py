"""Appointments: free slots, booking, cancelling.

Invariant: a slot has one patient, and a patient has at most one active booking with a doctor on one day in the
hospital's zone. Booking is one serialised transaction, and constraints of the database enforce the same
(models.Appointment).

Source: SQLite, "Isolation" (serialisable transactions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from fl.protocol.errors import SlotTaken
from webui.errors import BookingFixed, BookingOverlaps, NotFound, OneADay, SlotNotOffered, TooManyBookings
from webui.store.database import Database
from webui.store.models import Account, Appointment, BookingState, DoctorProfile, SiteRole
from webui.store.slots import Slot, offered

IN_FORCE = Appointment.state == BookingState.BOOKED.value
SEES_PATIENTS = (Account.role == SiteRole.DOCTOR.value) & Account.disabled_at.is_(None)


class AppointmentStore:
    """The appointment book of the hospital."""

    def __init__(self, database: Database, zone: ZoneInfo, open_bookings: int, clock: Callable[[], int]) -> None:
        """Store the book in `database`; `zone` is the zone of working hours; `clock` gives seconds since 1970."""
        self._database = database
        self._zone = zone
        self._open_bookings = open_bookings
        self._clock = clock

    def doctors(self) -> Sequence[DoctorProfile]:
        """Return all active doctors, by name."""
        with self._database.reading() as session:
            query = select(DoctorProfile).join(Account, DoctorProfile.account_id == Account.id)
            return session.scalars(query.where(SEES_PATIENTS).order_by(Account.name)).unique().all()

    def doctor(self, doctor_id: int) -> DoctorProfile:
        """Return one doctor.

        Raises:
            NotFound: no such doctor.
        """
        with self._database.reading() as session:
            return _doctor(session, doctor_id)

    def free_slots(self, doctor_id: int) -> list[Slot]:
        """Return the slots of a doctor that nobody has booked, in order.

        Raises:
            NotFound: no such doctor.
        """
        now = self._clock()
        with self._database.reading() as session:
            doctor = _doctor(session, doctor_id)
            query = select(Appointment).where(Appointment.doctor_id == doctor_id, IN_FORCE, Appointment.ends_at > now)
            booked = [(row.starts_at, row.ends_at) for row in session.scalars(query)]
        slots = offered(doctor.hours, doctor.slot_minutes, self._zone, now)
        return [slot for slot in slots if not _overlaps(slot, booked)]

    def free_for(self, patient_id: int, doctor_id: int) -> list[Slot]:
        """Return the free slots that this patient could book, whatever the number of open bookings."""
        bookings = self._list(Appointment.patient_id == patient_id, IN_FORCE)
        days = {self._day(each.starts_at) for each in bookings if each.doctor_id == doctor_id}
        times = [(each.starts_at, each.ends_at) for each in bookings]
        fitting = (slot for slot in self.free_slots(doctor_id) if self._day(slot.starts_at) not in days)
        return [slot for slot in fitting if not _overlaps(slot, times)]

    def slot(self, doctor_id: int, starts_at: int) -> Slot:
        """Return the offered slot that begins at `starts_at`.

        Raises:
            NotFound: no such doctor.
            SlotNotOffered: the doctor does not offer this time.
        """
        return _offered(self.doctor(doctor_id), starts_at, self._zone, self._clock())

    def book(self, patient_id: int, doctor_id: int, starts_at: int) -> int:
        """Book a slot and return the appointment's id.

        Raises:
            SlotTaken: somebody else has booked it.
            SlotNotOffered, BookingOverlaps, OneADay, TooManyBookings: the rules of the book.
            NotFound: no such doctor.
        """
        now = self._clock()
        self._refuse_taken(patient_id, doctor_id, starts_at)

        def work(session: Session) -> int:
            slot = _offered(_doctor(session, doctor_id), starts_at, self._zone, now)
            day = self._day(starts_at)
            if _has_booking(session, Appointment.patient_id == patient_id, slot):
                raise BookingOverlaps(starts_at)
            if _has_booking(session, Appointment.doctor_id == doctor_id, slot):
                raise SlotTaken(starts_at)
            if _has_booking_on(session, patient_id, doctor_id, self._span(day)):
                raise OneADay(starts_at)
            if _future_bookings(session, patient_id, now) >= self._open_bookings:
                raise TooManyBookings(self._open_bookings)
            booking = _booking(patient_id, doctor_id, slot, now)
            booking.day = day
            session.add(booking)
            session.flush()
            return booking.id

        try:
            return self._database.write(work)
        except IntegrityError as error:
            raise SlotTaken(starts_at) from error

    def cancel(self, patient_id: int, appointment_id: int) -> None:
        """Cancel an appointment.

        Raises:
            NotFound: this patient has no such appointment.
            BookingFixed: it has begun or was already cancelled.
        """
        now = self._clock()

        def work(session: Session) -> None:
            booking = _cancellable(session, patient_id, appointment_id, now)
            booking.state = BookingState.CANCELLED.value
            booking.cancelled_at, booking.cancelled_by = now, SiteRole.PATIENT.value

        self._database.write(work)

    def cancellable(self, patient_id: int, appointment_id: int) -> Appointment:
        """Return an appointment that can be cancelled; raises as `cancel`."""
        with self._database.reading() as session:
            return _cancellable(session, patient_id, appointment_id, self._clock())

    def _refuse_taken(self, patient_id: int, doctor_id: int, starts_at: int) -> None:
        """Raise SlotTaken early, before waiting to write, if somebody else has booked the slot."""
        others = (Appointment.doctor_id == doctor_id, Appointment.patient_id != patient_id, IN_FORCE)
        with self._database.reading() as session:
            query = select(Appointment.id).where(*others, Appointment.starts_at == starts_at)
            if session.scalar(query.limit(1)) is not None:
                raise SlotTaken(starts_at)

    def _day(self, moment: int) -> date:
        return datetime.fromtimestamp(moment, self._zone).date()

    def _span(self, day: date) -> Slot:
        """Return the first and last second of a day in the hospital's zone; it may have 23 or 25 hours."""
        first, last = (datetime(each.year, each.month, each.day, tzinfo=self._zone) for each in (day, _next(day)))
        return Slot(int(first.timestamp()), int(last.timestamp()))

    def of_patient(self, patient_id: int) -> Sequence[Appointment]:
        """Return all appointments of a patient, also cancelled ones, the latest first."""
        return self._list(Appointment.patient_id == patient_id)[::-1]

    def of_doctor(self, doctor_id: int, since: int) -> Sequence[Appointment]:
        """Return a doctor's active appointments that end after `since`, the earliest first."""
        return self._list(Appointment.doctor_id == doctor_id, IN_FORCE, Appointment.ends_at > since)

    def _list(self, *conditions: ColumnElement[bool]) -> Sequence[Appointment]:
        with self._database.reading() as session:
            query = select(Appointment).where(*conditions).order_by(Appointment.starts_at, Appointment.id)
            return session.scalars(query).unique().all()


def _doctor(session: Session, doctor_id: int) -> DoctorProfile:
    doctor = session.get(DoctorProfile, doctor_id)
    if doctor is None or doctor.account.role != SiteRole.DOCTOR or doctor.account.disabled_at is not None:
        raise NotFound
    return doctor


def _cancellable(session: Session, patient_id: int, appointment_id: int, now: int) -> Appointment:
    booking = session.get(Appointment, appointment_id)
    if booking is None or booking.patient_id != patient_id:
        raise NotFound
    if booking.state != BookingState.BOOKED or booking.starts_at <= now:
        raise BookingFixed(booking.starts_at)
    return booking


def _overlaps(slot: Slot, times: Iterable[tuple[int, int]]) -> bool:
    return any(start < slot.ends_at and slot.starts_at < end for start, end in times)


def _next(day: date) -> date:
    return day + timedelta(days=1)


def _has_booking_on(session: Session, patient_id: int, doctor_id: int, day: Slot) -> bool:
    same = (Appointment.patient_id == patient_id, Appointment.doctor_id == doctor_id, IN_FORCE)
    within = (Appointment.starts_at >= day.starts_at, Appointment.starts_at < day.ends_at)
    return session.scalar(select(Appointment.id).where(*same, *within).limit(1)) is not None


def _offered(doctor: DoctorProfile, starts_at: int, zone: ZoneInfo, now: int) -> Slot:
    for slot in offered(doctor.hours, doctor.slot_minutes, zone, now):
        if slot.starts_at == starts_at:
            return slot
    raise SlotNotOffered(starts_at)


def _has_booking(session: Session, condition: ColumnElement[bool], slot: Slot) -> bool:
    overlapping = (condition, IN_FORCE, Appointment.starts_at < slot.ends_at, Appointment.ends_at > slot.starts_at)
    return session.scalar(select(Appointment.id).where(*overlapping).limit(1)) is not None


def _future_bookings(session: Session, patient_id: int, now: int) -> int:
    query = select(func.count(Appointment.id)).where(
        Appointment.patient_id == patient_id, IN_FORCE, Appointment.starts_at > now
    )
    return session.scalar(query) or 0


def _booking(patient_id: int, doctor_id: int, slot: Slot, now: int) -> Appointment:
    return Appointment(
        doctor_id=doctor_id,
        patient_id=patient_id,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        state=BookingState.BOOKED.value,
        created_at=now,
    )
