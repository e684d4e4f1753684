from __future__ import annotations

import math
import random
import struct
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.protocol.errors import AggregateOverflow, EncodingError, NonFinite, NormExceeded, SumOutOfBounds
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.quantise import LocalMetrics, Vector, Words, quantise
from fl.training.aggregation.sum import Sum

LIMIT = 2**21 - 1
CONFIG = RoundConfig(clip=0.5, l2_bound=1e9, w_max=1000, training={}, task=LEUKEMIA)
CHUNK = 1 << 16


def words(values: list[int], lanes: tuple[int, int, int, int] = (100, 80, 100, 0), bits: int = 32) -> Words:
    return np.array([*values, *lanes], np.int32) if bits == 32 else np.array([*values, *lanes], np.int64)


def summed(*parts: Words) -> Sum:
    total = Sum(parts[0].size - 4, 8 * parts[0].itemsize)
    for part in parts:
        total.add(part)
    return total


def binary32(value: float) -> float:
    """Round a binary64 number to binary32, ties to even."""
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def updated(previous: Vector, sums: list[int], weight: int, config: RoundConfig) -> bytes:
    """Return M_r = f32(f64(M) + f64(S)·(c·W_max / (scale·W))) one number at a time, in Python's binary64."""
    factor = (config.clip * config.w_max) / ({32: 2097152.0, 64: 8796093022208.0}[config.word_bits] * weight)
    out = [binary32(before + float(total) * factor) for before, total in zip(previous.tolist(), sums, strict=True)]
    return struct.pack(f"<{len(out)}f", *out)


def test_lanes_are_summed_and_the_loss_is_averaged() -> None:
    total = summed(words([1], (100, 80, 120, 65536)), words([2], (50, 50, 50, 32768)))
    claims = total.claims
    assert (claims.weight, claims.correct, claims.samples, claims.mean_loss) == (150, 130, 170, 0.75)
    assert total.hospitals == 2
    assert Sum(1).claims.mean_loss == 0


def test_1024_hospitals_at_the_limit_do_not_overflow_and_one_more_is_refused() -> None:
    assert 1024 * LIMIT < 2**31 - 1 < 1025 * LIMIT
    config = replace(CONFIG, clip=1.0, w_max=LIMIT)
    total = Sum(2)
    extreme = words([LIMIT, -LIMIT], (LIMIT, LIMIT, LIMIT, LIMIT))
    for _ in range(1024):
        total.add(extreme)
    assert (total.claims.weight, total.claims.correct, total.claims.samples) == (1024 * LIMIT,) * 3
    model = total.apply(np.zeros(2, np.float32), config)
    factor = LIMIT / (2**21 * (1024 * LIMIT))
    assert model.tolist() == [binary32(1024 * LIMIT * factor), binary32(-1024 * LIMIT * factor)]
    before = total.claims
    with pytest.raises(AggregateOverflow) as refusal:
        total.add(extreme)
    assert refusal.value.facts() == {"hospitals": 1025, "limit": 1024}
    assert total.claims == before


def test_1024_hospitals_at_the_limit_of_64_bits_give_a_sum_that_binary64_holds_exactly() -> None:
    config, limit = replace(CONFIG, clip=1.0, w_max=LIMIT, word_bits=64), 2**43 - 1
    total = Sum(2, 64)
    for _ in range(1024):
        total.add(words([limit, -limit], (LIMIT, LIMIT, LIMIT, LIMIT), 64))
    assert int(float(1024 * limit)) == 1024 * limit
    model = total.apply(np.zeros(2, np.float32), config)
    assert model.tobytes() == updated(np.zeros(2, np.float32), [1024 * limit, -1024 * limit], 1024 * LIMIT, config)
    with pytest.raises(AggregateOverflow):
        total.add(words([0, 0], bits=64))


@pytest.mark.parametrize(("have", "added"), [(32, 64), (64, 32)])
def test_words_of_another_width_are_refused(have: int, added: int) -> None:
    with pytest.raises(EncodingError):
        summed(words([7], bits=have)).add(words([7], bits=added))


