"""Which of a hospital's training images it holds back to calibrate the model: whole subject groups, never trained on.

Invariant: the choice depends only on the groups' names, their classes and the seed. No class loses its last group, so a
hospital with one person of a class trains on that person and calibrates without.

Source: V. Vovk et al., 2005 (calibration on cases that the training did not see).
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable
from fl.training.data.dataset import TRAIN, Dataset

CALIBRATION_SHARE = 0.2
"""The usual share of each class's images that is held back."""
TOO_MUCH = 2.0
"""A group is not held back if its class would lose more than this many times the share."""


def trained_on(dataset: Dataset, share: float, seed: int) -> Dataset:
    """Return the training images that are not held back.

    Raises:
        DatasetUnusable: there are no training images.
    """
    train = dataset.part(TRAIN)
    return train.take(~held_back(train, share, seed)) if share else train


def calibrated_on(dataset: Dataset, share: float, seed: int) -> Dataset | None:
    """Return the training images that are held back; None if there are none.

    Raises:
        DatasetUnusable: there are no training images.
    """
    train = dataset.part(TRAIN)
    chosen = held_back(train, share, seed)
    return train.take(chosen) if chosen.any() else None


def held_back(train: Dataset, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Return which of a hospital's training images are held back, bool [n].

    Groups come in an order that the seed shuffles; each is held back while its class still needs images.

    Raises:
        DatasetUnusable: the share is not in 0 to 0.5.
    """
    if not 0.0 <= share <= 0.5:  # noqa: PLR2004  # the most that can be missed
        raise DatasetUnusable(train.source, f"a share of {share} for calibration is not in 0 to 0.5")
    counts = _counts(train)
    table = np.stack(list(counts.values()))
    wanted, held, groups = share * table.sum(axis=0), np.zeros_like(table[0]), np.count_nonzero(table, axis=0)
    chosen = []
    for name in sorted(counts, key=lambda group: _place(seed, group)):
        row = counts[name]
        there = row > 0
        needed = bool((held[there] < wanted[there]).any())
        if needed and (held + row <= TOO_MUCH * wanted)[there].all() and (groups[there] > 1).all():
            held, groups = held + row, groups - there
            chosen.append(name)
    return np.isin(train.groups, chosen)


def _counts(train: Dataset) -> dict[str, npt.NDArray[np.int64]]:
    """Return images by group and class."""
    classes = len(train.class_names)
    names, places = np.unique(train.groups, return_inverse=True)
    counts = np.zeros((len(names), classes), np.int64)
    np.add.at(counts, (places, train.labels), 1)
    return dict(zip(map(str, names), counts, strict=True))


def _place(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"BAFL/1/held-back/{seed}/{group}".encode()).digest()
