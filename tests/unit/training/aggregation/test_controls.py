"""The sum of SCAFFOLD: weights as in plain averaging, the server's variate by the paper's formula, bounds for both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fl.protocol.errors import EncodingError, NonFinite, NormExceeded
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.choice import SCAFFOLD, Aggregation
from fl.training.aggregation.controls import ControlledWeights
from fl.training.aggregation.kinds import work_of
from fl.training.aggregation.quantise import LANES, LocalMetrics, Words
from fl.training.aggregation.trained_work import Training
from fl.training.aggregation.work import Learned, Work

D = 40_000
CHOICE = Aggregation(SCAFFOLD, hospitals=4, control_clip=2.0, control_bound=500.0)
CONFIG = RoundConfig(0.5, 50.0, 100, {"aggregation": CHOICE.to_dict()}, LEUKEMIA)
CHANCE = np.random.default_rng(5)
MODEL = CHANCE.normal(size=2 * D).astype(np.float32)


def learned(samples: int, size: float = 0.3) -> ControlledWeights:
    moved = MODEL[:D] + CHANCE.normal(scale=0.01, size=D).astype(np.float32)
    return ControlledWeights(moved, LocalMetrics(samples, 1, 0.5), CHANCE.normal(scale=size, size=D).astype(np.float32))


def summed(work: Work, rows: list[Words]) -> np.ndarray:
    total = work.sum_of(np.add.reduce(rows), len(rows))
    return work.apply(total, MODEL).model


@pytest.mark.parametrize("bits", [32, 64])
def test_weights_are_those_of_plain_averaging_and_the_variate_moves_by_the_share_of_hospitals(bits: int) -> None:
    config = replace(CONFIG, word_bits=bits)
    work, plain = work_of(config), Training(replace(config, training={}))
    hospitals = [learned(50), learned(100), learned(400)]
    model = summed(work, [work.encode(MODEL[:D], each) for each in hospitals])
    rows = [plain.encode(MODEL[:D], (each.vector, each.metrics)) for each in hospitals]
    averaged = plain.apply(plain.sum_of(np.add.reduce(rows), 3), MODEL[:D]).model
    assert model[:D].tobytes() == averaged.tobytes()
    mean = np.average([each.change.astype(np.float64) for each in hospitals], axis=0, weights=[50, 100, 100])
    assert np.abs(model[D:] - (MODEL[D:] + 0.75 * mean)).max() < 1e-5
    assert work.words(D) == 2 * D


def test_more_hospitals_than_were_named_count_as_all() -> None:
    work = work_of(CONFIG)
    hospitals = [learned(100) for _ in range(5)]
    model = summed(work, [work.encode(MODEL[:D], each) for each in hospitals])
    mean = np.mean([each.change.astype(np.float64) for each in hospitals], axis=0)
    assert np.abs(model[D:] - (MODEL[D:] + mean)).max() < 1e-5


def test_a_long_change_of_a_variate_is_shortened_by_honest_hospitals_and_refused_from_others() -> None:
    work = work_of(CONFIG)
    words = work.encode(MODEL[:D], learned(100, size=30.0))
    work.check_update(words)
    long = words.copy()
    long[D : 2 * D] = 2**21 - 1
    with pytest.raises(NormExceeded):
        work_of(replace(CONFIG, training={"aggregation": replace(CHOICE, control_bound=1.0).to_dict()})).check_update(
            long
        )
    total = work.sum_of(3 * long.astype(np.int32), 3)
    tight = work_of(replace(CONFIG, training={"aggregation": replace(CHOICE, control_bound=1.0).to_dict()}))
    with pytest.raises(NormExceeded):
        tight.check_sum(total)
    with pytest.raises(NormExceeded):
        tight.apply(total, MODEL)


def test_an_update_of_another_kind_is_refused() -> None:
    each = learned(100)
    other: Learned = (each.vector, each.metrics)
    with pytest.raises(EncodingError, match="no control variate"):
        work_of(CONFIG).encode(MODEL[:D], other)
    with pytest.raises(EncodingError, match="does not sum"):
        Training(replace(CONFIG, training={})).encode(MODEL[:D], each)


def test_a_variate_that_is_not_finite_makes_no_model() -> None:
    work = work_of(CONFIG)
    words = work.encode(MODEL[:D], learned(100))
    broken = MODEL.copy()
    broken[-1] = np.inf
    with pytest.raises(NonFinite, match="control"):
        work.apply(work.sum_of(words, 1), broken)
    with pytest.raises(EncodingError, match="previous model"):
        work.apply(work.sum_of(words, 1), MODEL[: 2 * D - 2])
    assert words.size == 2 * D + LANES
