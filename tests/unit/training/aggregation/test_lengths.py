"""How long an update may be by its sketch: exact at the limit, and never a surprise for honest ones."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.errors import ClaimOutOfBounds, EncodingError, UpdateTooLong
from fl.protocol.rounds.config import Check, RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.lengths import SLACK, Measured, fault_of, next_bound, usual_length
from fl.training.aggregation.quantise import SCALE

CONFIG = RoundConfig(clip=0.5, l2_bound=1.0, w_max=100, training={}, task=LEUKEMIA)


def measured(length: int, weight: int = 100, buckets: int = 64) -> Measured:
    """Return a sketch whose rows all estimate this length."""
    sketch = np.zeros(4 * buckets + 4, np.int64)
    sketch[: 4 * buckets : buckets] = length
    sketch[-4:] = (weight, 0, weight, 0)
    return Measured.of(sketch)


@pytest.mark.parametrize("buckets", SLACK)
@pytest.mark.parametrize("weight", [1, 50, 100])
def test_the_limit_is_exact(buckets: int, weight: int) -> None:
    limit = SLACK[buckets] * weight * SCALE / (100 * Fraction(1, 2))
    last = int(limit)
    measured(last, weight, buckets).check(CONFIG, buckets)
    with pytest.raises(UpdateTooLong) as found:
        measured(last + 1, weight, buckets).check(CONFIG, buckets)
    assert 1 <= found.value.times <= 1.25


def test_own_claims_are_those_of_one_hospital() -> None:
    for lanes in ((0, 0, 0, 0), (101, 0, 200, 0), (50, 51, 50, 0), (50, 0, 60, 0), (-1, 0, 1, 0)):
        sketch = np.zeros(260, np.int32)
        sketch[-4:] = lanes
        assert isinstance(fault_of(Measured.of(sketch), CONFIG, 64), ClaimOutOfBounds)
    assert fault_of(measured(1), CONFIG, 64) is None


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=12), st.randoms())
def test_the_usual_length_is_the_lower_median_in_whatever_order(lengths: list[int], dice: object) -> None:
    every = [measured(each) for each in lengths]
    usual = usual_length(every, CONFIG)
    dice.shuffle(every)  # type: ignore[attr-defined]
    assert usual_length(every, CONFIG) == usual
    exact = sorted(each.per_weight(CONFIG) for each in every)[(len(every) - 1) // 2]
    assert exact <= usual <= exact * (1 + 1 / 32)
    mantissa, _ = np.frexp(usual)
    assert float(mantissa * 64).is_integer()


def test_the_next_bound_is_never_above_the_plan() -> None:
    assert next_bound(50.0, 0.0) == 50.0
    assert next_bound(50.0, 2.0) == 2.5
    assert next_bound(1.0, 2.0) == 1.0
    assert usual_length([], CONFIG) == 0.0


def test_the_entry_of_a_checked_round_has_one_form() -> None:
    for buckets in (64, 128, 256):
        config = replace(CONFIG, check=Check(2, buckets))
        assert RoundConfig.from_bytes(config.to_bytes()) == config
    assert b"check" not in CONFIG.to_bytes()
    config = replace(CONFIG, check=Check(2, 64, direction=4))
    assert RoundConfig.from_bytes(config.to_bytes()) == config
    for direction in (3, 17):
        with pytest.raises(EncodingError):
            RoundConfig.from_bytes(replace(CONFIG, check=Check(2, 64, direction)).to_bytes())
    for auditors, buckets in ((0, 64), (1, 65), (1025, 64), (1, 0)):
        with pytest.raises(EncodingError):
            RoundConfig.from_bytes(replace(CONFIG, check=Check(auditors, buckets)).to_bytes())
