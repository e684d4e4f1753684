"""A hospital's validation score: how well the common model answers on images that the hospital held back.

Invariant: one of 16 steps, 0 for chance or worse. It says nothing about one image.

Source: PROTOCOL.md 5 (Other weights).
"""

from __future__ import annotations

import numpy as np

from fl.training.aggregation.quantise import SKILLS, Vector
from fl.training.data.dataset import Dataset
from fl.training.evaluation.predict import Predictor
from fl.training.model.spec import ModelSpec

MOST = 2000
"""Images that are looked at."""


def skill_of(spec: ModelSpec, model: Vector, held: Dataset | None) -> int:
    """Return floor(15 * (b - chance) / (1 - chance)) for the balanced accuracy b, at least 0.

    `held`: held-back images. With fewer than two classes in them nothing can be said, which is 0.
    """
    if held is None:
        return 0
    some = held.take(np.arange(len(held))[:MOST])
    present = np.unique(some.labels)
    if present.size < 2:  # noqa: PLR2004  # one class cannot be told from another
        return 0
    right = Predictor(spec, model).probabilities(some.images).argmax(axis=1) == some.labels
    balanced = float(np.mean([right[some.labels == label].mean() for label in present]))
    chance = 1.0 / present.size
    return max(0, min(SKILLS - 1, int((SKILLS - 1) * (balanced - chance) / (1.0 - chance) + 1e-9)))
