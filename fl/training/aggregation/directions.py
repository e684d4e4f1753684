"""Where an update points, by its sketch, beside those of all other hospitals; and what counts as against them.

Invariant: all of it is computed with whole numbers, so two auditors never differ. Each hospital counts the same,
however long its update is.

Source: PROTOCOL.md 5C (Direction).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from fl.training.aggregation.quantise import Words

UNIT = 1 << 20
"""The length to which each sketch is scaled before they are added: up to 2^10 of them fit 64 bits, squared."""
PARTS = 1024
"""A direction is a cosine in so many parts: -1024 (opposite) to 1024 (the same direction)."""
FEWEST = 5
"""With fewer hospitals one liar turns the sum of the others, so no direction is judged."""
DEVIATIONS = 5
"""A mean counts as against the others from so many standard deviations of the map's own noise on."""

Sums = npt.NDArray[np.int64]
K = TypeVar("K")


def scaled(sums: Words) -> Sums | None:
    """Return a sketch's signed sums at length UNIT, each rounded down; None if all of them are 0."""
    values = [int(each) for each in sums]
    length = math.isqrt(sum(each * each for each in values))
    return np.array([each * UNIT // length for each in values], np.int64) if length else None


def directions(units: Mapping[K, Sums]) -> dict[K, int]:
    """Return of each hospital the cosine of its scaled sketch with the sum of the others', in PARTS towards 0.

    Empty for fewer than FEWEST hospitals. `units`: at most 2^10 sketches of one map.
    """
    if len(units) < FEWEST:
        return {}
    total = np.sum(list(units.values()), axis=0)
    return {who: _cosine(own, total - own) for who, own in units.items()}


def against(history: Mapping[K, Sequence[int]], rounds: int, functionals: int) -> K | None:
    """Return the one hospital that points most against the others on the mean of its last rounds; None if none does.

    The cosine of two sketches of F numbers deviates by 1/√F from that of the vectors, the mean of W rounds by 1/√(F·W).
    Only one is named at a time: a liar also turns the sum with which honest ones are compared.

    Args:
        history: The directions of each hospital, the newest last. One with fewer than `rounds` is not judged.
        rounds: W.
        functionals: F.
    """
    means = {who: sum(each[-rounds:]) for who, each in history.items() if len(each) >= rounds}
    lowest = min(means, key=means.__getitem__, default=None)
    if lowest is None or means[lowest] >= 0:
        return None
    clear = means[lowest] ** 2 * functionals > (DEVIATIONS * PARTS) ** 2 * rounds
    return lowest if clear else None


def histories(rounds: Iterable[Mapping[K, int]]) -> dict[K, list[int]]:
    """Return the directions of each hospital, from those of each round, oldest round first."""
    found: dict[K, list[int]] = {}
    for each in rounds:
        for who, direction in each.items():
            found.setdefault(who, []).append(direction)
    return found


def _cosine(one: Sums, other: Sums) -> int:
    dot, squares = int(one @ other), int(one @ one) * int(other @ other)
    size = math.isqrt(dot * dot * PARTS * PARTS // squares) if squares else 0
    return size if dot > 0 else -size
