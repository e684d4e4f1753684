"""Appointments: free slots, booking, moving, cancelling, and a minute to take that back.

Invariant: a doctor has one booking at a time, and a patient has at most one booking with a doctor on one day in the
hospital's zone unless the doctor allows more. Each change is one serialised transaction with its messages, and
constraints of the database enforce the same (models.Appointment, calendar_tables.TakenTime).

Source: SQLite, "Isolation" (serialisable transactions).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from fl.protocol.errors import SlotTaken
from webui.errors import NotFound
from webui.store.booking_rules import IN_FORCE, News, Notify, Rules, Visit, changeable, changed, tell_nobody
from webui.store.calendar_errors import UndoTooLate
from webui.store.calendar_tables import AppointmentDetail, TakenTime, Taking
from webui.store.database import Database, Result
from webui.store.doctor_plans import Doctor, all_doctors, doctor_of, free_slots, taken_times
from webui.store.models import Appointment, BookingState, SiteRole
from webui.store.slots import Slot, local_day

UNDO_S = 60
"""How long a patient can take a cancellation back; the waiting list gets the time only then."""


class AppointmentStore:
    """The appointment book of the hospital."""

    def __init__(
        self,
        database: Database,
        zone: ZoneInfo,
        open_bookings: int,
        clock: Callable[[], int],
        notify: Notify = tell_nobody,
    ) -> None:
        """Store the book in `database`; `zone` is the zone of working hours; `clock` gives seconds since 1970."""
        self._database = database
        self._zone = zone
        self._open_bookings = open_bookings
        self._clock = clock
        self._notify = notify

    def doctors(self) -> list[Doctor]:
        """Return all active doctors, by name."""
        with self._database.reading() as session:
            return all_doctors(session)

    def doctor(self, doctor_id: int) -> Doctor:
        """Return one doctor.

        Raises:
            NotFound: no such doctor.
        """
        with self._database.reading() as session:
            return doctor_of(session, doctor_id)

    def free_slots(self, doctor_id: int) -> list[Slot]:
        """Return the slots of a doctor that nobody has booked, in order.

        Raises:
            NotFound: no such doctor.
        """
        now = self._clock()
        with self._database.reading() as session:
            doctor = doctor_of(session, doctor_id)
            taken = taken_times(session, [doctor], now)[doctor_id]
        return list(free_slots(doctor, taken, self._zone, now))

    def free_for(self, patient_id: int, doctor_id: int, moved: int | None = None) -> list[Slot]:
        """Return the free slots that this patient could book, whatever the number of open bookings.

        `moved` is an appointment of this patient that would give up its time.
        """
        now = self._clock()
        with self._database.reading() as session:
            doctor = doctor_of(session, doctor_id)
            taken = taken_times(session, [doctor], now, moved)[doctor_id]
            own = _bookings(session, Appointment.patient_id == patient_id, IN_FORCE, Appointment.id != (moved or 0))
        return [slot for slot in free_slots(doctor, taken, self._zone, now) if self._fits(slot, doctor, own)]

    def next_free(self, patient_id: int, limit: int = 1) -> list[tuple[Doctor, list[Slot]]]:
        """Return each doctor with the first free slots that this patient could book; by name."""
        now = self._clock()
        with self._database.reading() as session:
            doctors = all_doctors(session)
            taken = taken_times(session, doctors, now)
            own = _bookings(session, Appointment.patient_id == patient_id, IN_FORCE)
        return [
            (doctor, list(islice((slot for slot in free if self._fits(slot, doctor, own)), limit)))
            for doctor in doctors
            for free in (free_slots(doctor, taken[doctor.account_id], self._zone, now),)
        ]

    def slot(self, doctor_id: int, starts_at: int) -> Slot:
        """Return the offered slot that begins at `starts_at`.

        Raises:
            NotFound: no such doctor.
            SlotNotOffered: the doctor does not offer this time.
        """
        return self._rules().offered(self.doctor(doctor_id), starts_at)

    def book(self, patient_id: int, doctor_id: int, starts_at: int, visit: Visit | None = None) -> int:
        """Book a slot and return the appointment's id.

        Raises:
            SlotTaken: somebody else has booked it.
            SlotNotOffered, BookingOverlaps, OneADay, TooManyBookings: the rules of the book.
            NotFound: no such doctor, or no such check of this patient.
        """
        rules = self._rules()
        self._refuse_taken(patient_id, doctor_id, starts_at)

        def work(session: Session) -> int:
            doctor = doctor_of(session, doctor_id)
            booking = rules.book(session, patient_id, doctor, rules.offered(doctor, starts_at), visit or Visit())
            self._notify(session, booking, News.BOOKED)
            return booking.id

        return self._winning(work, starts_at)

    def move(self, patient_id: int, appointment_id: int, starts_at: int) -> None:
        """Move an appointment to another slot of the same doctor; the old slot is free only if the new one is won.

        Raises:
            NotFound: this patient has no such appointment.
            BookingFixed: it has begun or was cancelled.
            SlotTaken, SlotNotOffered, BookingOverlaps, OneADay: it stays where it is.
        """
        rules = self._rules()

        def work(session: Session) -> None:
            booking = changeable(session, appointment_id, rules.now, Appointment.patient_id == patient_id)
            doctor = doctor_of(session, booking.doctor_id)
            slot = rules.offered(doctor, starts_at)
            rules.check_times(session, patient_id, doctor, slot, booking.id)
            booking.starts_at, booking.ends_at, booking.day = slot.starts_at, slot.ends_at, rules.day_of(doctor, slot)
            session.flush()
            changed(session, booking)
            self._notify(session, booking, News.MOVED)

        self._winning(work, starts_at)

    def cancel(self, patient_id: int, appointment_id: int) -> None:
        """Cancel an appointment.

        Raises:
            NotFound: this patient has no such appointment.
            BookingFixed: it has begun or was already cancelled.
        """
        now = self._clock()

        def work(session: Session) -> None:
            booking = changeable(session, appointment_id, now, Appointment.patient_id == patient_id)
            _cancel(session, booking, now, SiteRole.PATIENT.value)
            self._notify(session, booking, News.CANCELLED)

        self._database.write(work)

    def call_off(self, doctor_id: int, appointment_id: int, *, closed: bool) -> None:
        """Cancel an appointment for its doctor; with `closed`, nobody can book the time again.

        Raises:
            NotFound: this doctor has no such appointment.
            BookingFixed: it has begun or was already cancelled.
        """
        now = self._clock()

        def work(session: Session) -> None:
            booking = changeable(session, appointment_id, now, Appointment.doctor_id == doctor_id)
            _cancel(session, booking, now, SiteRole.DOCTOR.value)
            if closed:
                time = {"doctor_id": doctor_id, "starts_at": booking.starts_at, "ends_at": booking.ends_at}
                session.add(TakenTime(kind=Taking.BLOCK.value, **time))
            self._notify(session, booking, News.CALLED_OFF)

        self._database.write(work)

    def restore(self, patient_id: int, appointment_id: int) -> None:
        """Take a cancellation back: book the same slot again if it is still free.

        Raises:
            NotFound: this patient has no such appointment.
            UndoTooLate: more than a minute has passed, or the patient did not cancel it.
            SlotTaken, BookingOverlaps, OneADay: meanwhile something else was booked.
        """
        rules = self._rules()

        def work(session: Session) -> None:
            booking = session.get(Appointment, appointment_id)
            if booking is None or booking.patient_id != patient_id:
                raise NotFound
            if not undoable(booking, rules.now):
                raise UndoTooLate(UNDO_S)
            doctor, slot = doctor_of(session, booking.doctor_id), Slot(booking.starts_at, booking.ends_at)
            rules.check_times(session, patient_id, doctor, slot, booking.id)
            booking.state, booking.cancelled_at, booking.cancelled_by = BookingState.BOOKED.value, None, None
            session.flush()
            changed(session, booking)
            self._notify(session, booking, News.RESTORED)

        starts_at = self.of(patient_id, appointment_id).starts_at
        self._winning(work, starts_at)

    def cancellable(self, patient_id: int, appointment_id: int) -> Appointment:
        """Return an appointment that can be cancelled or moved; raises as `cancel`."""
        with self._database.reading() as session:
            return changeable(session, appointment_id, self._clock(), Appointment.patient_id == patient_id)

    def callable_off(self, doctor_id: int, appointment_id: int) -> Appointment:
        """Return an appointment that its doctor can call off; raises as `call_off`."""
        with self._database.reading() as session:
            return changeable(session, appointment_id, self._clock(), Appointment.doctor_id == doctor_id)

    def of(self, account_id: int, appointment_id: int) -> Appointment:
        """Return an appointment of this patient or doctor.

        Raises:
            NotFound: there is none.
        """
        mine = (Appointment.patient_id == account_id) | (Appointment.doctor_id == account_id)
        found = self._list(Appointment.id == appointment_id, mine)
        if not found:
            raise NotFound
        return found[0]

    def details(self, bookings: Sequence[Appointment]) -> dict[int, AppointmentDetail]:
        """Return what else is known of these appointments, by their id."""
        ids = [each.id for each in bookings]
        with self._database.reading() as session:
            query = select(AppointmentDetail).where(AppointmentDetail.appointment_id.in_(ids))
            return {row.appointment_id: row for row in session.scalars(query)}

    def of_patient(self, patient_id: int) -> Sequence[Appointment]:
        """Return all appointments of a patient, also cancelled ones, the latest first."""
        return self._list(Appointment.patient_id == patient_id)[::-1]

    def of_doctor(self, doctor_id: int, since: int, until: int | None = None) -> Sequence[Appointment]:
        """Return a doctor's appointments in force that end after `since` and begin before `until`, in order."""
        conditions = [Appointment.doctor_id == doctor_id, IN_FORCE, Appointment.ends_at > since]
        if until is not None:
            conditions.append(Appointment.starts_at < until)
        return self._list(*conditions)

    def _refuse_taken(self, patient_id: int, doctor_id: int, starts_at: int) -> None:
        """Raise SlotTaken early, before waiting to write, if somebody else has booked the slot."""
        others = (Appointment.doctor_id == doctor_id, Appointment.patient_id != patient_id, IN_FORCE)
        with self._database.reading() as session:
            query = select(Appointment.id).where(*others, Appointment.starts_at == starts_at)
            if session.scalar(query.limit(1)) is not None:
                raise SlotTaken(starts_at)

    def _winning(self, work: Callable[[Session], Result], starts_at: int) -> Result:
        """Run a change; where a constraint forbids it, somebody else was faster."""
        try:
            return self._database.write(work)
        except IntegrityError as error:
            raise SlotTaken(starts_at) from error

    def _rules(self) -> Rules:
        return Rules(self._zone, self._open_bookings, self._clock())

    def _fits(self, slot: Slot, doctor: Doctor, own: Sequence[Appointment]) -> bool:
        """Return whether a patient with the bookings `own` has time, and no other appointment with the doctor then."""
        if any(slot.overlaps(Slot(each.starts_at, each.ends_at)) for each in own):
            return False
        mine = [each for each in own if each.doctor_id == doctor.account_id]
        days = {local_day(each.starts_at, self._zone) for each in mine}
        return doctor.terms.several_a_day or local_day(slot.starts_at, self._zone) not in days

    def _list(self, *conditions: ColumnElement[bool]) -> Sequence[Appointment]:
        with self._database.reading() as session:
            return _bookings(session, *conditions)


def undoable(booking: Appointment, now: int) -> bool:
    """Return whether the patient can still take the cancellation back."""
    by_patient = booking.state == BookingState.CANCELLED and booking.cancelled_by == SiteRole.PATIENT.value
    return by_patient and booking.starts_at > now and now < (booking.cancelled_at or 0) + UNDO_S


def _cancel(session: Session, booking: Appointment, now: int, by: str) -> None:
    booking.state, booking.cancelled_at, booking.cancelled_by = BookingState.CANCELLED.value, now, by
    session.flush()
    changed(session, booking)


def _bookings(session: Session, *conditions: ColumnElement[bool]) -> Sequence[Appointment]:
    query = select(Appointment).where(*conditions).order_by(Appointment.starts_at, Appointment.id)
    return session.scalars(query).unique().all()
