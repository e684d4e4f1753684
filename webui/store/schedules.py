"""A doctor's own schedule: weekly hours, closed days, extra hours, blocks, and the terms that patients see.

Invariant: a doctor changes only the own rows. No change touches a booking: what meets one is refused.

Not here: what patients can book then (doctor_plans.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Delete, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webui.errors import NotFound
from webui.store.booking_rules import IN_FORCE
from webui.store.calendar_errors import BlockMalformed, DayHasBookings, ScheduleFull, TimeTaken
from webui.store.calendar_tables import ClosedDay, DoctorSchedule, ExtraHours, TakenTime, Taking
from webui.store.database import Database
from webui.store.doctor_plans import Doctor, Terms, doctor_of, in_force
from webui.store.models import Appointment, DoctorProfile
from webui.store.new_accounts import DoctorFacts
from webui.store.slots import Slot, Stretch, local_day, span_of

MOST = 200
"""Exceptions of one kind, or blocks ahead, of one doctor."""
KEPT_DAYS = 35
"""How long a past exception is kept."""


@dataclass(frozen=True)
class Schedule:
    """All that a doctor set."""

    doctor: Doctor
    closed: Sequence[ClosedDay]
    extra: Sequence[ExtraHours]
    blocks: Sequence[TakenTime]


class ScheduleStore:
    """The schedules of all doctors."""

    def __init__(self, database: Database, zone: ZoneInfo, clock: Callable[[], int]) -> None:
        """Store schedules in `database`; `zone` is the zone of working hours; `clock` gives seconds since 1970."""
        self._database = database
        self._zone = zone
        self._clock = clock

    def of(self, doctor_id: int) -> Schedule:
        """Return a doctor's schedule, without exceptions and blocks that are over.

        Raises:
            NotFound: no such doctor.
        """
        now, today = self._clock(), self._today()
        blocks = (TakenTime.doctor_id == doctor_id, TakenTime.kind == Taking.BLOCK.value, TakenTime.ends_at > now)
        with self._database.reading() as session:
            closed = select(ClosedDay).where(ClosedDay.doctor_id == doctor_id, ClosedDay.day >= today)
            extra = select(ExtraHours).where(ExtraHours.doctor_id == doctor_id, ExtraHours.day >= today)
            return Schedule(
                doctor=doctor_of(session, doctor_id),
                closed=session.scalars(closed.order_by(ClosedDay.day)).all(),
                extra=session.scalars(extra.order_by(ExtraHours.day, ExtraHours.opens_minute)).all(),
                blocks=session.scalars(select(TakenTime).where(*blocks).order_by(TakenTime.starts_at)).all(),
            )

    def taken(self, doctor_id: int, span: Slot) -> Sequence[TakenTime]:
        """Return the blocks and held offers of a doctor in a span, in order."""
        within = (TakenTime.starts_at < span.ends_at, TakenTime.ends_at > span.starts_at, in_force(self._clock()))
        query = select(TakenTime).where(
            TakenTime.doctor_id == doctor_id, TakenTime.kind != Taking.BOOKING.value, *within
        )
        with self._database.reading() as session:
            return session.scalars(query.order_by(TakenTime.starts_at)).all()

    def set_hours(self, doctor_id: int, facts: DoctorFacts) -> None:
        """Replace room, specialty, slot length and weekly hours; delete the old hours first, so that none overlap."""

        def work(session: Session) -> None:
            profile = session.get_one(DoctorProfile, doctor_id)
            profile.specialty, profile.room, profile.slot_minutes = facts.specialty, facts.room, facts.slot_minutes
            profile.hours = []
            session.flush()
            profile.hours = facts.rows()

        self._database.write(work)

    def set_terms(self, doctor_id: int, terms: Terms) -> None:
        """Replace place, languages, ways to meet, buffer, and whether a patient may come several times a day."""

        def work(session: Session) -> None:
            session.merge(
                DoctorSchedule(
                    doctor_id=doctor_id,
                    place=terms.place,
                    languages=" ".join(terms.languages),
                    meeting=terms.meeting.value,
                    video_address=terms.video_address,
                    buffer_minutes=terms.buffer_minutes,
                    several_a_day=terms.several_a_day,
                )
            )

        self._database.write(work)

    def close_day(self, doctor_id: int, day: date) -> None:
        """Offer no weekly hours on one day; offers of the waiting list that are held on it end.

        Raises:
            DayHasBookings: there are appointments on that day.
            BlockMalformed: the day is over.
            ScheduleFull: too many closed days.
        """
        self._refuse_past(day)
        span, oldest = span_of(day, 1, self._zone), self._oldest()

        def work(session: Session) -> None:
            same = (Appointment.doctor_id == doctor_id, IN_FORCE)
            within = (Appointment.starts_at < span.ends_at, Appointment.ends_at > span.starts_at)
            bookings = session.scalar(select(func.count(Appointment.id)).where(*same, *within)) or 0
            if bookings:
                raise DayHasBookings(bookings)
            held = (TakenTime.doctor_id == doctor_id, TakenTime.kind == Taking.OFFER.value)
            that_day = (TakenTime.starts_at < span.ends_at, TakenTime.ends_at > span.starts_at)
            session.execute(delete(TakenTime).where(*held, *that_day))
            session.execute(delete(ClosedDay).where(ClosedDay.doctor_id == doctor_id, ClosedDay.day < oldest))
            _refuse_full(session.scalar(select(func.count()).where(ClosedDay.doctor_id == doctor_id)))
            session.merge(ClosedDay(doctor_id=doctor_id, day=day))

        self._database.write(work)

    def open_day(self, doctor_id: int, day: date) -> None:
        """Offer the weekly hours of a closed day again."""
        same = (ClosedDay.doctor_id == doctor_id, ClosedDay.day == day)
        self._database.write(lambda session: session.execute(delete(ClosedDay).where(*same)))

    def add_extra(self, doctor_id: int, day: date, hours: Stretch) -> None:
        """Offer more hours on one day.

        Raises:
            BlockMalformed: the day is over.
            TimeTaken: other extra hours overlap them.
            ScheduleFull: too many extra hours.
        """
        self._refuse_past(day)
        oldest = self._oldest()

        def work(session: Session) -> None:
            session.execute(delete(ExtraHours).where(ExtraHours.doctor_id == doctor_id, ExtraHours.day < oldest))
            _refuse_full(session.scalar(select(func.count(ExtraHours.id)).where(ExtraHours.doctor_id == doctor_id)))
            minutes = {"opens_minute": hours.opens_minute, "closes_minute": hours.closes_minute}
            session.add(ExtraHours(doctor_id=doctor_id, day=day, **minutes))

        self._apart(work)

    def remove_extra(self, doctor_id: int, extra_id: int) -> None:
        """Take extra hours back; bookings in them stay.

        Raises:
            NotFound: this doctor has no such hours.
        """
        self._remove(delete(ExtraHours).where(ExtraHours.id == extra_id, ExtraHours.doctor_id == doctor_id))

    def block(self, doctor_id: int, time: Slot) -> None:
        """Let nobody book a time.

        Raises:
            BlockMalformed: the time is over, or ends before it starts.
            TimeTaken: there is a booking, an offer or another block.
            ScheduleFull: too many blocks.
        """
        now = self._clock()
        if not time.starts_at < time.ends_at or time.ends_at <= now:
            raise BlockMalformed

        def work(session: Session) -> None:
            mine = (TakenTime.doctor_id == doctor_id, TakenTime.ends_at > now)
            session.execute(delete(TakenTime).where(TakenTime.doctor_id == doctor_id, TakenTime.held_until <= now))
            own = select(func.count(TakenTime.id)).where(*mine, TakenTime.kind == Taking.BLOCK.value)
            _refuse_full(session.scalar(own))
            row = {"starts_at": time.starts_at, "ends_at": time.ends_at}
            session.add(TakenTime(doctor_id=doctor_id, kind=Taking.BLOCK.value, **row))

        self._apart(work)

    def unblock(self, doctor_id: int, block_id: int) -> None:
        """Remove a block.

        Raises:
            NotFound: this doctor has no such block.
        """
        same = (TakenTime.id == block_id, TakenTime.doctor_id == doctor_id, TakenTime.kind == Taking.BLOCK.value)
        self._remove(delete(TakenTime).where(*same))

    def _apart(self, work: Callable[[Session], None]) -> None:
        try:
            self._database.write(work)
        except IntegrityError as error:
            raise TimeTaken from error

    def _remove(self, statement: Delete) -> None:
        def work(session: Session) -> None:
            result = session.connection().execute(statement)
            if not result.rowcount:
                raise NotFound

        self._database.write(work)

    def _refuse_past(self, day: date) -> None:
        if day < self._today():
            raise BlockMalformed

    def _today(self) -> date:
        return local_day(self._clock(), self._zone)

    def _oldest(self) -> date:
        return self._today() - timedelta(days=KEPT_DAYS)


def _refuse_full(count: int | None) -> None:
    if (count or 0) >= MOST:
        raise ScheduleFull(MOST)
