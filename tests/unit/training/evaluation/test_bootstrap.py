"""Intervals over persons, judged by how often they cover a truth that is known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from fl.training.evaluation.bootstrap import Bootstrap, intervals

Floats = npt.NDArray[np.float64]
TRUTH = 0.7
QUICK = Bootstrap(draws=200)


def people_with_good_and_bad_luck(seed: int, people: int = 40, images: int = 25) -> tuple[Floats, npt.NDArray[np.str_]]:
    """Return right answers (1 or 0) of persons whose own rates differ around `TRUTH`, and the person of each."""
    rng = np.random.default_rng(seed)
    rates = rng.beta(TRUTH * 4, (1 - TRUTH) * 4, people)
    right = (rng.random((people, images)) < rates[:, np.newaxis]).astype(np.float64)
    return right.reshape(-1), np.repeat(np.arange(people).astype(np.str_), images)


def covers(right: Floats, clusters: npt.NDArray[np.str_]) -> bool:
    found = intervals(lambda rows: np.array([right[rows].mean()]), clusters, QUICK)
    return bool(found.low[0] <= TRUTH <= found.high[0])


def test_intervals_over_persons_cover_the_truth_as_often_as_they_say() -> None:
    hits = [covers(*people_with_good_and_bad_luck(seed)) for seed in range(200)]
    assert 0.89 <= np.mean(hits) <= 0.99


def test_intervals_over_images_would_not() -> None:
    rows = [people_with_good_and_bad_luck(seed)[0] for seed in range(60)]
    hits = [covers(right, np.arange(len(right)).astype(np.str_)) for right in rows]
    assert np.mean(hits) < 0.7


def test_the_same_seed_gives_the_same_interval_and_another_seed_another_one() -> None:
    right, persons = people_with_good_and_bad_luck(1)

    def low(how: Bootstrap) -> float:
        return float(intervals(lambda rows: np.array([right[rows].mean()]), persons, how).low[0])

    assert low(QUICK) == low(QUICK)
    assert low(QUICK) != low(Bootstrap(draws=200, seed=1))


def test_a_person_is_drawn_whole() -> None:
    persons = np.array(["b", "a", "b", "c", "a", "b"])
    sizes = {"a": 2, "b": 3, "c": 1}

    def drawn(rows: npt.NDArray[np.int64]) -> Floats:
        for name, size in sizes.items():
            assert (persons[rows] == name).sum() % size == 0
        return np.array([float(len(rows))])

    found = intervals(drawn, persons, QUICK)
    assert (found.low[0], found.high[0]) == (3, 9), "three times c, three times b"


@pytest.mark.parametrize(("share", "known"), [(0.4, False), (0.6, True)])
def test_draws_that_define_nothing_are_counted_and_with_too_few_others_there_is_no_interval(
    share: float, known: bool
) -> None:
    rng = np.random.default_rng(3)
    persons = np.array(["a", "b", "c"])
    found = intervals(lambda _rows: np.array([1.0 if rng.random() < share else np.nan, 2.0]), persons, QUICK)
    assert bool(np.isfinite(found.low[0])) is known
    assert 0 < found.usable[0] < QUICK.draws
    assert (found.low[1], found.high[1], found.usable[1]) == (2, 2, QUICK.draws)


def test_one_person_has_no_interval() -> None:
    found = intervals(lambda rows: np.array([float(len(rows))]), np.array(["a", "a"]), QUICK)
    assert np.isnan([found.low[0], found.high[0]]).all()
