"""What a hospital says about models on images that it held back: its score and its votes."""

from __future__ import annotations

import numpy as np
import pytest

from fl.protocol.errors import ClaimOutOfBounds, EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.groups import VoteRule
from fl.training.aggregation.quantise import LANES, LocalMetrics, Vector, quantise, weight_of
from fl.training.data.dataset import TRAIN, Dataset
from fl.training.evaluation.skill import skill_of
from fl.training.evaluation.votes import loss_on, votes_of
from fl.training.local.config import LocalConfig
from fl.training.local.train import TrainContext, train_local
from fl.training.model.appendix import empty
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector

RULE = VoteRule(2)
BY_QUALITY = RoundConfig(0.5, 50.0, 100, {"weights": "quality"}, LEUKEMIA)
BY_IMAGES = RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA)


@pytest.fixture(scope="module")
def first(tiny: ModelSpec) -> Vector:
    return to_vector(build_model(tiny, 1))


@pytest.fixture(scope="module")
def trained(tiny: ModelSpec, first: Vector, cells: Dataset) -> Vector:
    local = LocalConfig(epochs=20, batch=8, lr=3e-3, horizon=1, augment=0.0)
    return train_local(tiny, first, cells, local, TrainContext(1, 1, "north", "cpu")).vector


def test_a_model_that_knows_the_images_scores_high_and_one_that_swaps_the_classes_scores_zero(
    tiny: ModelSpec, trained: Vector, cells: Dataset
) -> None:
    own = cells.part(TRAIN)
    swapped = Dataset(own.images, 1 - own.labels, own.groups, own.split, own.class_names, own.source)
    assert skill_of(tiny, trained, own) >= 12
    assert skill_of(tiny, trained, swapped) == 0
    assert skill_of(tiny, trained, own.take(own.labels == 1)) == 0
    assert skill_of(tiny, trained, None) == 0


def test_a_good_change_is_accepted_a_harmful_one_and_a_broken_one_are_not(
    tiny: ModelSpec, first: Vector, trained: Vector, cells: Dataset
) -> None:
    own, good = cells.part(TRAIN), trained - first
    assert votes_of(tiny, np.concatenate([first, good, -30 * good]), own, RULE).tolist() == [1, 0]
    assert votes_of(tiny, np.concatenate([first, np.full_like(good, np.nan), good]), own, RULE).tolist() == [0, 1]
    assert votes_of(tiny, np.concatenate([first, good, good]), None, RULE).tolist() == [0, 0]
    assert loss_on(tiny, trained, own) < loss_on(tiny, first, own)


def test_a_change_of_the_calibration_blocks_no_vote_and_bends_none(
    tiny: ModelSpec, first: Vector, trained: Vector, cells: Dataset
) -> None:
    own, tail = cells.part(TRAIN), empty(tiny.classes)
    good, liar = np.concatenate([trained - first, tail]), np.concatenate([trained - first, tail])
    liar[first.size] = 0.3
    bent = liar.copy()
    bent[first.size : first.size + 3] = 1.0, 0.1, 5.0
    before = np.concatenate([first, tail])
    for change in (liar, bent):
        assert votes_of(tiny, np.concatenate([before, good, change]), own, RULE).tolist() == [1, 1]
    assert loss_on(tiny, before + liar, own) == np.inf
    assert votes_of(tiny, np.concatenate([before + liar, good, good]), own, RULE).tolist() == [0, 0]


def test_the_weight_by_quality_is_between_half_of_the_images_and_all_of_them() -> None:
    weights = [weight_of(LocalMetrics(60, 1, 0.5, skill), BY_QUALITY) for skill in range(16)]
    assert weights == sorted(weights)
    assert (weights[0], weights[-1]) == (30, 60)
    assert weight_of(LocalMetrics(1, 1, 0.5, 0), BY_QUALITY) == 1
    assert weight_of(LocalMetrics(10**6, 1, 0.5, 15), BY_QUALITY) == 100
    assert weight_of(LocalMetrics(60, 1, 0.5, 0), BY_IMAGES) == 60
    for skill in (-1, 16):
        with pytest.raises(EncodingError, match="validation score"):
            weight_of(LocalMetrics(60, 1, 0.5, skill), BY_QUALITY)


def test_a_weight_above_the_images_or_w_max_breaks_the_claims_and_a_small_one_only_without_quality() -> None:
    zero = np.zeros(8, np.float32)
    words = quantise(zero, zero, LocalMetrics(60, 1, 0.5, 3), BY_QUALITY)
    Claims.of(words, 1).check(BY_QUALITY)
    with pytest.raises(ClaimOutOfBounds):
        Claims.of(words, 1).check(BY_IMAGES)
    for claimed in (0, 61):
        words[-LANES] = claimed
        with pytest.raises(ClaimOutOfBounds):
            Claims.of(words, 1).check(BY_QUALITY)


def test_weights_by_anything_else_are_refused() -> None:
    with pytest.raises(EncodingError, match="quality"):
        weight_of(LocalMetrics(60, 1, 0.5, 3), RoundConfig(0.5, 50.0, 100, {"weights": "age"}, LEUKEMIA))
