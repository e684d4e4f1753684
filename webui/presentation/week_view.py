"""The free times of one doctor as a week: seven columns, on a phone one of them.

Invariant: a week shows at most `SHOWN` times of each day, so at most 42; the page of one day shows them all.

Source: ISO 8601 (a week begins on Monday).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from webui.store.slots import HORIZON_DAYS, WEEK_DAYS, Slot, local_day, monday_of

SHOWN = 6
"""Times of one day in the week."""


@dataclass(frozen=True)
class DayView:
    """One column."""

    day: date
    slots: tuple[Slot, ...]
    """All free times of the day."""
    today: bool
    chosen: bool
    """On a phone the page shows this day only."""

    @property
    def shown(self) -> tuple[Slot, ...]:
        """Return the first times; a single one more is shown too, because a link to it takes as much room."""
        return self.slots if len(self.slots) <= SHOWN else self.slots[: SHOWN - 1]

    @property
    def more(self) -> int:
        return len(self.slots) - len(self.shown)


@dataclass(frozen=True)
class WeekView:
    """Monday to Sunday."""

    days: tuple[DayView, ...]
    previous: date | None
    """A day of the week before; None if nothing there can be booked."""
    following: date | None
    free_day: date | None
    """If the week is empty: the next free day after it, or else the first; None if there is no free time at all."""

    @property
    def empty(self) -> bool:
        return not any(each.slots for each in self.days)

    @property
    def chosen(self) -> DayView:
        return next(each for each in self.days if each.chosen)


def week_view(free: Sequence[Slot], wanted: date | None, today: date, zone: ZoneInfo) -> WeekView:
    """Return the week of the day `wanted`, which is moved into the days that can be booked.

    Args:
        free: The free times of the doctor, in order.
        wanted: None is the first free day, or today if there is none.
        today: The day in `zone`.
        zone: The hospital's.
    """
    by_day: dict[date, list[Slot]] = {}
    for slot in free:
        by_day.setdefault(local_day(slot.starts_at, zone), []).append(slot)
    last = today + timedelta(days=HORIZON_DAYS - 1)
    chosen = min(max(wanted, today), last) if wanted is not None else min(by_day, default=today)
    monday = monday_of(chosen)
    days = tuple(_day(monday + timedelta(days=n), by_day, today, chosen) for n in range(WEEK_DAYS))
    after = monday + timedelta(days=WEEK_DAYS)
    ahead = [day for day in by_day if day >= after] or list(by_day)
    return WeekView(
        days=days,
        previous=max(monday - timedelta(days=WEEK_DAYS), today) if monday > today else None,
        following=after if after <= last else None,
        free_day=min(ahead) if ahead and not any(each.slots for each in days) else None,
    )


def _day(day: date, by_day: dict[date, list[Slot]], today: date, chosen: date) -> DayView:
    return DayView(day, tuple(by_day.get(day, ())), today=day == today, chosen=day == chosen)
