"""What one hospital, and several together, can claim; the bounds are judged by sums of honest quantisers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.protocol.errors import ClaimOutOfBounds, NormExceeded, SumOutOfBounds
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.quantise import LIMIT, LocalMetrics, Words, quantise
from fl.training.aggregation.sum import Sum, check_update

CONFIG = RoundConfig(clip=0.5, l2_bound=1e9, w_max=1000, training={}, task=LEUKEMIA)
GOOD = (250, 200, 250, 32768)
"""weight, correct, samples, loss"""
SUM = (750, 600, 750, 3 * 32768)
"""Of three such hospitals."""


def words(lanes: tuple[int, ...], *values: int, bits: int = 32) -> Words:
    out = [*(values or (0,)), *lanes]
    return np.array(out, np.int32) if bits == 32 else np.array(out, np.int64)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 1), st.floats(0, 100)), min_size=1, max_size=6),
    st.sampled_from([1, 3, 1000, 2**21]),
    st.sampled_from([32, 64]),
)
def test_honest_hospitals_never_break_a_bound(hospitals: list[tuple[int, float, float]], w_max: int, bits: int) -> None:
    config = replace(CONFIG, w_max=w_max, word_bits=bits, l2_bound=1.0)
    previous, total = np.zeros(3, np.float32), Sum(3, bits)
    for samples, accuracy, loss in hospitals:
        trained = np.array([accuracy, -loss, 0.25], np.float32)
        one = quantise(previous, trained, LocalMetrics(samples, int(samples * accuracy), loss), config)
        check_update(one, config)
        total.add(one)
    total.claims.check(config)
    assert np.isfinite(total.apply(previous, config)).all()


@pytest.mark.parametrize(
    ("lanes", "what"),
    [
        ((0, 200, 250, 0), "weight"),
        ((-1, 200, 250, 0), "weight"),
        ((249, 200, 250, 0), "weight"),
        ((251, 200, 250, 0), "weight"),
        ((1001, 200, 5000, 0), "weight"),
        ((999, 200, 5000, 0), "weight"),
        ((250, 251, 250, 0), "correct"),
        ((250, -1, 250, 0), "correct"),
        ((250, 200, 250, -1), "loss"),
        ((250, 200, 250, LIMIT + 1), "loss"),
        ((250, 200, -250, 0), "samples"),
        ((0, 0, 0, 0), "samples"),
        ((1000, 200, LIMIT + 1, 0), "samples"),
    ],
)
@pytest.mark.parametrize("bits", [32, 64])
def test_what_one_hospital_cannot_claim_is_named(lanes: tuple[int, ...], what: str, bits: int) -> None:
    config = replace(CONFIG, word_bits=bits)
    check_update(words(GOOD, bits=bits), config)
    with pytest.raises(ClaimOutOfBounds) as refusal:
        check_update(words(lanes, bits=bits), config)
    assert refusal.value.what == what
    assert str(refusal.value.claimed) in str(refusal.value)


@pytest.mark.parametrize(
    ("lanes", "what"),
    [
        ((750 + 2**21 - 1, 600, 750, 0), "weight"),
        ((750 + 2**21 - 1, 600, 750 + 2**21 - 1, 0), "weight"),
        ((750 - 300, 600, 750, 0), "weight"),
        ((750 - 725, 600, 750, 0), "weight"),
        ((0, 600, 750, 0), "weight"),
        ((-5, 600, 750, 0), "weight"),
        ((2, 0, 2, 0), "samples"),
        ((3, 0, 3 * LIMIT + 1, 0), "samples"),
        ((750, 10**6, 750, 0), "correct"),
        ((750, -1, 750, 0), "correct"),
        ((750, 600, 750, -1), "loss"),
        ((750, 600, 750, 3 * LIMIT + 1), "loss"),
    ],
)
@pytest.mark.parametrize("bits", [32, 64])
def test_what_three_hospitals_cannot_claim_together_makes_no_model(
    lanes: tuple[int, ...], what: str, bits: int
) -> None:
    config, previous = replace(CONFIG, word_bits=bits), np.zeros(1, np.float32)
    assert Sum.of(words(SUM, 7, bits=bits), 3).apply(previous, config)[0] > 0
    with pytest.raises(SumOutOfBounds) as refusal:
        Sum.of(words(lanes, 7, bits=bits), 3).apply(previous, config)
    assert refusal.value.what == ("value" if max(map(abs, lanes)) > 3 * LIMIT and bits == 32 else what)
    assert "does not show who" in str(refusal.value)


def test_the_least_weight_of_a_sum_is_that_of_one_large_hospital_and_many_small_ones() -> None:
    config = replace(CONFIG, w_max=100)
    together = Claims(3, 102, 0, 5002, 0)
    together.check(config)
    with pytest.raises(SumOutOfBounds):
        replace(together, weight=101).check(config)


@pytest.mark.parametrize("bits", [32, 64])
def test_one_update_that_moves_the_model_further_than_its_weight_allows_is_refused(bits: int) -> None:
    config = replace(CONFIG, l2_bound=0.1, word_bits=bits)
    scale = {32: 2**21, 64: 2**43}[bits]
    longest = int(0.1 / 0.5 * scale * 0.25)
    check_update(words(GOOD, longest, bits=bits), config)
    with pytest.raises(NormExceeded):
        check_update(words(GOOD, longest + longest // 100, bits=bits), config)


def test_a_report_names_the_claims_and_the_most_that_so_many_may_claim() -> None:
    assert Claims(3, 750, 600, 750, 98304).to_dict(CONFIG) == {
        "hospitals": 3,
        "weight": 750,
        "correct": 600,
        "samples": 750,
        "accuracy": 0.8,
        "loss": 0.5,
        "most_samples": 3 * LIMIT,
        "most_weight": 750,
        "most_loss": LIMIT / 2**16,
    }
