"""Trains what a federation is compared with: each hospital alone, and all images in one place.

Invariant: the same first weights, network, local training and number of passes as the federation's rounds.

Source: B. McMahan et al., "Communication-Efficient Learning", 2017 (the centralised baseline).
Not here: a federation without a ledger (scripts/bench/training.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fl.training.data.dataset import TRAIN, Dataset
from fl.training.data.marks import all_marks
from fl.training.local.train import TrainContext, train_local
from fl.training.model.network import build_model
from fl.training.model.tensors import to_vector
from fl.training.model.weights import Vector
from fl.training.recipe import Recipe

LOCAL, CENTRALISED = "local", "centralised"


def train_alone(recipe: Recipe, dataset: Dataset, rounds: int, name: str, device: str = "cpu") -> Vector:
    """Return the weights float32 [d] that one place learns from its training images in as many rounds as a federation.

    Args:
        recipe: What the federation trained.
        dataset: The images; the test part is not touched.
        rounds: How many rounds the federation had.
        name: Of the place; it is part of the random seed.
        device: See `device.pick_device`.

    Raises:
        DatasetUnusable: there are no training images, or more classes than the model has outputs.
        NonFinite: the training diverged.
    """
    vector = to_vector(build_model(recipe.spec, recipe.seed))
    for number in range(1, rounds + 1):
        context = TrainContext(recipe.seed, number, name, device)
        vector = train_local(recipe.spec, vector, dataset, recipe.local, context).vector
    return vector


def pooled(parts: Mapping[str, Dataset], size_px: int) -> Dataset:
    """Return all hospitals' training images in one place, scaled to `size_px`.

    Raises:
        DatasetUnusable: a hospital has no training images.
    """
    own = [part.part(TRAIN).fitted(size_px) for part in parts.values()]
    return Dataset(
        np.concatenate([part.images for part in own]),
        np.concatenate([part.labels for part in own]),
        np.concatenate([part.groups for part in own]),
        np.concatenate([part.split for part in own]),
        own[0].class_names,
        "images of all hospitals",
        marks=all_marks([part.marks for part in own]),
    )
