"""Which times are offered."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import given
from hypothesis import strategies as st

from webui.store.slots import HORIZON_DAYS, Plan, Stretch, local_day, moment_of, monday_of, offered, slots_on, span_of

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
FRIDAY_NOON = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())
ZONES = sorted(available_timezones())
HOURS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 1440)), max_size=6)


def plan_of(hours: list[tuple[int, int, int]], minutes: int = 30, **more: object) -> Plan:
    weekly = tuple((day, Stretch(opens, closes)) for day, opens, closes in hours if opens < closes)
    return Plan(weekly, minutes, **more)  # type: ignore[arg-type]


def local(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, AMSTERDAM).strftime("%a %d %b %H:%M")


def starts(plan: Plan, now: int) -> list[str]:
    return [local(slot.starts_at) for slot in offered(plan, AMSTERDAM, now)]


def test_slots_fill_the_opening_hours_in_local_time() -> None:
    assert starts(plan_of([(0, 540, 630)]), FRIDAY_NOON)[:4] == [
        "Mon 23 Nov 09:00",
        "Mon 23 Nov 09:30",
        "Mon 23 Nov 10:00",
        "Mon 30 Nov 09:00",
    ]


def test_a_slot_that_would_end_after_closing_is_not_offered() -> None:
    assert {text[-5:] for text in starts(plan_of([(0, 540, 599)]), FRIDAY_NOON)} == {"09:00"}


def test_eight_weeks_are_offered_and_today_counts() -> None:
    early = int(datetime(2026, 11, 20, 6, tzinfo=UTC).timestamp())
    days = [text[:10] for text in starts(plan_of([(day, 540, 570) for day in range(7)]), early)]
    assert len(days) == HORIZON_DAYS == 56
    assert (days[0], days[-1]) == ("Fri 20 Nov", "Thu 14 Jan")


def test_what_has_begun_is_not_offered() -> None:
    ten = int(datetime(2026, 11, 20, 9, tzinfo=UTC).timestamp())
    assert starts(plan_of([(4, 540, 660)]), ten)[0] == "Fri 20 Nov 10:30"


def test_office_hours_keep_their_wall_time_when_the_clocks_change() -> None:
    before = int(datetime(2026, 10, 23, 18, tzinfo=UTC).timestamp())
    early = next(offered(plan_of([(4, 540, 570)]), AMSTERDAM, before - 86400))
    late = next(offered(plan_of([(0, 540, 570)]), AMSTERDAM, before))
    assert local(early.starts_at).endswith("09:00")
    assert local(late.starts_at).endswith("09:00")
    assert (late.starts_at - early.starts_at) % 86400 == 3600


def test_a_time_that_the_clocks_skip_is_not_offered() -> None:
    day = list(slots_on(date(2026, 3, 29), plan_of([(6, 90, 240)]), AMSTERDAM))
    assert [local(slot.starts_at)[-5:] for slot in day] == ["01:30", "03:00", "03:30"]


def test_a_slot_across_the_skipped_hour_does_not_meet_the_next() -> None:
    """01:45 lasts half an hour, so it ends at 03:15 on the clock, and 03:00 is not free."""
    day = list(slots_on(date(2026, 3, 29), plan_of([(6, 105, 240)], 15), AMSTERDAM))
    assert all(one.ends_at <= other.starts_at for one, other in pairwise(day))
    long = list(slots_on(date(2026, 3, 29), plan_of([(6, 105, 300)], 75), AMSTERDAM))
    assert all(one.ends_at <= other.starts_at for one, other in pairwise(long))


def test_the_leap_day_has_slots_like_every_other() -> None:
    assert monday_of(date(2028, 2, 29)) == date(2028, 2, 28)
    day = list(slots_on(date(2028, 2, 29), plan_of([(1, 540, 600)]), AMSTERDAM))
    assert [local(slot.starts_at) for slot in day] == ["Tue 29 Feb 09:00", "Tue 29 Feb 09:30"]


def test_a_closed_day_has_no_weekly_hours_but_its_extra_hours() -> None:
    monday, saturday = date(2026, 11, 23), date(2026, 11, 28)
    extra = ((monday, Stretch(900, 930)), (saturday, Stretch(600, 660)))
    plan = plan_of([(0, 540, 630)], closed=frozenset({monday}), extra=extra)
    assert starts(plan, FRIDAY_NOON)[:4] == [
        "Mon 23 Nov 15:00",
        "Sat 28 Nov 10:00",
        "Sat 28 Nov 10:30",
        "Mon 30 Nov 09:00",
    ]


def test_extra_hours_that_meet_the_weekly_ones_lengthen_them() -> None:
    plan = plan_of([(0, 540, 600)], extra=((date(2026, 11, 23), Stretch(570, 660)),))
    assert [text[-5:] for text in starts(plan, FRIDAY_NOON)[:4]] == ["09:00", "09:30", "10:00", "10:30"]


def test_the_buffer_is_between_slots() -> None:
    plan = plan_of([(0, 540, 660)], buffer_minutes=10)
    assert [text[-5:] for text in starts(plan, FRIDAY_NOON)[:3]] == ["09:00", "09:40", "10:20"]


def test_a_day_of_23_or_25_hours_is_whole() -> None:
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 20), 24)):
        span = span_of(day, 1, AMSTERDAM)
        assert span.ends_at - span.starts_at == hours * 3600


@given(
    day=st.dates(date(1990, 1, 1), date(2060, 12, 31)),
    zone=st.sampled_from(ZONES),
    minutes=st.integers(5, 240),
    buffer=st.integers(0, 120),
    hours=HOURS,
    extra=st.lists(st.tuples(st.integers(0, 1439), st.integers(1, 1440)), max_size=3),
)
def test_slots_of_a_day_keep_to_the_hours_and_apart_in_every_zone(
    day: date, zone: str, minutes: int, buffer: int, hours: list[tuple[int, int, int]], extra: list[tuple[int, int]]
) -> None:
    place = ZoneInfo(zone)
    longer = tuple((day, Stretch(opens, closes)) for opens, closes in extra if opens < closes)
    plan = plan_of(hours, minutes, extra=longer, buffer_minutes=buffer)
    slots = list(slots_on(day, plan, place))
    assert all(slot.ends_at - slot.starts_at == minutes * 60 for slot in slots)
    assert all(one.ends_at + buffer * 60 <= other.starts_at for one, other in pairwise(slots))
    inside = [[moment_of(day, at, place) for at in (each.opens_minute, each.closes_minute)] for each in plan.on(day)]
    for slot in slots:
        assert local_day(slot.starts_at, place) == day
        assert any(opens <= slot.starts_at and slot.ends_at <= closes for opens, closes in inside)


@given(now=st.integers(700_000_000, 2_800_000_000), zone=st.sampled_from(ZONES), days=st.integers(1, 20))
def test_what_is_offered_is_ahead_and_in_order(now: int, zone: str, days: int) -> None:
    place = ZoneInfo(zone)
    slots = list(offered(plan_of([(day, 0, 1440) for day in range(7)], 60), place, now, days))
    assert all(slot.starts_at > now for slot in slots)
    assert all(one.ends_at <= other.starts_at for one, other in pairwise(slots))
    first = local_day(now, place)
    assert all(first <= local_day(slot.starts_at, place) < first + timedelta(days=days) for slot in slots)
