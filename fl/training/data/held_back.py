"""Which of a hospital's training images it holds back to calibrate the model: never trained on, whole groups if it can.

Invariant: the choice depends only on groups, classes, pictures and seed, not on their order. No class loses its last
group. Where whole groups give less than half of a class's share, single images of its largest group make up the rest.

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
    if not share:
        return None
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
    mask = np.isin(train.groups, chosen)
    for label in range(train.strata):
        mask |= _singles(train, mask, label, share, seed)
    return mask


def _singles(train: Dataset, mask: npt.NDArray[np.bool_], label: int, share: float, seed: int) -> npt.NDArray[np.bool_]:
    """Return images to hold back of the largest group of a class that lacks more than half of its share, bool [n]."""
    mine, extra = train.labels == label, np.zeros(len(train), np.bool_)
    wanted = share * int(mine.sum())
    missing = int(wanted - int((mine & mask).sum()))
    if missing <= wanted / 2 or not (mine & ~mask).any():
        return extra
    names, counts = np.unique(train.groups[mine & ~mask], return_counts=True)
    rows = np.flatnonzero(mine & ~mask & (train.groups == names[counts.argmax()]))
    order = sorted(rows.tolist(), key=lambda row: _place(seed, hashlib.sha256(train.images[row].tobytes()).hexdigest()))
    extra[order[: min(missing, len(rows) // 2)]] = True
    return extra


def _counts(train: Dataset) -> dict[str, npt.NDArray[np.int64]]:
    """Return images by group and stratum; without marks, these are the classes."""
    names, places = np.unique(train.groups, return_inverse=True)
    counts = np.zeros((len(names), train.strata), np.int64)
    np.add.at(counts, (places, train.labels), 1)
    return dict(zip(map(str, names), counts, strict=True))


def _place(seed: int, group: str) -> bytes:
    return hashlib.sha256(f"BAFL/1/held-back/{seed}/{group}".encode()).digest()
