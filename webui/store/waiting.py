"""Waiting lists: a time that becomes free is offered to one patient after the other.

Invariant: an offer holds its time until it is accepted, declined or runs out, so nobody else can book it; a time has at
most one offer, and a patient at most one for each doctor. Each step is one serialised transaction with its message.

Not here: when the turns run (maintenance.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from fl.protocol.errors import RefusedError
from webui.errors import NotFound, SlotNotOffered
from webui.store.appointments import UNDO_S
from webui.store.booking_rules import News, Notify, Rules, Visit, end_offers
from webui.store.calendar_errors import AlreadyWaiting, DaysNotOffered, OfferGone, TooManyWishes
from webui.store.calendar_tables import Part, PassedOffer, TakenTime, Taking, WaitingWish
from webui.store.database import Database
from webui.store.doctor_plans import SEES_PATIENTS, Doctor, doctor_of, free_slots, taken_times
from webui.store.models import Account, Appointment, BookingState, SiteRole
from webui.store.seen_times import booked_or_closed, clear_over, forget_gone, remember_seen
from webui.store.slots import DAY_MINUTES, HORIZON_DAYS, MINUTE_S, Slot, local_day, moment_of

OFFER_S = 60 * 60
"""How long an offer holds its time."""
LEAD_S = 2 * 60 * 60
"""A time that begins sooner is not offered: the mail might be read too late."""
WISHES = 5
"""Doctors for whom one patient can wait."""
TURN_OFFERS = 100
"""Offers of one doctor in one turn at most; who gets none does not count."""

TellOffer = Callable[[Session, WaitingWish, TakenTime], None]


@dataclass(frozen=True)
class Wish:
    """For which days and part of the day a patient waits."""

    first_day: date
    last_day: date
    part: Part


@dataclass(frozen=True)
class Waiting:
    """A place on a waiting list, with the offer that is held now."""

    wish: WaitingWish
    offer: TakenTime | None


class WaitingStore:
    """The waiting lists of all doctors."""

    def __init__(self, database: Database, rules: Callable[[], Rules], notify: Notify, tell_offer: TellOffer) -> None:
        """Store waiting lists in `database`; `rules` gives the rules of the book at this moment."""
        self._database = database
        self._rules = rules
        self._notify = notify
        self._tell_offer = tell_offer

    def join(self, patient_id: int, doctor_id: int, wish: Wish) -> None:
        """Put a patient at the end of a doctor's waiting list; times that are free now are not offered.

        Raises:
            NotFound: no such doctor.
            AlreadyWaiting, TooManyWishes, DaysNotOffered: the rules of waiting lists.
        """
        rules = self._rules()
        today = local_day(rules.now, rules.zone)
        if not (today <= wish.last_day and (wish.first_day - today).days < HORIZON_DAYS):
            raise DaysNotOffered(HORIZON_DAYS)

        def work(session: Session) -> None:
            doctor = doctor_of(session, doctor_id)
            mine = (WaitingWish.patient_id == patient_id, WaitingWish.active == 1)
            if (session.scalar(select(func.count(WaitingWish.id)).where(*mine)) or 0) >= WISHES:
                raise TooManyWishes(WISHES)
            days = {"first_day": wish.first_day, "last_day": wish.last_day}
            row = {"patient_id": patient_id, "doctor_id": doctor_id, "part": wish.part.value, **days}
            new = WaitingWish(created_at=rules.now, active=1, **row)
            session.add(new)
            session.flush()
            free = _bookable(session, rules, doctor)
            remember_seen(session, new.id, {slot.starts_at for slot in free if fits(new, slot, rules.zone)})

        try:
            self._database.write(work)
        except IntegrityError as error:
            raise AlreadyWaiting from error

    def of_patient(self, patient_id: int) -> list[Waiting]:
        """Return where a patient waits, with the offers that are held now."""
        mine = (WaitingWish.patient_id == patient_id, WaitingWish.active == 1)
        now = self._rules().now
        with self._database.reading() as session:
            wishes = session.scalars(select(WaitingWish).where(*mine).order_by(WaitingWish.id)).unique().all()
            query = select(TakenTime).where(TakenTime.wish_id.in_([each.id for each in wishes]))
            offers = {row.wish_id: row for row in session.scalars(query.where(TakenTime.held_until > now))}
        return [Waiting(wish, offers.get(wish.id)) for wish in wishes]

    def leave(self, patient_id: int, wish_id: int) -> None:
        """Leave a waiting list; an offer that is held goes to the next.

        Raises:
            NotFound: this patient does not wait there.
        """

        def work(session: Session) -> None:
            wish = _wish(session, patient_id, wish_id)
            end_offers(session, TakenTime.wish_id == wish.id)
            wish.active = None

        self._database.write(work)

    def decline(self, patient_id: int, wish_id: int) -> None:
        """Decline an offer and stay on the list; the time goes to the next.

        Raises:
            NotFound: this patient does not wait there.
        """

        def work(session: Session) -> None:
            end_offers(session, TakenTime.wish_id == _wish(session, patient_id, wish_id).id)

        self._database.write(work)

    def accept(self, patient_id: int, wish_id: int) -> int:
        """Book the offered time, leave the list, and return the appointment's id.

        Raises:
            NotFound: this patient does not wait there.
            OfferGone: the offer ran out, or the doctor does not offer this time any more.
            BookingOverlaps, OneADay, TooManyBookings: the rules of the book; the offer stays.
        """
        rules = self._rules()

        def work(session: Session) -> int:
            wish = _wish(session, patient_id, wish_id)
            query = select(TakenTime).where(TakenTime.wish_id == wish.id, TakenTime.held_until > rules.now)
            offer = session.scalar(query)
            if offer is None:
                raise OfferGone
            slot, doctor = Slot(offer.starts_at, offer.ends_at), doctor_of(session, wish.doctor_id)
            _check_offered(rules, doctor, slot)
            session.delete(offer)
            session.flush()
            booking = rules.book(session, patient_id, doctor, slot, Visit())
            wish.active = None
            self._notify(session, booking, News.BOOKED)
            return booking.id

        return self._database.write(work)

    def turn(self) -> int:
        """End offers that ran out and wishes that are over, make new offers, and return how many."""
        rules = self._rules()
        if not self._due(rules):
            return 0

        def work(session: Session) -> int:
            end_offers(session, TakenTime.held_until <= rules.now)
            today = local_day(rules.now, rules.zone)
            over = select(WaitingWish).where(WaitingWish.active == 1, WaitingWish.last_day < today)
            for wish in session.scalars(over).unique().all():
                wish.active = None
            session.flush()
            clear_over(session)
            return sum(self._offer_doctor(session, rules, list(wishes)) for wishes in _waiting(session))

        return self._database.write(work)

    def _due(self, rules: Rules) -> bool:
        """Return whether somebody waits or an offer ran out; most turns find nothing and need not wait for writers."""
        with self._database.reading() as session:
            waits = session.scalar(select(WaitingWish.id).where(WaitingWish.active == 1).limit(1))
            ended = session.scalar(select(TakenTime.id).where(TakenTime.held_until <= rules.now).limit(1))
        return waits is not None or ended is not None

    def _offer_doctor(self, session: Session, rules: Rules, wishes: Sequence[WaitingWish]) -> int:
        """Offer a doctor's free times, the first in the line first."""
        doctor, made = doctor_of(session, wishes[0].doctor_id), 0
        forget_gone(session, doctor, {slot.starts_at for slot in _bookable(session, rules, doctor)}, rules.now)
        taken = taken_times(session, [doctor], rules.now)[doctor.account_id] + _just_freed(session, doctor, rules.now)
        ahead = free_slots(doctor, taken, rules.zone, rules.now)
        free = [slot for slot in ahead if slot.starts_at > rules.now + LEAD_S]
        for wish in wishes:
            if made >= TURN_OFFERS or not free:
                break
            slot = _best(session, rules, doctor, wish, free)
            if slot is None:
                continue
            until = min(rules.now + OFFER_S, slot.starts_at)
            time = {"doctor_id": doctor.account_id, "starts_at": slot.starts_at, "ends_at": slot.ends_at}
            offer = TakenTime(kind=Taking.OFFER.value, wish_id=wish.id, held_until=until, **time)
            session.add(offer)
            session.flush()
            self._tell_offer(session, wish, offer)
            apart = slot.widened(doctor.terms.buffer_minutes * MINUTE_S)
            free = [each for each in free if not each.overlaps(apart)]
            made += 1
        return made


