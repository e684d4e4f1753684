from __future__ import annotations

import math
import struct
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.protocol.errors import EncodingError, NonFinite
from fl.protocol.rounds.config import LARGEST_BOUND, RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.quantise import LIMIT, LocalMetrics, Vector, body_bytes, from_bytes, quantise, to_bytes

CONFIG = RoundConfig(clip=0.5, l2_bound=1e6, w_max=1000, training={}, task=LEUKEMIA)
METRICS = LocalMetrics(samples=250, correct=200, loss=0.5)
SCALES = {32: 2**21, 64: 2**43}
CHUNK = 1 << 16


def exact(previous: Vector, trained: Vector, samples: int, config: RoundConfig) -> list[Fraction]:
    """Return Δ·λ·scale/c with the L2 clip, in rational numbers (PROTOCOL.md 5); the root to 60 digits."""
    deltas = [
        Fraction(after) - Fraction(before) for after, before in zip(trained.tolist(), previous.tolist(), strict=True)
    ]
    squares = sum((delta * delta for delta in deltas), Fraction(0))
    norm = Fraction(math.isqrt(int(squares * 10**120)), 10**60)
    shrink = min(Fraction(1), Fraction(config.l2_bound) / norm) if norm else Fraction(1)
    scale = shrink * Fraction(min(samples, config.w_max), config.w_max) * SCALES[config.word_bits]
    scale /= Fraction(config.clip)
    return [delta * scale for delta in deltas]


def check_words(words: list[int], values: list[Fraction], bits: int = 32) -> None:
    """Assert that each word is its value, clipped and rounded half to even; either neighbour next to a tie."""
    limit, near = SCALES[bits] - 1, Fraction(SCALES[bits], 2**45) + Fraction(1, 10**6)
    for word, value in zip(words, values, strict=True):
        clipped = max(min(value, Fraction(limit)), Fraction(-limit))
        below = math.floor(clipped)
        if abs(clipped - below - Fraction(1, 2)) < near:
            assert word in {below, below + 1}
        else:
            assert word == round(clipped)


def vector(*values: float) -> Vector:
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (0.0, 0),
        (-0.0, 0),
        (0.25, 262144),
        (-0.25, -262144),
        (2.0**-20, 1),
        (-(2.0**-20), -1),
        (2.0**-21, 0),
        (3 * 2.0**-21, 2),
        (-(2.0**-21), 0),
        (5 * 2.0**-21, 2),
        (1.9, round(Fraction(float(np.float32(1.9))) * 2**20)),
        (2.0, 2097151),
        (-2.0, -2097151),
        (1e30, 2097151),
        (-1e30, -2097151),
        (1e-45, 0),
    ],
)
def test_one_coordinate_in_fixed_point(value: float, word: int) -> None:
    """Weight 250 of 1000 and clip 0.5: a unit is 2^-20, ties go to even, the ends are ±(2^21 - 1)."""
    config = replace(CONFIG, l2_bound=1e40)
    words = quantise(vector(0.0), vector(value), replace(METRICS, samples=250), config)
    assert words.dtype == np.int32
    assert words[0] == word


def test_the_lanes_are_weight_correct_samples_and_loss() -> None:
    words = quantise(vector(1.0), vector(1.0), LocalMetrics(samples=5000, correct=4000, loss=0.75), CONFIG)
    assert words.tolist() == [0, 1000, 4000, 5000, 0.75 * 65536]


@pytest.mark.parametrize(
    ("metrics", "w_max", "lanes"),
    [
        (LocalMetrics(1, 0, 0.0), 1, [1, 0, 1, 0]),
        (LocalMetrics(7, 7, -0.1), 1000, [7, 7, 7, 0]),
        (LocalMetrics(2**21, 2**21, 1e9), 2**21, [LIMIT, LIMIT, LIMIT, LIMIT]),
        (LocalMetrics(2**40, 2**40, 1e300), 2**21, [LIMIT, LIMIT, LIMIT, LIMIT]),
        (LocalMetrics(10**6, 5, 0.5 / 65536), 2**21, [10**6, 5, 10**6, 0]),
        (LocalMetrics(10**6, 5, 1.5 / 65536), 999, [999, 5, 10**6, 2]),
    ],
)
def test_large_and_small_counts_are_capped_and_still_accepted(
    metrics: LocalMetrics, w_max: int, lanes: list[int]
) -> None:
    config = replace(CONFIG, w_max=w_max)
    words = quantise(vector(0.0, 1.0), vector(0.5, 1.0), metrics, config)
    assert words[-4:].tolist() == lanes
    assert (from_bytes(to_bytes(words), 2, config) == words).all()


