"""Divides a data set among hospitals that see the classes unevenly, as studies of federated learning do.

Invariant: every training image is dealt to exactly one hospital, and each hospital has at least `FEWEST`. The division
depends only on the labels, the numbers and the seed.

Source: T. Hsu, H. Qi and M. Brown, "Measuring the Effects of Non-Identical Data Distribution", 2019; Q. Li et al.,
"Federated Learning on Non-IID Data Silos", 2022 (Dirichlet over classes, drawn again until every part is large enough).
Not here: data with persons; partition.py keeps a person in one hospital.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable
from fl.training.data.dataset import TRAIN, Dataset

FEWEST = 10
_TRIES = 1000


def divide_unevenly(dataset: Dataset, hospitals: int, alpha: float, seed: int) -> list[Dataset]:
    """Return the training images of each hospital; of each class, hospitals get shares drawn from Dirichlet(alpha).

    Args:
        dataset: Images that are all of different persons.
        hospitals: How many parts.
        alpha: Above 0; the smaller, the more the hospitals differ.
        seed: Of the draw.

    Raises:
        DatasetUnusable: no division with at least `FEWEST` images each was found.
    """
    train = dataset.part(TRAIN)
    generator = np.random.default_rng(seed)
    for _ in range(_TRIES):
        owner = _deal(train.labels, hospitals, alpha, generator)
        if np.bincount(owner, minlength=hospitals).min() >= FEWEST:
            return [train.take(np.flatnonzero(owner == hospital)) for hospital in range(hospitals)]
    why = f"its {len(train)} training images cannot be divided among {hospitals} hospitals with at least {FEWEST} each"
    raise DatasetUnusable(dataset.source, why)


def _deal(
    labels: npt.NDArray[np.int64], hospitals: int, alpha: float, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Return int64 [n], the hospital of each image."""
    owner = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        rows = generator.permutation(np.flatnonzero(labels == label))
        ends = np.cumsum(generator.dirichlet(np.full(hospitals, alpha)))[:-1]
        for hospital, part in enumerate(np.split(rows, np.round(ends * len(rows)).astype(np.int64))):
            owner[part] = hospital
    return owner
