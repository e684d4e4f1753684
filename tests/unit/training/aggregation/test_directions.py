"""Where updates point by their sketches: the same whole numbers for everybody, and only one hospital at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.training.aggregation.directions import FEWEST, PARTS, UNIT, against, directions, histories, scaled

ROUNDS, FUNCTIONALS = 4, 256
LIMIT = 5 * PARTS / (FUNCTIONALS * ROUNDS) ** 0.5
"""Of the mean of four directions."""


def test_directions_are_cosines_with_the_sum_of_the_others_whatever_the_lengths() -> None:
    draw = np.random.default_rng(1)
    common = draw.normal(size=FUNCTIONALS)
    sketches = [draw.normal(size=FUNCTIONALS) + common for _ in range(6)]
    lengths = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8]
    words = [np.round(length * each).astype(np.int64) for each, length in zip(sketches, lengths, strict=True)]
    units = {at: unit for at, each in enumerate(words) if (unit := scaled(each)) is not None}
    straight = [each / np.linalg.norm(each) for each in words]
    for who, found in directions(units).items():
        rest = np.sum([each for at, each in enumerate(straight) if at != who], axis=0)
        exact = float(straight[who] @ rest / np.linalg.norm(rest))
        assert found == pytest.approx(exact * PARTS, abs=2)


@given(st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=8, max_size=8), min_size=1, max_size=9))
def test_any_sketches_give_directions_in_range_or_none(rows: list[list[int]]) -> None:
    units = {at: unit for at, row in enumerate(rows) if (unit := scaled(np.array(row, np.int64))) is not None}
    assert all(np.abs(unit).max() <= UNIT for unit in units.values())
    found = directions(units)
    assert set(found) == (set(units) if len(units) >= FEWEST else set())
    assert all(-PARTS <= each <= PARTS for each in found.values())


def test_an_empty_sketch_points_nowhere() -> None:
    assert scaled(np.zeros(8, np.int64)) is None


def test_the_limit_is_five_deviations_of_the_mean_of_the_last_rounds() -> None:
    last = int(LIMIT)
    assert against({"a": [-last] * ROUNDS, "b": [500] * ROUNDS}, ROUNDS, FUNCTIONALS) is None
    assert against({"a": [-last - 1] * ROUNDS, "b": [500] * ROUNDS}, ROUNDS, FUNCTIONALS) == "a"
    assert against({"a": [PARTS, *[-last - 1] * ROUNDS]}, ROUNDS, FUNCTIONALS) == "a"
    assert against({"a": [-PARTS] * (ROUNDS - 1)}, ROUNDS, FUNCTIONALS) is None
    assert against({"a": [-900] * ROUNDS, "b": [-901] * ROUNDS}, ROUNDS, FUNCTIONALS) == "b"
    assert against({}, ROUNDS, FUNCTIONALS) is None


def test_a_history_has_only_the_rounds_in_which_a_hospital_was_judged() -> None:
    assert histories([{"a": 1, "b": 2}, {"b": 3}, {}, {"a": 4}]) == {"a": [1, 4], "b": [2, 3]}
