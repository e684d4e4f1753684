"""Counting attempts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.databases import new_sqlite
from tests.support.site_services import Clock
from webui.config import Limit
from webui.errors import TooManyAttempts
from webui.store.database import Database
from webui.store.throttle import Meter, Throttle

THREE = Meter("try", "somebody", Limit(3, 60))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(tmp_path: Path, clock: Clock) -> Throttle:
    return Throttle(Database(new_sqlite(tmp_path)), clock)


def test_the_limit_holds_until_the_window_ends(throttle: Throttle, clock: Clock) -> None:
    for _ in range(3):
        throttle.take(THREE)
    clock.now += 59
    with pytest.raises(TooManyAttempts) as caught:
        throttle.take(THREE)
    assert caught.value.wait_s == 1
    clock.now += 1
    throttle.take(THREE)


def test_others_are_not_affected(throttle: Throttle) -> None:
    for _ in range(3):
        throttle.take(THREE)
    throttle.take(Meter("try", "another", Limit(3, 60)))


def test_a_full_meter_counts_nothing_on_the_others(throttle: Throttle) -> None:
    other = Meter("other", "somebody", Limit(1, 60))
    for _ in range(3):
        throttle.take(THREE)
    with pytest.raises(TooManyAttempts):
        throttle.take(other, THREE)
    throttle.take(other)


def test_forgotten_and_given_back_attempts_do_not_count(throttle: Throttle) -> None:
    for _ in range(5):
        throttle.take(THREE)
        throttle.give_back(THREE)
    for _ in range(3):
        throttle.take(THREE)
    throttle.forget(THREE)
    throttle.take(THREE)


def test_attempts_side_by_side_cannot_outrun_the_counter(throttle: Throttle) -> None:
    def attempt(_: int) -> bool:
        try:
            throttle.take(THREE)
        except TooManyAttempts:
            return False
        return True

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(attempt, range(24))) == 3