@pytest.mark.parametrize(("bits", "limit"), [(32, LIMIT), (64, 2**43 - 1)])
def test_a_sum_that_was_not_unmasked_rightly_is_refused(bits: int, limit: int) -> None:
    assert Sum.of(words([2 * limit], bits=bits), 2).hospitals == 2
    with pytest.raises(SumOutOfBounds, match="sum of 2 hospitals has a value of"):
        Sum.of(words([2 * limit + 1], bits=bits), 2)


@pytest.mark.parametrize("size", [0, 4, 6, 8])
def test_an_update_of_another_length_is_refused_and_changes_nothing(size: int) -> None:
    total = summed(words([7]))
    with pytest.raises(EncodingError) as refusal:
        total.add(np.zeros(size, np.int32))
    assert refusal.value.why == f"it has {size} words of 32 bits, 5 words of 32 bits were expected"
    assert total.hospitals == 1


@pytest.mark.parametrize("size", [0, 1, 3, 6])
def test_a_previous_model_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(EncodingError):
        summed(words([7, 8])).apply(np.zeros(size, np.float32), CONFIG)


def test_nobodys_sum_is_no_model() -> None:
    with pytest.raises(EncodingError):
        Sum(3).apply(np.zeros(3, np.float32), CONFIG)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("size", [1, 7, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5])
def test_the_new_model_is_that_of_scalar_binary64_bit_for_bit(size: int, bits: int) -> None:
    config, limit = replace(CONFIG, word_bits=bits), {32: LIMIT, 64: 2**43 - 1}[bits]
    chance = random.Random(size)  # noqa: S311 - test data
    previous = np.array([chance.gauss(0, 0.1) for _ in range(size)], np.float32)
    parts = [[chance.randint(-limit, limit) for _ in range(size)] for _ in range(3)]
    weights = [chance.randint(1, 1000) for _ in range(3)]
    total = summed(*(words(part, (weight, 1, weight, 0), bits) for part, weight in zip(parts, weights, strict=True)))
    sums = [sum(column) for column in zip(*parts, strict=True)]
    model = total.apply(previous, config)
    assert model.dtype == np.float32
    assert model.tobytes() == updated(previous, sums, sum(weights), config)


@pytest.mark.parametrize("clip", [0.5, 1 / 3, 0.1, 7e-5])
def test_awkward_numbers_are_rounded_as_the_protocol_says(clip: float) -> None:
    """Negative zero, subnormals, ties: the factor first, then product and sum rounded separately, then binary32."""
    config = replace(CONFIG, clip=clip, w_max=997)
    previous = np.array([-0.0, 0.0, 1e-45, -1e-45, 1 + 2**-23, 2.0**24, -3.5, 1e-38], np.float32)
    values = [0, 0, 1, -1, 3, LIMIT, -LIMIT, 1]
    model = summed(words(values, (331, 0, 331, 0))).apply(previous, config)
    assert model.tobytes() == updated(previous, values, 331, config)
    assert math.copysign(1, float(model[0])) == 1


floats = st.floats(-1e3, 1e3, width=32)
bounds = st.builds(
    RoundConfig,
    clip=st.floats(1e-3, 10),
    l2_bound=st.floats(1e-3, 100),
    w_max=st.just(500),
    training=st.just({}),
    task=st.just(LEUKEMIA),
    word_bits=st.sampled_from([32, 64]),
)
updates = st.lists(st.tuples(floats, st.integers(-LIMIT, LIMIT), st.integers(-LIMIT, LIMIT)), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(updates, st.integers(1, 1000), st.integers(1, 1000), st.floats(1e-3, 10))
def test_any_sum_gives_the_scalar_model_and_is_near_the_rational_one(
    rows: list[tuple[float, int, int]], first: int, second: int, clip: float
) -> None:
    config = replace(CONFIG, clip=clip)
    previous = np.array([row[0] for row in rows], np.float32)
    one, two = [row[1] for row in rows], [row[2] for row in rows]
    total = summed(words(one, (first, 0, first, 0)), words(two, (second, 0, second, 0)))
    sums = [left + right for left, right in zip(one, two, strict=True)]
    model = total.apply(previous, config)
    assert model.tobytes() == updated(previous, sums, first + second, config)
    for found, before, value in zip(model.tolist(), previous.tolist(), sums, strict=True):
        exact = Fraction(before) + Fraction(value) * Fraction(clip) * 1000 / (2**21 * (first + second))
        assert abs(Fraction(found) - exact) <= abs(exact) * Fraction(1, 2**23) + Fraction(1, 2**60)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(-LIMIT, LIMIT), min_size=3, max_size=3), min_size=2, max_size=6), st.randoms())
