"""The times that a doctor offers: a pure function of working hours, zone and now.

Invariant: every slot is completely inside one period of working hours on its local day, and begins after `now`.

Source: PEP 495 (times that a change of clocks skips or repeats).
Not here: public holidays, which the site does not know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from webui.store.models import OfficeHours

WORKING_DAYS = 14
SATURDAY = 5
MINUTE_S = 60


@dataclass(frozen=True, order=True)
class Slot:
    """A time that can be booked; seconds since 1970, UTC."""

    starts_at: int
    ends_at: int


def offered(hours: Iterable[OfficeHours], slot_minutes: int, zone: ZoneInfo, now: int) -> list[Slot]:
    """Return the slots from `now` to the end of the 14th working day (Monday to Friday), in order."""
    stretches = list(hours)
    slots: list[Slot] = []
    for day in _days(datetime.fromtimestamp(now, zone).date()):
        for stretch in stretches:
            if stretch.weekday == day.weekday():
                slots.extend(_slots(day, stretch, slot_minutes, zone))
    return sorted(slot for slot in slots if slot.starts_at > now)


def _days(today: date) -> Iterator[date]:
    working = 0
    day = today
    while working < WORKING_DAYS:
        working += day.weekday() < SATURDAY
        yield day
        day += timedelta(days=1)


def _slots(day: date, stretch: OfficeHours, slot_minutes: int, zone: ZoneInfo) -> Iterator[Slot]:
    for minute in range(stretch.opens_minute, stretch.closes_minute - slot_minutes + 1, slot_minutes):
        starts = _utc(day, minute, zone)
        if starts is not None:
            yield Slot(starts, starts + slot_minutes * MINUTE_S)


def _utc(day: date, minute: int, zone: ZoneInfo) -> int | None:
    """Return the moment of a local time, or None if the clocks skip it on that day."""
    wall = datetime.combine(day, time(minute // 60, minute % 60), zone)
    moment = int(wall.timestamp())
    back = datetime.fromtimestamp(moment, UTC).astimezone(zone)
    return moment if back.replace(tzinfo=None) == wall.replace(tzinfo=None) else None
