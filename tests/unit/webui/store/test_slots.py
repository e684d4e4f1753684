"""Which times are offered."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from webui.store.models import OfficeHours
from webui.store.slots import offered

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
FRIDAY_NOON = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())


def hours(weekday: int, opens: int, closes: int) -> OfficeHours:
    return OfficeHours(weekday=weekday, opens_minute=opens, closes_minute=closes)


def local(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, AMSTERDAM).strftime("%a %d %b %H:%M")


def test_slots_fill_the_opening_hours_in_local_time() -> None:
    slots = offered([hours(0, 540, 630)], 30, AMSTERDAM, FRIDAY_NOON)
    assert [local(slot.starts_at) for slot in slots[:4]] == [
        "Mon 23 Nov 09:00",
        "Mon 23 Nov 09:30",
        "Mon 23 Nov 10:00",
        "Mon 30 Nov 09:00",
    ]


def test_a_slot_that_would_end_after_closing_is_not_offered() -> None:
    starts = [local(slot.starts_at)[-5:] for slot in offered([hours(0, 540, 599)], 30, AMSTERDAM, FRIDAY_NOON)]
    assert starts == ["09:00"] * 3


def test_fourteen_working_days_are_offered_and_today_counts() -> None:
    week = [hours(day, 540, 570) for day in range(5)]
    early = int(datetime(2026, 11, 20, 6, tzinfo=UTC).timestamp())
    days = [local(slot.starts_at)[:10] for slot in offered(week, 30, AMSTERDAM, early)]
    assert len(days) == 14
    assert (days[0], days[-1]) == ("Fri 20 Nov", "Wed 09 Dec")


def test_what_has_begun_is_not_offered() -> None:
    ten = int(datetime(2026, 11, 20, 9, tzinfo=UTC).timestamp())
    slots = offered([hours(4, 540, 660)], 30, AMSTERDAM, ten)
    assert local(slots[0].starts_at) == "Fri 20 Nov 10:30"


def test_office_hours_keep_their_wall_time_when_the_clocks_change() -> None:
    before = int(datetime(2026, 10, 23, 18, tzinfo=UTC).timestamp())
    early = offered([hours(4, 540, 570)], 30, AMSTERDAM, before - 86400)[0]
    late = offered([hours(0, 540, 570)], 30, AMSTERDAM, before)[0]
    assert local(early.starts_at).endswith("09:00")
    assert local(late.starts_at).endswith("09:00")
    assert (late.starts_at - early.starts_at) % 86400 == 3600


def test_a_time_that_the_clocks_skip_is_not_offered() -> None:
    before = int(datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp())
    slots = offered([hours(6, 90, 240)], 30, AMSTERDAM, before)
    assert [local(slot.starts_at)[-5:] for slot in slots if local(slot.starts_at).startswith("Sun 29 Mar")] == [
        "01:30",
        "03:00",
        "03:30",
    ]


@given(
    now=st.integers(1_700_000_000, 1_900_000_000),
    zone=st.sampled_from(["UTC", "Europe/Amsterdam", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    minutes=st.integers(5, 240),
)
def test_slots_of_a_stretch_never_overlap(now: int, zone: str, minutes: int) -> None:
    slots = offered([hours(day, 480, 1080) for day in range(7)], minutes, ZoneInfo(zone), now)
    assert all(slot.starts_at > now and slot.ends_at - slot.starts_at == minutes * 60 for slot in slots)
    assert all(one.ends_at <= other.starts_at for one, other in pairwise(slots))
