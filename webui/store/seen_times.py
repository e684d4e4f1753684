"""Which free times somebody who waits has already seen: only a time that becomes free later is offered.

Invariant: a time that was free when a wish was made is offered to that wish only after somebody booked it, or the
doctor closed it, and it became free again.

Not here: offers (waiting.py), which also remember what somebody declined, in the same table.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from webui.store.calendar_tables import PassedOffer, TakenTime, Taking, WaitingWish
from webui.store.doctor_plans import BUFFER_CAP_S, Doctor
from webui.store.slots import MINUTE_S, Slot

Moments = set[int]
"""When times begin, in seconds since 1970."""


def remember_seen(session: Session, wish_id: int, seen: Moments) -> None:
    """Note that these times were free when the wish was made."""
    if seen:
        session.execute(insert(PassedOffer), [{"wish_id": wish_id, "starts_at": moment} for moment in sorted(seen)])


def forget_gone(session: Session, doctor: Doctor, bookable: Moments, now: int) -> None:
    """Forget what was noted about times of this doctor that nobody can book now, so that they count as new later."""
    mine = select(WaitingWish.id).where(WaitingWish.doctor_id == doctor.account_id)
    noted = select(PassedOffer.starts_at).where(PassedOffer.wish_id.in_(mine), PassedOffer.starts_at > now).distinct()
    gone = set(session.scalars(noted)) - bookable
    if gone:
        session.execute(delete(PassedOffer).where(PassedOffer.wish_id.in_(mine), PassedOffer.starts_at.in_(gone)))


def clear_over(session: Session) -> None:
    """Forget what was noted for wishes that are over."""
    over = select(WaitingWish.id).where(WaitingWish.active.is_(None))
    session.execute(delete(PassedOffer).where(PassedOffer.wish_id.in_(over)))


def booked_or_closed(session: Session, doctor: Doctor, now: int) -> list[Slot]:
    """Return what takes a doctor's time besides offers, widened by the buffer as doctor_plans.taken_times does."""
    buffer = doctor.terms.buffer_minutes * MINUTE_S
    query = select(TakenTime).where(
        TakenTime.doctor_id == doctor.account_id,
        TakenTime.kind != Taking.OFFER.value,
        TakenTime.ends_at > now - BUFFER_CAP_S,
    )
    times = [(row.kind, Slot(row.starts_at, row.ends_at)) for row in session.scalars(query)]
    return [time if kind == Taking.BLOCK else time.widened(buffer) for kind, time in times]