def fits(wish: WaitingWish, slot: Slot, zone: ZoneInfo) -> bool:
    """Return whether a time is within the days and the part of the day that somebody waits for."""
    day = local_day(slot.starts_at, zone)
    if not wish.first_day <= day <= wish.last_day:
        return False
    noon = moment_of(day, DAY_MINUTES // 2, zone)
    return {
        Part.ANY: True,
        Part.MORNING: slot.ends_at <= noon,
        Part.AFTERNOON: slot.starts_at >= noon,
    }[Part(wish.part)]


def _wish(session: Session, patient_id: int, wish_id: int) -> WaitingWish:
    wish = session.get(WaitingWish, wish_id)
    if wish is None or wish.patient_id != patient_id or wish.active is None:
        raise NotFound
    return wish


def _check_offered(rules: Rules, doctor: Doctor, slot: Slot) -> None:
    """Raise OfferGone unless the doctor still offers a time: the hours may have changed since the offer."""
    try:
        offered = rules.offered(doctor, slot.starts_at)
    except SlotNotOffered as error:
        raise OfferGone from error
    if offered != slot:
        raise OfferGone


def _waiting(session: Session) -> Iterator[Iterator[WaitingWish]]:
    """Yield, doctor by doctor, who waits without an offer, the first in the line first."""
    held = select(TakenTime.id).where(TakenTime.wish_id == WaitingWish.id).exists()
    active = select(WaitingWish).join(Account, Account.id == WaitingWish.doctor_id)
    query = active.where(WaitingWish.active == 1, ~held, SEES_PATIENTS)
    in_line = query.order_by(WaitingWish.doctor_id, WaitingWish.created_at, WaitingWish.id)
    for _, wishes in groupby(session.scalars(in_line).unique().all(), lambda wish: wish.doctor_id):
        yield wishes


def _just_freed(session: Session, doctor: Doctor, now: int) -> list[Slot]:
    """Return the times whose patients can still take their cancellation back."""
    query = select(Appointment).where(
        Appointment.doctor_id == doctor.account_id,
        Appointment.state == BookingState.CANCELLED.value,
        Appointment.cancelled_by == SiteRole.PATIENT.value,
        Appointment.cancelled_at > now - UNDO_S,
    )
    return [Slot(row.starts_at, row.ends_at) for row in session.scalars(query).unique()]


def _bookable(session: Session, rules: Rules, doctor: Doctor) -> Iterator[Slot]:
    """Yield the doctor's times that nobody has booked and that the doctor has not closed; an offer does not count."""
    taken = booked_or_closed(session, doctor, rules.now) + _just_freed(session, doctor, rules.now)
    return free_slots(doctor, taken, rules.zone, rules.now)


def _best(session: Session, rules: Rules, doctor: Doctor, wish: WaitingWish, free: Sequence[Slot]) -> Slot | None:
    """Return the first free time that fits a wish, was not offered to it before, and that the patient can book."""
    fitting = [slot for slot in free if fits(wish, slot, rules.zone)]
    if not fitting or not rules.has_room(session, wish.patient_id):
        return None
    passed = set(session.scalars(select(PassedOffer.starts_at).where(PassedOffer.wish_id == wish.id)))
    for slot in fitting:
        if slot.starts_at in passed:
            continue
        try:
            rules.check_patient(session, wish.patient_id, doctor, slot)
        except RefusedError:
            continue
        return slot
    return None
