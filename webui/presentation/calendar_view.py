"""A doctor's calendar as days: bookings, blocks and held offers in order, and how much is free.

Invariant: a booking is on the local day on which it begins, also if that day has 23 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
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
    today: bool
    chosen: bool

    @property
    def bookings(self) -> list[Appointment]:
        return [item.booking for item in self.items if item.booking is not None]


def calendar_days(  # noqa: PLR0913 - one argument per thing in a calendar
    first: date,
    length: int,
    zone: ZoneInfo,
    bookings: Sequence[Appointment],
    times: Sequence[TakenTime],
    free: Sequence[Slot],
    wanted: date,
    today: date,
) -> tuple[CalendarDay, ...]:
    """Return `length` days from `first` on."""
    free_on = [local_day(slot.starts_at, zone) for slot in free]
    days = []
    for number in range(length):
        day = first + timedelta(days=number)
        span = span_of(day, 1, zone)
        items = [CalendarItem(row.starts_at, row.ends_at, row, None) for row in bookings if _begins(row, span)]
        items += [CalendarItem(row.starts_at, row.ends_at, None, row) for row in times if _meets(row, span)]
        ordered = tuple(sorted(items, key=lambda item: item.starts_at))
        days.append(CalendarDay(day, ordered, free_on.count(day), day == today, day == wanted))
    return tuple(days)


def _begins(row: Appointment, span: Slot) -> bool:
    return span.starts_at <= row.starts_at < span.ends_at


def _meets(row: TakenTime, span: Slot) -> bool:
    return span.overlaps(Slot(row.starts_at, row.ends_at))
