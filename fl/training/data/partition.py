"""Divides a data set among hospitals, and splits off a test part if a source has none.

Invariant: a subject group is never divided: no person is in two hospitals, nor in both train and test.

Source: greedy number partitioning (largest first) with local improvement; the data's README (linked subjects).

C-NMC note: 785 of its 821 healthy cells come from two persons, one of them in train. A person must not be in two
hospitals, so one hospital gets nearly all healthy training cells and the others about a dozen each; sampling.py
compensates for that.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable
from fl.training.data.dataset import TEST, TRAIN, Dataset

Floats = npt.NDArray[np.float64]

IMPROVE_UP_TO_GROUPS = 400
"""With more groups, the greedy pass alone is balanced enough."""
_EMPTY_FINE = 4.0
"""More than any deviation within one bin can cost, so that empty bins are filled first."""
_MIN_GROUPS = 2


def divide(dataset: Dataset, hospitals: int, seed: int) -> list[Dataset]:
    """Return one data set per hospital; train and test groups are divided separately, balanced in size and class.

    Raises:
        DatasetUnusable: fewer than one hospital, or fewer training groups than hospitals.
    """
    if hospitals < 1:
        raise DatasetUnusable(dataset.source, f"it cannot be divided among {hospitals} hospitals")
    owner = np.full(len(dataset), -1, np.int64)
    shares = np.full(hospitals, 1.0 / hospitals)
    for split in (TRAIN, TEST):
        rows = np.flatnonzero(dataset.split == split)
        groups, group_of_row = np.unique(dataset.groups[rows], return_inverse=True)
        if split == TRAIN and len(groups) < hospitals:
            why = f"it has {len(groups)} subject groups, too few for {hospitals} hospitals"
            raise DatasetUnusable(dataset.source, why)
        if rows.size:
            counts = _count(group_of_row, dataset.labels[rows], dataset.strata)
            owner[rows] = _deal(counts, shares, np.random.default_rng([seed, split]))[group_of_row]
    return [dataset.take(owner == hospital) for hospital in range(hospitals)]


def split_holdout(dataset: Dataset, fraction: float = 0.2, seed: int = 0) -> Dataset:
    """Return `dataset` with a new split: about `fraction` of each class in test, by whole subject groups.

    Raises:
        DatasetUnusable: fewer than two subject groups, or a fraction not between 0 and 1.
    """
    groups, group_of_row = np.unique(dataset.groups, return_inverse=True)
    if len(groups) < _MIN_GROUPS:
        raise DatasetUnusable(dataset.source, "all images are of one subject, so there is no second one for testing")
    if not 0.0 < fraction < 1.0:
        raise DatasetUnusable(dataset.source, f"the test part must be between 0 and 1, not {fraction}")
    counts = _count(group_of_row, dataset.labels, dataset.strata)
    part = _deal(counts, np.array([1.0 - fraction, fraction]), np.random.default_rng(seed))
    return replace(dataset, split=part[group_of_row].astype(np.uint8))


def _count(group_of_row: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], classes: int) -> Floats:
    """Return float64 [groups, classes + 1]: images by group and class, and the group's total in the last column."""
    counts = np.zeros((int(group_of_row.max()) + 1, classes + 1))
    np.add.at(counts, (group_of_row, labels), 1.0)
    counts[:, -1] = counts[:, :-1].sum(axis=1)
    return counts


def _unbalance(held: Floats, target: Floats, present: Floats) -> Floats:
    """Return float64 [bins]: relative squared deviations of `held` from `target`, plus a fine per empty class.

    `held` and `target` are [bins, classes + 1]; `present` [classes + 1] are the sums of `target` over the bins.
    """
    there = present > 0
    deviation = (held - target)[:, there] ** 2 / (target[:, there] * present[there])
    return np.asarray(deviation.sum(axis=1) + _EMPTY_FINE * np.count_nonzero(held[:, there] == 0, axis=1), np.float64)


def _deal(counts: Floats, shares: Floats, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return int64 [groups], the bin of each group: the largest first, where it balances best; then improve."""
    bins = rng.permutation(len(shares))
    present = counts.sum(axis=0)
    target = shares[bins][:, np.newaxis] * present
    held = np.zeros_like(target)
    owner = np.zeros(len(counts), np.int64)
    for group in np.lexsort((rng.random(len(counts)), -counts[:, -1])):
        growth = _unbalance(held + counts[group], target, present) - _unbalance(held, target, present)
        owner[group] = int(growth.argmin())
        held[owner[group]] += counts[group]
    if len(counts) <= IMPROVE_UP_TO_GROUPS:
        _improve(owner, counts, target)
    return bins[owner]


def _improve(owner: npt.NDArray[np.int64], counts: Floats, target: Floats) -> None:
    """Move single groups (in place) while that improves the balance; never empty a bin."""
    present = counts.sum(axis=0)
    held = np.zeros_like(target)
    np.add.at(held, owner, counts)
    best = float(_unbalance(held, target, present).sum())
    improved = True
    while improved:
        improved = False
        for group, row in enumerate(counts):
            for bin_index in range(len(target)):
                origin = owner[group]
                held[origin] -= row
                held[bin_index] += row
                cost = float(_unbalance(held, target, present).sum())
                if cost < best - 1e-9 and held[origin, -1] > 0:
                    owner[group], best, improved = bin_index, cost, True
                else:
                    held[origin] += row
                    held[bin_index] -= row
