"""Rounds of more than 1024 hospitals: no sum overflows, and sums of lanes are exact."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.protocol.errors import AggregateOverflow, EncodingError
from fl.protocol.rounds.config import RoundConfig, steps_bits
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.round_aggregation import check_fits
from fl.training.aggregation.choice import SCAFFOLD, Aggregation
from fl.training.aggregation.controls import ControlledWeights
from fl.training.aggregation.kinds import work_of
from fl.training.aggregation.lanes import Lane, LanePlan
from fl.training.aggregation.newton import NewtonSettings, plan_of
from fl.training.aggregation.quantise import LIMIT, LocalMetrics, Words, grid_of, quantise
from fl.training.aggregation.sum import Sum
from fl.training.aggregation.work import LaneValues, SumSpec
from fl.training.calibrating import closing_rounds
from fl.training.vector import Vector

VECTORS = json.loads((Path(__file__).parents[3] / "vectors" / "quantiser.json").read_text())
CONFIG = RoundConfig(clip=0.5, l2_bound=1e6, w_max=2**21, training={}, task=LEUKEMIA)
SIZES = (1, 1024, 1025, 16_384)
START = np.zeros(2, np.float32)


def of_many(hospitals: int, bits: int, config: RoundConfig = CONFIG) -> RoundConfig:
    return replace(config, word_bits=bits, roster=hospitals)


def repeated(words: Words, hospitals: int) -> Words:
    """Return the sum of equal updates mod 2^32 or 2^64, as masks leave it."""
    modulus = 1 << 8 * words.itemsize
    sums = [(hospitals * int(word)) % modulus for word in words]
    return np.array(sums, f"u{words.itemsize}").view(words.dtype)


@pytest.mark.parametrize("case", VECTORS["cases"])
def test_steps_follow_from_the_roster_as_the_vectors_say(case: dict[str, int]) -> None:
    assert steps_bits(case["word_bits"], case["hospitals"]) == case["q"]


@given(hospitals=st.one_of(st.sampled_from([2**k + d for k in range(15) for d in (0, 1)]), st.integers(1, 20_000)))
def test_q_is_the_largest_with_room_for_all(hospitals: int) -> None:
    narrow = max(q for q in range(22) if hospitals * (2**q - 1) < 2**31)
    fine = max(q for q in range(44) if hospitals * 2**q <= 2**53)
    assert (steps_bits(32, hospitals), steps_bits(64, hospitals)) == (narrow, fine)


@settings(max_examples=30, deadline=None)
@given(
    hospitals=st.sampled_from(SIZES),
    bits=st.sampled_from((32, 64)),
    change=st.tuples(*[st.floats(-4, 4, width=32)] * 2),
    samples=st.integers(1, 2**23),
    w_max=st.integers(1, 2**21),
)
def test_a_sum_of_equal_updates_neither_overflows_nor_breaks_a_bound_and_gives_their_change(
    hospitals: int, bits: int, change: tuple[float, float], samples: int, w_max: int
) -> None:
    config = of_many(hospitals, bits, replace(CONFIG, w_max=w_max))
    trained: Vector = np.array(change, np.float32)
    words = quantise(START, trained, LocalMetrics(samples, samples, 1e9), config)
    work = work_of(config)
    work.check_update(words)
    total = work.sum_of(repeated(words, hospitals), hospitals)
    assert [int(word) for word in total.words] == [hospitals * int(word) for word in words]
    model = work.apply(total, START).model
    weight = min(samples, config.most_weight, grid_of(config).most_claim)
    step = config.clip * config.most_weight / (2**config.steps_bits * weight)
    bound = config.clip * config.most_weight / weight
    for made, wanted in zip(model.tolist(), trained.tolist(), strict=True):
        clipped = max(-bound, min(bound, wanted))
        assert abs(made - clipped) <= 1.01 * step + 1e-6 * abs(clipped)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("hospitals", SIZES[1:])
def test_a_larger_word_or_claim_than_the_roster_allows_is_refused(hospitals: int, bits: int) -> None:
    config = of_many(hospitals, bits)
    limit = grid_of(config).limit
    assert grid_of(config).most_hospitals >= hospitals
    with pytest.raises(AggregateOverflow):
        Sum.of(np.zeros(5, f"i{bits // 8}"), grid_of(config).most_hospitals + 1, roster=hospitals)
    assert grid_of(config).most_claim == min(limit, LIMIT)
    words = quantise(START, START, LocalMetrics(2**30, 0, 0.0), config)
    assert int(words[-2]) == grid_of(config).most_claim


@pytest.mark.parametrize("hospitals", SIZES)
def test_lanes_are_exact_up_to_the_ends_of_their_range(hospitals: int) -> None:
    for bits in (32, 64):
        limit = 2 ** steps_bits(bits, hospitals) - 1
        plan = LanePlan("probe", (Lane("ends", 2, -limit, limit, "Nothing."),))
        config = of_many(hospitals, bits, replace(CONFIG, training=SumSpec(plan, "keep").to_dict()))
        plan.check_fits(bits, hospitals)
        assert plan.bits_for(hospitals) <= bits
        work = work_of(config)
        words = work.encode(START, LaneValues(np.array([limit, -limit]), 2**22))
        outcome = work.apply(work.sum_of(repeated(words, hospitals), hospitals), START)
        assert outcome.totals["ends"].tolist() == [hospitals * limit, -hospitals * limit]
        assert [int(float(each)) for each in outcome.totals["ends"]] == [hospitals * limit, -hospitals * limit]


def test_lanes_that_are_too_large_for_the_roster_are_refused_with_the_number_that_is_possible() -> None:
    plan = LanePlan("probe", (Lane("wide", 1, 0, 2**42 - 1, "Nothing."),))
    assert plan.bits_for(2048) == 64
    for refused in (lambda: plan.bits_for(2049), lambda: plan.check_fits(64, 2049)):
        with pytest.raises(AggregateOverflow) as refusal:
            refused()
        assert refusal.value.facts() == {"hospitals": 2049, "limit": 2048}
    config = of_many(2049, 64, replace(CONFIG, training=SumSpec(plan, "keep").to_dict()))
    with pytest.raises(EncodingError):
        work_of(config)


@pytest.mark.parametrize("hospitals", [1024, 2048, 16_384])
def test_a_calibration_fits_any_roster_and_keeps_its_bytes_up_to_2048_hospitals(hospitals: int) -> None:
    base = replace(CONFIG, training={"model": {}, "local": {}})
    for one, other in zip(closing_rounds(base, hospitals), closing_rounds(base), strict=True):
        work_of(replace(one, roster=hospitals))
        assert (one.training == other.training) == (hospitals <= 2048)


def test_a_coordinator_opens_no_round_whose_closing_rounds_or_newton_steps_have_no_room() -> None:
    base = replace(CONFIG, training={"model": {}, "local": {}})
    newton = SumSpec(plan_of(NewtonSettings(3, 1.0)), "newton").to_dict()
    for config, most in ((closing_rounds(base)[0], 2048), (replace(CONFIG, training=newton, word_bits=64), 1024)):
        check_fits(config, most)
        with pytest.raises(AggregateOverflow) as refusal:
            check_fits(config, most + 1)
        assert refusal.value.facts()["limit"] == most
    check_fits(closing_rounds(base, 5000)[0], 8192)
    check_fits(CONFIG, 16_384)


def test_control_variates_have_the_steps_of_the_weights() -> None:
    choice = Aggregation(SCAFFOLD, hospitals=1025, control_clip=0.25)
    config = of_many(1025, 32, replace(CONFIG, w_max=1, training={"aggregation": choice.to_dict()}))
    work, change = work_of(config), np.array([0.125, -0.25], np.float32)
    words = work.encode(START, ControlledWeights(change, LocalMetrics(4, 2, 0.5), change))
    total = work.sum_of(repeated(words, 1025), 1025)
    model = work.apply(total, np.zeros(4, np.float32)).model
    exact = [Fraction(0.125), Fraction(-0.25), Fraction(0.125), Fraction(-(2**20 - 1), 2**22)]
    assert model.tolist() == [float(np.float32(float(each))) for each in exact]
