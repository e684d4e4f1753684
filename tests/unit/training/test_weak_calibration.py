"""A class with too few held-back images is named after the last round of a calibration, and no other is."""

from __future__ import annotations

import numpy as np
import pytest

from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.calibrating import closing_rounds
from fl.training.calibration.bins import ALWAYS, BINS, conformal_limit, fewest_of
from fl.training.calibration.numbers import ALL, Calibration
from fl.training.calibration.sketch import SKETCH
from fl.training.vector import Vector
from fl.training.weak_calibration import weakness

CONFIG = RoundConfig(0.5, 50.0, 1024, {"seed": 1}, LEUKEMIA)
SCORES, LIMITS = closing_rounds(CONFIG)
HEALTHY, ILL = LEUKEMIA.codes


def counts(images: int) -> np.ndarray:
    """Return a histogram with all images in one bin in the middle."""
    row = np.zeros(BINS, np.int64)
    row[BINS // 2] = images
    return row


def model(healthy: int, ill: int) -> Vector:
    """Return three weights and the calibration after so many held-back images of the two classes."""
    limits = np.array([conformal_limit(counts(images), 0.10) for images in (healthy, ill)])
    samples, zeros = np.array([healthy, ill], np.float64), np.zeros((2, SKETCH))
    made = Calibration(ALL, 1.0, 0.0, 0.0, 1.0, limits, samples, zeros, np.zeros((SKETCH, SKETCH)))
    return np.concatenate([np.ones(3, np.float32), made.to_vector()])


@pytest.mark.parametrize("error", [0.05, 0.1, 0.2, 0.3])
def test_one_image_less_than_the_fewest_limits_nothing(error: float) -> None:
    fewest = fewest_of(error)
    assert conformal_limit(counts(fewest), error) > ALWAYS
    assert conformal_limit(counts(fewest - 1), error) == ALWAYS


def test_only_the_class_with_too_few_images_is_named() -> None:
    assert weakness(LIMITS, model(9, 9)) == ""
    assert f"images of {HEALTHY} (8): a class needs 9" in weakness(LIMITS, model(8, 9))
    assert f"images of {HEALTHY} (0), {ILL} (8): a class needs 9" in weakness(LIMITS, model(0, 8))


def test_other_rounds_say_nothing() -> None:
    assert weakness(SCORES, model(0, 0)) == ""
    assert weakness(CONFIG, model(0, 0)) == ""
