"""A doctor's calendar as days: bookings, blocks and held offers in order, and how much is free.

Invariant: a booking is on the local day on which it begins, also if that day has 23 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from webui.store.calendar_tables import TakenTime
from webui.store.models import Appointment
from webui.store.slots import Slot, local_day, span_of


@dataclass(frozen=True)
class CalendarItem:
    """One line of a day: a booking, or a block or an offer."""

    starts_at: int
    ends_at: int
    booking: Appointment | None
    time: TakenTime | None


@dataclass(frozen=True)
class CalendarDay:
    """One column."""

    day: date
    items: tuple[CalendarItem, ...]
    free: int
    """How many times patients can still book."""

    @property
    def bookings(self) -> list[Appointment]:
        return [item.booking for item in self.items if item.booking is not None]


def calendar_days(
    days: Sequence[date], zone: ZoneInfo, rows: Sequence[Appointment | TakenTime], free: Sequence[Slot]
) -> tuple[CalendarDay, ...]:
    """Return what is on each of these days."""
    free_on = [local_day(slot.starts_at, zone) for slot in free]
    return tuple(CalendarDay(day, _items(rows, span_of(day, 1, zone)), free_on.count(day)) for day in days)


def _items(rows: Sequence[Appointment | TakenTime], span: Slot) -> tuple[CalendarItem, ...]:
    items = [
        CalendarItem(row.starts_at, row.ends_at, row, None)
        if isinstance(row, Appointment)
        else CalendarItem(row.starts_at, row.ends_at, None, row)
        for row in rows
        if (_begins(row, span) if isinstance(row, Appointment) else _meets(row, span))
    ]
    return tuple(sorted(items, key=lambda item: item.starts_at))


def _begins(row: Appointment, span: Slot) -> bool:
    return span.starts_at <= row.starts_at < span.ends_at


def _meets(row: TakenTime, span: Slot) -> bool:
    return span.overlaps(Slot(row.starts_at, row.ends_at))
