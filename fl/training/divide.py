"""Who gets which images: hospitals from one data set, and a test part where a source has none.

Invariant: a subject group is never cut: no person is in two hospitals, nor in train and test.

Source: greedy number partitioning (largest first) with local improvement; the data's README (linked subjects).
Not here: what a group is; the loaders say (folders.py, arrays.py).

C-NMC note: two persons hold 785 of its 821 healthy cells, one of them in train. Since a person must not be in two
hospitals, one hospital gets nearly all healthy training cells and the others about a dozen each; training weighs the
classes for that (local.py).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable
from fl.training.dataset import TEST, TRAIN, Dataset

Floats = npt.NDArray[np.float64]

IMPROVE_UP_TO_GROUPS = 400
"""More groups than this are balanced well enough by the greedy pass alone."""
_EMPTY_PENALTY = 4.0
_MIN_GROUPS = 2


def divide(dataset: Dataset, hospitals: int, seed: int) -> list[Dataset]:
    """Return one data set per hospital; train and test groups are dealt separately, each balanced in size and class.

    Raises:
        DatasetUnusable: fewer than one hospital, or fewer training groups than hospitals.
    """
    if hospitals < 1:
        raise DatasetUnusable(dataset.source, f"{hospitals} hospitals are too few")
    owner = np.full(len(dataset), -1, np.int64)
    shares = np.full(hospitals, 1.0 / hospitals)
    for split in (TRAIN, TEST):
        rows = np.flatnonzero(dataset.split == split)
        groups, group_of_row = np.unique(dataset.groups[rows], return_inverse=True)
        if split == TRAIN and len(groups) < hospitals:
            raise DatasetUnusable(dataset.source, f"{len(groups)} subject groups cannot fill {hospitals} hospitals")
        if rows.size:
            counts = _count(group_of_row, dataset.labels[rows], len(dataset.class_names))
            owner[rows] = _deal(counts, shares, np.random.default_rng([seed, split]))[group_of_row]
    return [dataset.take(owner == hospital) for hospital in range(hospitals)]


def split_holdout(dataset: Dataset, fraction: float = 0.2, seed: int = 0) -> Dataset:
    """Return `dataset` with a new split: about `fraction` of each class in test, by whole subject groups.

    Raises:
        DatasetUnusable: fewer than two subject groups, or a fraction not between 0 and 1.
    """
    groups, group_of_row = np.unique(dataset.groups, return_inverse=True)
    if len(groups) < _MIN_GROUPS:
        raise DatasetUnusable(dataset.source, "all images are of one subject, so none can be held out for testing")
    if not 0.0 < fraction < 1.0:
        raise DatasetUnusable(dataset.source, f"a test part of {fraction} is not between 0 and 1")
    counts = _count(group_of_row, dataset.labels, len(dataset.class_names))
    part = _deal(counts, np.array([1.0 - fraction, fraction]), np.random.default_rng(seed))
    return replace(dataset, split=part[group_of_row].astype(np.uint8))


def _count(group_of_row: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], classes: int) -> Floats:
    """Return float64 [groups, classes + 1]: images by group and class, and the group's total in the last column."""
    counts = np.zeros((int(group_of_row.max()) + 1, classes + 1))
    np.add.at(counts, (group_of_row, labels), 1.0)
    counts[:, -1] = counts[:, :-1].sum(axis=1)
    return counts


def _cost(held: Floats, target: Floats, present: Floats) -> float:
    """Return how unbalanced `held` [bins, classes + 1] is: relative squared deviations, plus a fine per hole."""
    deviation = ((held - target) ** 2 / np.maximum(target, 1e-9))[:, present > 0] / present[present > 0]
    return float(deviation.sum() + _EMPTY_PENALTY * np.count_nonzero(held[:, present > 0] == 0))


def _deal(counts: Floats, shares: Floats, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return int64 [groups], the bin of each group: largest group first to where it balances best, then improved."""
    bins = rng.permutation(len(shares))
    shares = shares[bins]
    present = counts.sum(axis=0)
    target = shares[:, np.newaxis] * present
    order = np.lexsort((rng.random(len(counts)), -counts[:, -1]))
    held = np.zeros_like(target)
    owner = np.zeros(len(counts), np.int64)
    for group in order:
        # The cost of each bin's deviation after taking the group, relative to before: the least growth wins.
        before = (held - target) ** 2 / target[:, -1:]
        after = (held + counts[group] - target) ** 2 / target[:, -1:]
        hole = ((held == 0) & (counts[group] > 0)).sum(axis=1)
        growth = ((after - before) / np.maximum(present, 1.0)).sum(axis=1) - _EMPTY_PENALTY / len(counts) * hole
        owner[group] = int(growth.argmin())
        held[owner[group]] += counts[group]
    if len(counts) <= IMPROVE_UP_TO_GROUPS:
        _improve(owner, counts, target)
    return bins[owner]


def _improve(owner: npt.NDArray[np.int64], counts: Floats, target: Floats) -> None:
    """Move single groups in place while that lowers the cost; no bin is emptied."""
    present = counts.sum(axis=0)
    held = np.zeros_like(target)
    np.add.at(held, owner, counts)
    best = _cost(held, target, present)
    improved = True
    while improved:
        improved = False
        for group, row in enumerate(counts):
            for bin_index in range(len(target)):
                origin = owner[group]
                held[origin] -= row
                held[bin_index] += row
                cost = _cost(held, target, present)
                if cost < best - 1e-9 and held[origin, -1] > 0:
                    owner[group], best, improved = bin_index, cost, True
                else:
                    held[origin] += row
                    held[bin_index] -= row
