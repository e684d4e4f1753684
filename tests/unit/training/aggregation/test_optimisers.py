"""The server's optimisers against the papers' formulas, written down plainly, one number at a time."""

from __future__ import annotations

import math
import random
import struct
from dataclasses import replace

import numpy as np
import pytest

from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError, NonFinite, NormExceeded
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.blockwise import PIECE
from fl.training.aggregation.choice import FEDADAM, FEDAVGM, FEDYOGI, Aggregation
from fl.training.aggregation.quantise import Vector, Words
from fl.training.aggregation.sum import Sum

LIMIT = 2**21 - 1
CHOICES = [Aggregation(FEDAVGM, lr=0.7), Aggregation(FEDADAM, lr=0.03), Aggregation(FEDYOGI, lr=0.03, tau=1e-2)]
NAMES = [choice.rule for choice in CHOICES]


def config(choice: Aggregation, bits: int = 32) -> RoundConfig:
    training: dict[str, JsonValue] = {"aggregation": choice.to_dict()}
    return RoundConfig(clip=0.5, l2_bound=1e9, w_max=1000, training=training, task=LEUKEMIA, word_bits=bits)


def words(values: list[int], weight: int = 100, bits: int = 32) -> Words:
    row = [*values, weight, 0, weight, 0]
    return np.array(row, np.int32) if bits == 32 else np.array(row, np.int64)


def summed(*parts: Words) -> Sum:
    total = Sum(parts[0].size - 4, 8 * parts[0].itemsize)
    for part in parts:
        total.add(part)
    return total


def binary32(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def reference(choice: Aggregation, rows: list[tuple[float, ...]], changes: list[float]) -> list[float]:
    """Return weights, then each vector of the state: `rows` are (weight, state...) before the round."""
    out: list[tuple[float, ...]] = []
    for row, change in zip(rows, changes, strict=True):
        if choice.rule == FEDAVGM:
            v = choice.beta1 * row[1] + change
            out.append((row[0] + choice.lr * v, v))
            continue
        m = choice.beta1 * row[1] + (1 - choice.beta1) * change
        if choice.rule == FEDADAM:
            v = choice.beta2 * row[2] + (1 - choice.beta2) * (change * change)
        else:
            sign = (row[2] > change * change) - (row[2] < change * change)
            v = row[2] - ((1 - choice.beta2) * (change * change)) * sign
        out.append((row[0] + choice.lr * m / (math.sqrt(v) + choice.tau), m, v))
    return [binary32(value) for column in zip(*out, strict=True) for value in column]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("size", [1, 9, PIECE + 3])
@pytest.mark.parametrize("choice", CHOICES, ids=NAMES)
def test_the_model_of_three_rounds_is_that_of_the_paper_bit_for_bit(choice: Aggregation, size: int, bits: int) -> None:
    chance, scale = random.Random(size), {32: 2**21, 64: 2**43}[bits]  # noqa: S311 - test data
    weights = np.array([chance.gauss(0, 0.1) for _ in range(size)], np.float32)
    model = np.concatenate([weights, choice.first_state(size)])
    for _ in range(3):
        parts = [[chance.randint(1 - scale, scale - 1) for _ in range(size)] for _ in range(3)]
        total = summed(*(words(part, weight, bits) for part, weight in zip(parts, (10, 700, 331), strict=True)))
        factor = (0.5 * 1000) / (float(scale) * 1041)
        changes = [sum(column) * factor for column in zip(*parts, strict=True)]
        rows = list(zip(*np.split(model.astype(np.float64), 1 + len(choice.state)), strict=True))
        expected = reference(choice, [tuple(map(float, row)) for row in rows], changes)
        model = total.apply(model, config(choice, bits))
        assert model.dtype == np.float32
        assert model.tolist() == expected


@pytest.mark.parametrize("choice", CHOICES, ids=NAMES)
def test_the_first_state_is_that_of_the_papers(choice: Aggregation) -> None:
    state = choice.first_state(2)
    tau = binary32(choice.tau * choice.tau)
    assert state.tolist() == ([0, 0] if choice.rule == FEDAVGM else [0, 0, tau, tau])
    assert all(name.startswith("server.") for name in choice.state)


@pytest.mark.parametrize("choice", CHOICES, ids=NAMES)
def test_the_order_of_the_hospitals_does_not_matter(choice: Aggregation) -> None:
    chance = np.random.default_rng(3)
    parts = [
        words(row, weight)
        for row, weight in zip(chance.integers(-9999, 9999, (4, 5)).tolist(), (1, 9, 50, 7), strict=True)
    ]
    previous = np.concatenate([chance.normal(size=5).astype(np.float32), choice.first_state(5)])
    one, other = (summed(*order).apply(previous, config(choice)) for order in (parts, parts[::-1]))
    assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("choice", CHOICES, ids=NAMES)
def test_hospitals_that_learned_nothing_leave_plain_momentum_and_no_other_change(choice: Aggregation) -> None:
    previous = np.concatenate([np.ones(3, np.float32), choice.first_state(3)])
    model = summed(words([0, 0, 0])).apply(previous, config(choice))
    assert model[:3].tolist() == [1, 1, 1]


@pytest.mark.parametrize("choice", CHOICES, ids=NAMES)
@pytest.mark.parametrize("size", [0, 3, 5, 12])
def test_a_model_without_the_rules_state_is_refused(choice: Aggregation, size: int) -> None:
    with pytest.raises(EncodingError):
        summed(words([1, 2, 3])).apply(np.zeros(size, np.float32), config(choice))


def test_plain_averaging_refuses_a_model_with_state() -> None:
    with pytest.raises(EncodingError):
        summed(words([1, 2, 3])).apply(np.zeros(6, np.float32), config(Aggregation()))


@pytest.mark.parametrize("choice", CHOICES, ids=NAMES)
def test_the_length_of_the_mean_is_bounded_before_the_optimiser_sees_it(choice: Aggregation) -> None:
    bounded = replace(config(choice), l2_bound=0.1)
    previous = np.concatenate([np.zeros(1, np.float32), choice.first_state(1)])
    with pytest.raises(NormExceeded):
        summed(words([LIMIT])).apply(previous, bounded)


def test_a_first_model_with_negative_squares_makes_no_model() -> None:
    choice = Aggregation(FEDADAM, lr=0.01)
    previous: Vector = np.array([0, 0, -1], np.float32)
    with pytest.raises(NonFinite):
        summed(words([1])).apply(previous, config(choice))