@pytest.mark.parametrize(
    "metrics", [LocalMetrics(0, 0, 0.5), LocalMetrics(-1, 0, 0.5), LocalMetrics(5, 6, 0.5), LocalMetrics(5, -1, 0.5)]
)
def test_counts_that_every_receiver_would_refuse_are_refused_at_home(metrics: LocalMetrics) -> None:
    with pytest.raises(EncodingError):
        quantise(vector(0.0), vector(0.5), metrics, CONFIG)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("places", [[0], [3, 4], [0, 1, 2, 3, 4]])
def test_weights_that_are_not_finite_are_counted_and_refused(bad: float, places: list[int]) -> None:
    trained = np.zeros(5, np.float32)
    trained[places] = bad
    with pytest.raises(NonFinite) as refusal:
        quantise(np.zeros(5, np.float32), trained, METRICS, CONFIG)
    assert refusal.value.facts() == {"what": "trained weights", "count": len(places)}


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_refused(loss: float) -> None:
    with pytest.raises(NonFinite) as refusal:
        quantise(vector(0.0), vector(0.5), replace(METRICS, loss=loss), CONFIG)
    assert refusal.value.facts() == {"what": "training loss", "count": 1}


@pytest.mark.parametrize("size", [0, 1, 3, 8])
def test_a_model_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(EncodingError) as refusal:
        quantise(np.zeros(2, np.float32), np.zeros(size, np.float32), METRICS, CONFIG)
    assert refusal.value.why == f"it has {size} parameters, the model has 2"
    with pytest.raises(EncodingError):
        quantise(np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32), METRICS, CONFIG)


