"""Histograms in fixed bins, and thresholds that follow from their counts.

Invariant: thresholds of scores are edges of bins, and a comparison with an edge is a comparison of bins. So what such a
threshold does to the counted cells is exact, although nobody sees a single score. The reach is an edge, stretched.

Source: V. Vovk et al., "Algorithmic Learning in a Random World", 2005 (conformal prediction; Mondrian: by class).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fl.training.calibration.pinned import Floats

Ints = npt.NDArray[np.int64]

BINS = 256
SCORE_MAX = 16.0
"""A score is a log-odds; beyond ±16 (1 in 9 million) it counts as ±16."""
SCORE_STEP = 0.125
"""Width of a bin of scores."""
DISTANCE_STEP = 0.03125
"""Width of a bin of distances; the last bin has all from 7.97 on."""
ALWAYS = -32.0
"""A limit below every score."""
NO_REACH = 2.0**16
"""A limit above every distance."""


def clipped(scores: Floats) -> Floats:
    """Return the scores within ±SCORE_MAX."""
    return np.asarray(np.clip(scores, -SCORE_MAX, SCORE_MAX), np.float64)


def score_counts(scores: Floats) -> Ints:
    """Return how many scores, float64 [n], are in each bin, int64 [BINS]."""
    return _counts(np.floor((clipped(scores) + SCORE_MAX) / SCORE_STEP))


def distance_counts(distances: Floats) -> Ints:
    """Return how many distances, float64 [n] from 0, are in each bin, int64 [BINS]."""
    return _counts(np.floor(np.clip(distances, 0.0, BINS * DISTANCE_STEP) / DISTANCE_STEP))


def _counts(places: Floats) -> Ints:
    return np.bincount(np.minimum(places, BINS - 1).astype(np.int64), minlength=BINS).astype(np.int64)


def score_edges() -> Floats:
    """Return the lower edge of every bin of scores, float64 [BINS]."""
    return np.asarray(np.arange(BINS) * SCORE_STEP - SCORE_MAX, np.float64)


def conformal_limit(counts: Ints, error: float) -> float:
    """Return the least score with which a class stays in the set, for an error rate in 0..1.

    A class stays if its p-value, (scores that are not higher + 1) / (n + 1), exceeds `error`. A new cell of the class
    then keeps its class with a probability of at least 1 - error, if it is drawn like the n counted ones. Few cells
    exclude nothing.
    """
    least = error * (int(counts.sum()) + 1)
    below = np.cumsum(counts)
    place = next(index for index in range(BINS) if int(below[index]) + 1 > least or index == BINS - 1)
    return place * SCORE_STEP - SCORE_MAX if place else ALWAYS


def fewest_of(error: float) -> int:
    """Return how many counted cells a class needs at least so that `conformal_limit` can exclude it."""
    return math.ceil(1.0 / error) - 1


def sensitivity_limit(counts: Ints, sensitivity: float) -> float:
    """Return the largest score from which on a cell counts as diseased, so that the stated share of them does.

    `counts`: of the diseased cells. The share is of n + 1 cells, so that it holds on average for new ones as well.
    """
    needed = math.ceil(sensitivity * (int(counts.sum()) + 1))
    above = np.cumsum(counts[::-1])[::-1]
    fitting = [index for index in range(1, BINS) if int(above[index]) >= needed]
    return fitting[-1] * SCORE_STEP - SCORE_MAX if fitting else ALWAYS


def reach_of(counts: Ints, kept: float, fitted: int) -> float:
    """Return the distance from which on a picture counts as foreign, so that the stated share of new cells is not.

    `fitted` numbers were fitted to the n counted cells, so new cells are farther away: their mean squared distance is
    about n / (n - fitted - 2) times as large. With too few counted cells to say so, no picture is foreign.
    """
    needed = math.ceil(kept * (int(counts.sum()) + 1))
    below = np.cumsum(counts)
    fitting = [index for index in range(BINS - 1) if int(below[index]) >= needed]
    cells = int(counts.sum())
    growth = cells / max(cells - fitted - 2, cells / 2) if cells else 1.0
    return (fitting[0] + 1) * DISTANCE_STEP * math.sqrt(growth) if fitting else NO_REACH
