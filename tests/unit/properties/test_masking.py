"""The sum that is left after unmasking is the integer sum of the survivors' words, for every legal drop-out set."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.crypto.masking import accumulate, apply, hospital_masks, remaining_masks, to_signed
from fl.protocol.errors import BelowThreshold
from tests.support.crypto.masked_scene import Scene, round_of

LIMIT = 2**21 - 1
"""What the quantiser lets through."""
WORD = st.one_of(st.sampled_from([-LIMIT, -1, 0, 1, LIMIT]), st.integers(-LIMIT, LIMIT))
SMALL_ROUNDS = [(n, t) for n in range(2, 7) for t in range(n // 2 + 1, n + 1)]
LARGE_ROUNDS = [(10, 7), (50, 34)]
Rows = list[list[int]]


def columns(rows: Rows, alive: Sequence[int]) -> list[int]:
    return [sum(rows[place][word] for place in alive) for word in range(len(rows[0]))]


def arrays(rows: Rows) -> list[npt.NDArray[np.int32]]:
    return [np.array(row, np.int32) for row in rows]


@st.composite
def rows_of(draw: st.DrawFn, hospitals: int) -> Rows:
    count = draw(st.integers(1, 6))
    return [draw(st.lists(WORD, min_size=count, max_size=count)) for _ in range(hospitals)]


@pytest.mark.parametrize(("hospitals", "threshold"), SMALL_ROUNDS)
@given(data=st.data())
@settings(max_examples=4, deadline=None)
def test_every_legal_drop_out_set_gives_the_exact_sum(hospitals: int, threshold: int, data: st.DataObject) -> None:
    scene = round_of(hospitals, threshold)
    rows = data.draw(rows_of(hospitals))
    for count in range(threshold, hospitals + 1):
        for alive in combinations(range(hospitals), count):
            revealers = data.draw(st.permutations(alive))[: data.draw(st.integers(threshold, count))]
            assert scene.total(arrays(rows), alive, revealers) == columns(rows, alive)


@pytest.mark.parametrize(("hospitals", "threshold"), SMALL_ROUNDS)
def test_every_illegal_drop_out_set_uncovers_nothing(hospitals: int, threshold: int) -> None:
    scene = round_of(hospitals, threshold)
    for alive in combinations(range(hospitals), threshold - 1):
        with pytest.raises(BelowThreshold):
            scene.uncover(alive, alive)


@pytest.mark.parametrize(("hospitals", "threshold"), LARGE_ROUNDS)
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_sampled_drop_out_sets_of_large_rounds_give_the_exact_sum(
    hospitals: int, threshold: int, data: st.DataObject
) -> None:
    scene = round_of(hospitals, threshold)
    rows = data.draw(rows_of(hospitals))
    gone = data.draw(st.sets(st.integers(0, hospitals - 1), max_size=hospitals - threshold))
    alive = [place for place in range(hospitals) if place not in gone]
    assert scene.total(arrays(rows), alive, alive) == columns(rows, alive)


@pytest.mark.parametrize(("hospitals", "threshold"), LARGE_ROUNDS)
def test_the_largest_legal_drop_out_with_the_largest_words(hospitals: int, threshold: int) -> None:
    scene = round_of(hospitals, threshold)
    rows = [[LIMIT, -LIMIT] for _ in range(hospitals)]
    alive = list(range(hospitals - threshold, hospitals))
    assert scene.total(arrays(rows), alive, alive) == [threshold * LIMIT, -threshold * LIMIT]


WIDE_WORD = st.integers(-(2**53), 2**53)


@given(st.lists(st.lists(WIDE_WORD, min_size=3, max_size=3), min_size=5, max_size=5), st.integers(0, 5))
@settings(max_examples=20, deadline=None)
def test_sums_of_raw_counts_are_exact_in_the_wide_ring(rows: Rows, gone: int) -> None:
    scene: Scene = round_of(5, 3)
    alive = [place for place in range(5) if place != gone]
    total = np.zeros(3, np.uint64)
    for place in alive:
        own = scene.participants[place].account
        words = np.array(rows[place], np.int64)
        accumulate(total, apply(words, hospital_masks(scene.keys[place], own, scene.participants, scene.context)))
    found = scene.uncover(alive, alive)
    masks = remaining_masks(scene.participants, found.self_secrets, found.mask_secrets, scene.context)
    assert to_signed(apply(total, masks)).tolist() == columns(rows, alive)


@given(st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), min_size=2, max_size=2), min_size=3, max_size=3))
@settings(max_examples=20, deadline=None)
def test_sums_beyond_the_ring_wrap_like_integers_mod_2_to_the_32(rows: Rows) -> None:
    scene = round_of(3, 2)
    wrapped = [(value + 2**31) % 2**32 - 2**31 for value in columns(rows, range(3))]
    assert scene.total(arrays(rows), range(3), range(3)) == wrapped