@pytest.mark.parametrize("size", [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3])
def test_every_place_of_a_long_vector_is_quantised(size: int) -> None:
    places = sorted({0, size // 2, size - 1, min(CHUNK, size - 1), min(CHUNK - 1, size - 1)})
    trained = np.zeros(size, np.float32)
    trained[places] = [2.0**-20 * (number + 1) for number in range(len(places))]
    words = quantise(np.zeros(size, np.float32), trained, METRICS, CONFIG)
    assert words.size == size + 4
    assert {int(place): int(words[place]) for place in np.flatnonzero(words[:-4])} == {
        place: number + 1 for number, place in enumerate(places)
    }


def test_an_update_longer_than_the_bound_is_shrunk_to_it() -> None:
    """3-4-5: a difference of norm 10 under a bound of 5 is halved before it is weighted."""
    config = RoundConfig(clip=8.0, l2_bound=5.0, w_max=100, training={}, task=LEUKEMIA)
    words = quantise(vector(0, 0), vector(6, 8), LocalMetrics(100, 50, 0.1), config)
    assert words[:2].tolist() == [3 * 2**18, 4 * 2**18]
    inside = quantise(vector(0, 0), vector(3, 4), LocalMetrics(100, 50, 0.1), config)
    assert inside[:2].tolist() == [3 * 2**18, 4 * 2**18]


@pytest.mark.parametrize("bound", [LARGEST_BOUND, 1 / LARGEST_BOUND])
@pytest.mark.parametrize("clip", [LARGEST_BOUND, 1 / LARGEST_BOUND])
def test_the_ends_of_the_configuration_stay_in_range(bound: float, clip: float) -> None:
    config = RoundConfig(clip=clip, l2_bound=bound, w_max=1, training={}, task=LEUKEMIA)
    largest = float(np.finfo(np.float32).max)
    words = quantise(vector(0, 1, -1, 5), vector(0, largest, -largest, 5), METRICS, config)
    assert words[[0, 3]].tolist() == [0, 0]
    assert np.abs(words[:-4]).max() <= LIMIT
    check_words(words[:-4].tolist(), exact(vector(0, 1, -1, 5), vector(0, largest, -largest, 5), 250, config))


def test_the_inputs_are_left_as_they_were() -> None:
    previous, trained = vector(1, 2, 3), vector(2, 3, 4)
    quantise(previous, trained, METRICS, replace(CONFIG, l2_bound=0.1))
    assert previous.tolist() == [1, 2, 3]
    assert trained.tolist() == [2, 3, 4]


weights = st.floats(-1e6, 1e6, width=32)
pairs = st.lists(st.tuples(weights, weights), min_size=1, max_size=40)
configs = st.builds(
    RoundConfig,
    clip=st.floats(1e-3, 1e3),
    l2_bound=st.floats(1e-3, 1e7),
    w_max=st.integers(1, 2**21),
    training=st.just({}),
    task=st.just(LEUKEMIA),
    word_bits=st.sampled_from([32, 64]),
)


@settings(max_examples=200, deadline=None)
@given(pairs, st.integers(1, 2**22), configs)
def test_the_words_are_those_of_rational_arithmetic(
    pair: list[tuple[float, float]], samples: int, config: RoundConfig
) -> None:
    previous, trained = (np.array(side, np.float32) for side in zip(*pair, strict=True))
    words = quantise(previous, trained, LocalMetrics(samples, samples // 2, 0.3), config)
    capped = min(samples, 2**21 - 1)
    check_words(words[:-4].tolist(), exact(previous, trained, capped, config), config.word_bits)
    assert words[-4] == min(capped, config.w_max)
    assert words.itemsize * 8 == config.word_bits
    assert np.abs(words).max() <= SCALES[config.word_bits] - 1
    assert (from_bytes(to_bytes(words), len(pair), config) == words).all()
    again = quantise(previous, trained, LocalMetrics(samples, samples // 2, 0.3), config)
    assert again.tobytes() == words.tobytes()


# --- Bytes ---------------------------------------------------------------------------------------------------------


def body(*words: int) -> bytes:
    return struct.pack(f"<{len(words)}i", *words)


def test_words_travel_as_little_endian_twos_complement() -> None:
    words = np.array([1, -1, LIMIT, -LIMIT, 250, 200, 250, 32768], np.int32)
    expected = body(1, -1, LIMIT, -LIMIT, 250, 200, 250, 32768)
    assert to_bytes(words) == expected
    assert expected[:8] == bytes.fromhex("01000000ffffffff")
    assert len(expected) == body_bytes(4, 32) == 32
    assert from_bytes(expected, 4, CONFIG).tolist() == words.tolist()


def test_words_of_64_bits_travel_in_8_bytes_with_steps_of_2_to_the_minus_43() -> None:
    config = replace(CONFIG, word_bits=64, l2_bound=1e40)
    words = quantise(vector(0.0, 0.0, 0.0), vector(2.0**-42, -(2.0**-41), 1e30), METRICS, config)
    assert words.tolist() == [1, -2, 2**43 - 1, 250, 200, 250, 32768]
    assert to_bytes(words) == struct.pack("<7q", *words.tolist())
    assert len(to_bytes(words)) == body_bytes(3, 64) == body_bytes(3)
    assert from_bytes(to_bytes(words), 3, config).tolist() == words.tolist()
    with pytest.raises(EncodingError, match="56 bytes, 28 were expected"):
        from_bytes(to_bytes(words), 3, CONFIG)


@pytest.mark.parametrize("first", [2**43, -(2**43)])
def test_words_of_64_bits_have_bounds_too(first: int) -> None:
    with pytest.raises(EncodingError):
        from_bytes(struct.pack("<5q", first, 250, 200, 250, 0), 1, replace(CONFIG, word_bits=64))


@pytest.mark.parametrize("size", [0, 4, 16, 19, 21, 24, 400])
def test_a_body_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(EncodingError) as refusal:
        from_bytes(bytes(size), 1, CONFIG)
    assert refusal.value.why == f"it has {size} bytes, 20 were expected"


GOOD = (0, 250, 200, 250, 32768)


@pytest.mark.parametrize(
    "words",
    [
        (LIMIT + 1, *GOOD[1:]),
        (-LIMIT - 1, *GOOD[1:]),
        (2**31 - 1, *GOOD[1:]),
        (-(2**31), *GOOD[1:]),
        (0, 250, 200, 250, LIMIT + 1),
    ],
)
def test_words_that_no_honest_quantiser_makes_are_refused(words: tuple[int, ...]) -> None:
    assert from_bytes(body(*GOOD), 1, CONFIG).tolist() == list(GOOD)
    with pytest.raises(EncodingError):
        from_bytes(body(*words), 1, CONFIG)
