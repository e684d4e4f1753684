"""What a doctor offers, read from the database: the facts for patients, the plan, and the free slots.

Invariant: a free slot overlaps nothing in `taken_time`, and keeps the doctor's buffer from bookings and held offers. An
offer that ran out holds nothing.

Not here: the pure arithmetic of slots (slots.py); changes by the doctor (schedules.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from webui.errors import NotFound
from webui.store.calendar_tables import ClosedDay, DoctorSchedule, ExtraHours, Meeting, TakenTime, Taking
from webui.store.models import Account, DoctorProfile, OfficeHours, SiteRole
from webui.store.slots import MINUTE_S, Plan, Slot, Stretch, offered

SEES_PATIENTS = (Account.role == SiteRole.DOCTOR.value) & Account.disabled_at.is_(None)
BUFFER_CAP_S = 120 * MINUTE_S
"""The longest buffer; what ended before it does not count any more."""
MEETINGS = {
    Meeting.ROOM: (Meeting.ROOM,),
    Meeting.VIDEO: (Meeting.VIDEO,),
    Meeting.BOTH: (Meeting.ROOM, Meeting.VIDEO),
}


@dataclass(frozen=True)
class Terms:
    """What a doctor sets besides weekly hours; the defaults are those of a doctor who set nothing."""

    place: str = ""
    languages: tuple[str, ...] = ()
    """Codes of ISO 639-1."""
    meeting: Meeting = Meeting.ROOM
    video_address: str = ""
    buffer_minutes: int = 0
    several_a_day: bool = False


@dataclass(frozen=True)
class Doctor:
    """A doctor as the appointment book knows the person."""

    profile: DoctorProfile
    plan: Plan
    terms: Terms

    @property
    def account_id(self) -> int:
        return self.profile.account_id

    @property
    def account(self) -> Account:
        return self.profile.account

    @property
    def name(self) -> str:
        return self.profile.account.name

    @property
    def specialty(self) -> str:
        return self.profile.specialty

    @property
    def room(self) -> str:
        return self.profile.room

    @property
    def hours(self) -> Sequence[OfficeHours]:
        return self.profile.hours

    @property
    def slot_minutes(self) -> int:
        return self.profile.slot_minutes

    @property
    def meetings(self) -> tuple[Meeting, ...]:
        """Return how a patient can meet the doctor."""
        return MEETINGS[self.terms.meeting]


@dataclass
class _Exceptions:
    closed: set[date] = field(default_factory=set)
    extra: list[tuple[date, Stretch]] = field(default_factory=list)


def doctor_of(session: Session, doctor_id: int) -> Doctor:
    """Return one active doctor.

    Raises:
        NotFound: no such doctor.
    """
    profile = session.get(DoctorProfile, doctor_id)
    if profile is None or profile.account.role != SiteRole.DOCTOR or profile.account.disabled_at is not None:
        raise NotFound
    return with_plans(session, [profile])[0]


def all_doctors(session: Session) -> list[Doctor]:
    """Return all active doctors, by name."""
    query = select(DoctorProfile).join(Account, DoctorProfile.account_id == Account.id)
    return with_plans(session, session.scalars(query.where(SEES_PATIENTS).order_by(Account.name)).unique().all())


def with_plans(session: Session, profiles: Sequence[DoctorProfile]) -> list[Doctor]:
    """Return the doctors of these profiles with their plans, by three queries."""
    ids = [profile.account_id for profile in profiles]
    terms = {
        row.doctor_id: terms_of(row)
        for row in session.scalars(select(DoctorSchedule).where(DoctorSchedule.doctor_id.in_(ids)))
    }
    exceptions = {doctor_id: _Exceptions() for doctor_id in ids}
    for closed in session.scalars(select(ClosedDay).where(ClosedDay.doctor_id.in_(ids))):
        exceptions[closed.doctor_id].closed.add(closed.day)
    for extra in session.scalars(select(ExtraHours).where(ExtraHours.doctor_id.in_(ids))):
        exceptions[extra.doctor_id].extra.append((extra.day, Stretch(extra.opens_minute, extra.closes_minute)))
    return [
        _joined(profile, terms.get(profile.account_id, Terms()), exceptions[profile.account_id]) for profile in profiles
    ]


def terms_of(row: DoctorSchedule) -> Terms:
    """Return the terms in a row."""
    return Terms(
        place=row.place,
        languages=tuple(row.languages.split()),
        meeting=Meeting(row.meeting),
        video_address=row.video_address,
        buffer_minutes=row.buffer_minutes,
        several_a_day=row.several_a_day,
    )


def taken_times(
    session: Session, doctors: Iterable[Doctor], now: int, moved: int | None = None
) -> dict[int, list[Slot]]:
    """Return what takes the time of these doctors from `now` on, by account id, widened by each doctor's buffer.

    `moved` is an appointment that does not count, because it gives up its time.
    """
    buffers = {each.account_id: each.terms.buffer_minutes * MINUTE_S for each in doctors}
    query = select(TakenTime).where(TakenTime.doctor_id.in_(buffers), TakenTime.ends_at > now - BUFFER_CAP_S)
    times: dict[int, list[Slot]] = {doctor_id: [] for doctor_id in buffers}
    for row in session.scalars(query.where(in_force(now))):
        time = Slot(row.starts_at, row.ends_at)
        if moved is None or row.appointment_id != moved:
            times[row.doctor_id].append(time if row.kind == Taking.BLOCK else time.widened(buffers[row.doctor_id]))
    return times


def in_force(now: int) -> ColumnElement[bool]:
    """Return the condition for what holds a time at `now`: all but offers that ran out."""
    return TakenTime.held_until.is_(None) | (TakenTime.held_until > now)


def free_slots(doctor: Doctor, taken: Sequence[Slot], zone: ZoneInfo, now: int) -> Iterator[Slot]:
    """Yield the free slots of a doctor, in order; the caller stops when it has enough."""
    times, over = sorted(taken), 0
    for slot in offered(doctor.plan, zone, now):
        while over < len(times) and times[over].ends_at <= slot.starts_at:
            over += 1
        if not any(slot.overlaps(time) for time in _until(slot.ends_at, islice(times, over, None))):
            yield slot


def _until(moment: int, times: Iterable[Slot]) -> Iterator[Slot]:
    return takewhile(lambda time: time.starts_at < moment, times)


def _joined(profile: DoctorProfile, terms: Terms, exceptions: _Exceptions) -> Doctor:
    weekly = tuple((row.weekday, Stretch(row.opens_minute, row.closes_minute)) for row in profile.hours)
    plan = Plan(
        weekly=weekly,
        slot_minutes=profile.slot_minutes,
        closed=frozenset(exceptions.closed),
        extra=tuple(exceptions.extra),
        buffer_minutes=terms.buffer_minutes,
    )
    return Doctor(profile, plan, terms)
