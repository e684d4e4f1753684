"""Lanes are exact, named and bounded: nothing is clipped, rounded or guessed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.codec import parse_document, write_document
from fl.protocol.errors import ClaimOutOfBounds, EncodingError
from fl.training.aggregation.lanes import MAX_LANES, MAX_WORDS, WIDEST, Entries, Lane, LanePlan

COUNTS = Lane("counts", 3, 0, 100, "How many of each kind there are.")
SCORES = Lane("scores", 2, -7, 2**40, "The sum of the scores.")
PLAN = LanePlan("test", (COUNTS, SCORES))


def lane(*entries: int) -> Entries:
    return np.array(entries, np.int64)


@st.composite
def plans(draw: st.DrawFn) -> LanePlan:
    ends = st.integers(-WIDEST, WIDEST)
    lanes = []
    for number in range(draw(st.integers(1, 4))):
        low, high = sorted((draw(ends), draw(ends)))
        lanes.append(Lane(f"lane{number}", draw(st.integers(1, 5)), low, high, "Nothing."))
    return LanePlan("test", tuple(lanes))


def values_of(draw: st.DrawFn, plan: LanePlan) -> dict[str, Entries]:
    return {
        each.name: lane(*draw(st.lists(st.integers(each.low, each.high), min_size=each.length, max_size=each.length)))
        for each in plan.lanes
    }


@st.composite
def contributions(draw: st.DrawFn) -> tuple[LanePlan, list[dict[str, Entries]]]:
    plan = draw(plans())
    return plan, [values_of(draw, plan) for _ in range(draw(st.integers(1, 6)))]


@given(contributions())
def test_the_sum_of_packed_vectors_is_the_packed_sum(made: tuple[LanePlan, list[dict[str, Entries]]]) -> None:
    plan, parts = made
    total = np.stack([plan.pack(values) for values in parts]).sum(axis=0)
    assert plan.broken(total, len(parts)) is None
    for each in plan.lanes:
        exact = [sum(int(values[each.name][place]) for values in parts) for place in range(each.length)]
        assert plan.unpack(total)[each.name].tolist() == exact


@given(contributions(), st.data())
def test_a_hospital_outside_a_lanes_range_is_refused_by_name(
    made: tuple[LanePlan, list[dict[str, Entries]]], data: st.DataObject
) -> None:
    plan, [values, *_] = made
    chosen = data.draw(st.sampled_from(plan.lanes))
    place = data.draw(st.integers(0, chosen.length - 1))
    beyond = data.draw(st.sampled_from([chosen.low - 1, chosen.high + 1, 2**62, -(2**62)]))
    values[chosen.name][place] = beyond
    with pytest.raises(ClaimOutOfBounds) as refused:
        plan.pack(values)
    error = refused.value
    assert (error.what, error.claimed, error.low, error.high) == (chosen.name, beyond, chosen.low, chosen.high)


@given(plans())
def test_a_plan_survives_its_document(plan: LanePlan) -> None:
    assert LanePlan.from_dict(parse_document(write_document(plan.to_dict()), "plan")) == plan


def test_lanes_lie_one_after_the_other() -> None:
    packed = PLAN.pack({"scores": lane(-7, 2**40), "counts": lane(1, 2, 3)})
    assert packed.tolist() == [1, 2, 3, -7, 2**40]
    assert {name: entries.tolist() for name, entries in PLAN.unpack(packed).items()} == {
        "counts": [1, 2, 3],
        "scores": [-7, 2**40],
    }


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"counts": lane(1, 2, 3)}, "scores is missing"),
        ({"counts": lane(1, 2, 3), "scores": lane(1, 1), "more": lane(1)}, "no lane more"),
        ({"counts": lane(1, 2), "scores": lane(1, 1)}, r"int64 \[2\] instead of int64 \[3\]"),
        ({"counts": np.array([1.0, 2.0, 3.0]), "scores": lane(1, 1)}, "float64"),
        ({"counts": np.array([1, 2, 3], np.int32), "scores": lane(1, 1)}, "int32"),
    ],
)
def test_entries_that_do_not_fit_the_plan_are_not_sent(values: Any, why: str) -> None:
    with pytest.raises(EncodingError, match=why):
        PLAN.pack(values)


def test_a_sum_of_another_length_is_no_sum_of_this_plan() -> None:
    with pytest.raises(EncodingError, match=r"int64 \[4\] instead of int64 \[5\]"):
        PLAN.unpack(lane(1, 2, 3, 4))


@pytest.mark.parametrize(("high", "bits"), [(2**21 - 1, 32), (2**21, 64), (WIDEST, 64)])
def test_words_are_as_wide_as_1024_hospitals_need(high: int, bits: int) -> None:
    plan = LanePlan("test", (Lane("a", 1, 0, high, "All."),))
    assert plan.word_bits == bits
    assert 1024 * high < 2 ** (bits - 1)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Counts"},
        {"name": ""},
        {"name": "a" * 65},
        {"name": "a\u202eb"},
        {"length": 0},
        {"length": MAX_WORDS + 1},
        {"low": 101},
        {"high": WIDEST + 1},
        {"low": -WIDEST - 1},
        {"reveals": " "},
        {"reveals": "a" * 301},
        {"reveals": "Hidden \u202e."},
        {"reveals": 3},
        {"length": True},
        {"low": 0.0},
        {"more": 1},
    ],
)
def test_a_lane_that_says_too_little_or_too_much_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EncodingError):
        LanePlan.from_dict({"purpose": "test", "lanes": [{**COUNTS.to_dict(), **change}]})


@pytest.mark.parametrize(
    "change",
    [
        {"lanes": []},
        {"lanes": [COUNTS.to_dict(), COUNTS.to_dict()]},
        {"lanes": [{**COUNTS.to_dict(), "name": f"lane{number}"} for number in range(MAX_LANES + 1)]},
        {"lanes": [{**COUNTS.to_dict(), "name": f"lane{number}", "length": MAX_WORDS} for number in range(2)]},
        {"lanes": ["counts"]},
        {"lanes": COUNTS.to_dict()},
        {"purpose": "Data card"},
        {"more": 1},
    ],
)
def test_a_plan_without_bounds_or_with_two_meanings_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EncodingError):
        LanePlan.from_dict({**PLAN.to_dict(), **change})
