"""Where time goes: what counts, and for whom."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from fl.timing import Stopwatch, timed


@timed("seal")
def seal(words: int) -> int:
    return words + 1


def test_a_stopwatch_adds_up_by_part_even_when_the_part_fails() -> None:
    ticks = iter([0.0, 1.5, 10.0, 10.25, 20.0, 23.0])
    watch = Stopwatch(lambda: next(ticks))
    with watch("seal"):
        pass
    with watch("open"):
        pass
    with pytest.raises(KeyError), watch("seal"):
        raise KeyError
    assert watch.seconds == {"seal": 4.5, "open": 0.25}


def test_a_timed_function_counts_for_the_stopwatch_that_runs_and_for_no_other() -> None:
    watch, other = Stopwatch(count().__next__), Stopwatch(count().__next__)
    assert seal(1) == 2
    with other.running(), watch.running():
        assert [seal(1), seal(words=2)] == [2, 3]
    assert (watch.seconds, other.seconds) == ({"seal": 2}, {})


def test_a_timed_function_does_not_count_in_another_thread() -> None:
    watch = Stopwatch(count().__next__)
    with watch.running():
        thread = threading.Thread(target=seal, args=(1,))
        thread.start()
        thread.join()
    assert watch.seconds == {}


def test_a_function_with_a_stopwatch_around_it_counts_in_any_thread() -> None:
    watch = Stopwatch(count().__next__)
    assert watch.around("training", lambda words: words + 1)(1) == 2
    assert watch.seconds == {"training": 1}
