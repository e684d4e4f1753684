"""Confidence intervals by the cluster bootstrap: whole persons are drawn, never single images.

Invariant: the same arguments give the same interval. An interval without enough usable draws is NaN, never a guess.

Images of one person resemble each other, so intervals over images are far too narrow. A draw takes as many persons as
there are, with replacement, and all images of each. The interval is that of percentiles.

Source: B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13; C. Field and A. Welsh,
"Bootstrapping clustered data", 2007.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Statistic = Callable[[Ints], Floats]
"""(rows int64 [m]) -> figures float64 [k]; a figure that these rows do not define is NaN."""
FEWEST_DRAWN = 2
"""With one person, every draw is the same."""


@dataclass(frozen=True)
class Bootstrap:
    """How to draw.

    Attributes:
        draws: Number of draws.
        seed: Of the random numbers.
        level: Probability that an interval covers the truth.
        usable: The smallest share of draws that must define a figure. Draws that lack a class define few figures.
    """

    draws: int = 1000
    seed: int = 2026
    level: float = 0.95
    usable: float = 0.5


DEFAULT = Bootstrap()


@dataclass(frozen=True, eq=False)
class Intervals:
    """The intervals of k figures.

    Attributes:
        low: float64 [k]; NaN without an interval.
        high: float64 [k].
        usable: int64 [k], the number of draws that define the figure.
    """

    low: Floats
    high: Floats
    usable: Ints


def intervals(statistic: Statistic, persons: npt.NDArray[np.str_], how: Bootstrap = DEFAULT) -> Intervals:
    """Return the interval of each figure of `statistic`.

    Args:
        statistic: Computes the figures from rows.
        persons: text [n], the person of each row; n is at least 1.
        how: How to draw.
    """
    names, person = np.unique(persons, return_inverse=True)
    rows_of = np.split(np.argsort(person, kind="stable"), np.cumsum(np.bincount(person))[:-1])
    rng = np.random.default_rng(how.seed)
    drawn = rng.integers(0, len(names), (how.draws, len(names)))
    figures = np.stack([statistic(np.concatenate([rows_of[index] for index in one])) for one in drawn])
    usable = np.isfinite(figures).sum(axis=0)
    tail = (1 - how.level) / 2
    low, high = (_percentile(figures, share) for share in (tail, 1 - tail))
    enough = (usable >= how.usable * how.draws) & (len(names) >= FEWEST_DRAWN)
    return Intervals(np.where(enough, low, np.nan), np.where(enough, high, np.nan), usable)


def _percentile(figures: Floats, share: float) -> Floats:
    """Return float64 [k], the quantile of the finite draws [draws, k] of each figure."""
    kept = [column[np.isfinite(column)] for column in figures.T]
    return np.array([np.quantile(column, share) if column.size else np.nan for column in kept])
