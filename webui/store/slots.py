"""The times that a doctor offers: a pure function of working hours, exceptions, zone and now.

Invariant: every slot begins after `now` and is completely inside one stretch of working hours on its local day; two
slots never overlap, and between them is at least the buffer. This holds also on days on which the clocks change.

Source: PEP 495 (times that a change of clocks skips or repeats).
Not here: public holidays, which the site does not know; what is already booked (doctor_plans.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

HORIZON_DAYS = 56
"""How many days ahead can be booked, today included: eight weeks."""
WEEK_DAYS = 7
MINUTE_S = 60
DAY_MINUTES = 24 * 60
LAST_DAY = date(9999, 12, 24)
"""So that the week of every day ends in the calendar."""


@dataclass(frozen=True, order=True)
class Slot:
    """A time that can be booked; seconds since 1970, UTC."""

    starts_at: int
    ends_at: int

    def overlaps(self, other: Slot) -> bool:
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at

    def widened(self, seconds: int) -> Slot:
        """Return this time with so many seconds more on both sides."""
        return Slot(self.starts_at - seconds, self.ends_at + seconds)


@dataclass(frozen=True, order=True)
class Stretch:
    """A part of a local day, in minutes since its midnight: 0 <= opens < closes <= 1440."""

    opens_minute: int
    closes_minute: int


@dataclass(frozen=True)
class Plan:
    """When a doctor sees patients."""

    weekly: tuple[tuple[int, Stretch], ...]
    """Weekday (0 is Monday) and hours."""
    slot_minutes: int
    closed: frozenset[date] = frozenset()
    """Days on which the weekly hours do not count; extra hours do."""
    extra: tuple[tuple[date, Stretch], ...] = ()
    buffer_minutes: int = 0

    def on(self, day: date) -> list[Stretch]:
        """Return the hours of one day in order; hours that overlap become one stretch."""
        own = [stretch for other, stretch in self.extra if other == day]
        if day not in self.closed:
            own += [stretch for weekday, stretch in self.weekly if weekday == day.weekday()]
        return _joined(own)


def offered(plan: Plan, zone: ZoneInfo, now: int, days: int = HORIZON_DAYS) -> Iterator[Slot]:
    """Yield the slots of `days` days from today on, in order."""
    first = datetime.fromtimestamp(now, zone).date()
    for number in range(days):
        yield from (slot for slot in slots_on(first + timedelta(days=number), plan, zone) if slot.starts_at > now)


def slots_on(day: date, plan: Plan, zone: ZoneInfo) -> Iterator[Slot]:
    """Yield the slots of one local day, in order, also those that have begun."""
    length, buffer = plan.slot_minutes * MINUTE_S, plan.buffer_minutes * MINUTE_S
    earliest = None
    for stretch in plan.on(day):
        closes = moment_of(day, stretch.closes_minute, zone)
        for minute in range(stretch.opens_minute, stretch.closes_minute, plan.slot_minutes + plan.buffer_minutes):
            starts = _told_once(day, minute, zone)
            if starts is None or starts + length > closes or (earliest is not None and starts < earliest):
                continue
            earliest = starts + length + buffer
            yield Slot(starts, starts + length)


def moment_of(day: date, minute: int, zone: ZoneInfo) -> int:
    """Return the moment of a local time; minute 1440 is the next midnight. A skipped time is moved on (PEP 495)."""
    days, minute = divmod(minute, DAY_MINUTES)
    wall = datetime.combine(day + timedelta(days=days), time(minute // 60, minute % 60), zone)
    return int(wall.timestamp())


def span_of(day: date, days: int, zone: ZoneInfo) -> Slot:
    """Return the first moment of a day and of the day `days` later; a local day may have 23 or 25 hours."""
    return Slot(moment_of(day, 0, zone), moment_of(day + timedelta(days=days), 0, zone))


def local_day(moment: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(moment, zone).date()


def monday_of(day: date) -> date:
    """Return the Monday of a day's week (ISO 8601)."""
    return min(day, LAST_DAY) - timedelta(days=min(day, LAST_DAY).weekday())


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    whole: list[Stretch] = []
    for each in sorted(stretches):
        if whole and each.opens_minute < whole[-1].closes_minute:
            last = whole.pop()
            each = Stretch(last.opens_minute, max(last.closes_minute, each.closes_minute))  # noqa: PLW2901
        whole.append(each)
    return whole


def _told_once(day: date, minute: int, zone: ZoneInfo) -> int | None:
    """Return the first moment of a local time, or None if the clocks skip it on that day."""
    wall = datetime.combine(day, time(minute // 60, minute % 60), zone)
    moment = int(wall.timestamp())
    back = datetime.fromtimestamp(moment, UTC).astimezone(zone)
    return moment if back.replace(tzinfo=None) == wall.replace(tzinfo=None) else None