def test_the_order_of_the_hospitals_does_not_matter(parts: list[list[int]], chance: random.Random) -> None:
    previous = np.array([0.1, -0.2, 0.3], np.float32)
    shuffled = list(parts)
    chance.shuffle(shuffled)
    models = [summed(*map(words, order)).apply(previous, CONFIG).tobytes() for order in (parts, shuffled)]
    assert models[0] == models[1]
    assert previous.tolist() == np.array([0.1, -0.2, 0.3], np.float32).tolist()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5), st.integers(1, 60), st.floats(1e-6, 1e3), bounds, st.integers(0, 2**32))
def test_honest_hospitals_never_exceed_the_norm(
    hospitals: int, size: int, spread: float, config: RoundConfig, seed: int
) -> None:
    chance = np.random.default_rng(seed)
    previous = chance.normal(size=size).astype(np.float32)
    direction = chance.normal(size=size)
    total = Sum(size, config.word_bits)
    for _ in range(hospitals):
        trained = (previous + spread * (direction + chance.normal(0, 0.01, size))).astype(np.float32)
        samples = int(chance.integers(1, 1000))
        total.add(quantise(previous, trained, LocalMetrics(samples, 0, 1.0), config))
    model = total.apply(previous, config)
    moved = float(np.linalg.norm(model.astype(np.float64) - previous.astype(np.float64)))
    assert moved <= config.l2_bound * 1.001 + 1e-5 * size + config.clip * 500 / 2**21 * math.sqrt(size + 4)


@pytest.mark.parametrize("weight", [1, 10, 100])
def test_a_dishonest_update_beyond_the_norm_is_refused(weight: int) -> None:
    """A liar sends words for a step of norm 10 where the bound is 1."""
    config = RoundConfig(clip=4.0, l2_bound=1.0, w_max=100, training={}, task=LEUKEMIA)
    unit = config.clip * config.w_max / 2**21 / weight
    step = [round(10 / math.sqrt(100) / unit)] * 100
    assert max(step) <= LIMIT
    with pytest.raises(NormExceeded) as refusal:
        summed(words(step, (weight, 0, weight, 0))).apply(np.zeros(100, np.float32), config)
    assert refusal.value.norm == pytest.approx(10.0, rel=1e-3)
    assert 1.0 < refusal.value.bound < 1.01


def test_the_bound_leaves_room_for_rounding_and_no_more() -> None:
    config = RoundConfig(clip=0.5, l2_bound=1.0, w_max=100, training={}, task=LEUKEMIA)
    unit = 0.5 * 100 / 2**21 / 100
    inside = math.floor(1.0 / unit)
    slack = 0.5 * math.sqrt(5)
    for value, accepted in ((inside, True), (math.floor(1 / unit + slack) + 1, False)):
        total = summed(words([value]))
        if accepted:
            total.apply(np.zeros(1, np.float32), config)
        else:
            with pytest.raises(NormExceeded):
                total.apply(np.zeros(1, np.float32), config)


def test_a_model_that_leaves_binary32_is_refused_with_the_number_of_weights() -> None:
    largest = np.finfo(np.float32).max
    config = RoundConfig(clip=1e38, l2_bound=1e60, w_max=1000, training={}, task=LEUKEMIA)
    previous = np.array([largest, 0, -largest, largest], np.float32)
    moving = words([LIMIT, LIMIT, -LIMIT, 0], (1000, 0, 1000, 0))
    with pytest.raises(NonFinite) as refusal:
        summed(moving).apply(previous, config)
    assert refusal.value.facts() == {"what": "new model", "count": 2}
