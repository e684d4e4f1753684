"""Reminders: one mail a day before each appointment.

Invariant: an appointment is reminded of once for each time that it has; a moved one is reminded of again.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from webui.store.booking_rules import IN_FORCE, News, Notify
from webui.store.calendar_tables import AppointmentDetail
from webui.store.database import Database
from webui.store.models import Appointment

BEFORE_S = 24 * 60 * 60
FRESH_S = 2 * 60 * 60
"""Whoever booked so short a time ago needs no reminder."""
TURN = 100
"""Reminders of one turn at most."""


class Reminders:
    """The reminders of one site."""

    def __init__(self, database: Database, notify: Notify, clock: Callable[[], int]) -> None:
        """Read bookings from `database` and tell `notify`; `clock` gives seconds since 1970."""
        self._database = database
        self._notify = notify
        self._clock = clock

    def turn(self) -> int:
        """Send the reminders that are due, and return how many."""
        now = self._clock()
        due = (
            select(Appointment, AppointmentDetail)
            .join(AppointmentDetail, AppointmentDetail.appointment_id == Appointment.id)
            .where(IN_FORCE, Appointment.starts_at > now, Appointment.starts_at <= now + BEFORE_S)
            .where(AppointmentDetail.reminded_at.is_(None), Appointment.created_at <= now - FRESH_S)
            .order_by(Appointment.starts_at)
            .limit(TURN)
        )
        with self._database.reading() as session:
            if session.execute(due.limit(1)).first() is None:
                return 0

        def work(session: Session) -> int:
            rows = session.execute(due).unique().all()
            for booking, detail in rows:
                detail.reminded_at = now
                self._notify(session, booking, News.REMINDER)
            return len(rows)

        return self._database.write(work)
