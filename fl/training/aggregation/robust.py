"""Rules that withstand lying hospitals, for rounds in which each update is visible.

Invariant: the result depends on the set of updates, never on their order. Lengths and distances are computed in whole
numbers and fractions, exactly; values of a weight are compared and averaged in binary64, each operation rounded once.
Memory beside the updates does not grow with the number of hospitals (blocks of at most 2^20 values).

Source: Yin et al., "Byzantine-Robust Distributed Learning", 2018 (median, trimmed mean); Blanchard et al., "Machine
Learning with Adversaries", 2017 (Multi-Krum); Sun et al., "Can You Really Backdoor Federated Learning?", 2019 (norm
clipping).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.blockwise import PIECE
from fl.training.aggregation.choice import KRUM, MEDIAN, TRIMMED, Aggregation
from fl.training.aggregation.quantise import LANES, Words, grid_of

Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Change = Callable[[slice], Floats]
"""Which piece of the weights -> the change of these weights, float64."""
BLOCK = 1 << 20
"""Values of all hospitals that are compared at once: 8 MiB in binary64."""
MEMORY_CAP = 1 << 30
"""Bytes of all hospitals' words that a member keeps in memory at once."""
_HALF = 22
"""A word of 64 bits has at most 43 bits and a sign: two halves, whose products of 2^14 values fit 63 bits."""


@dataclass(frozen=True)
class Updates:
    """The visible words of a round's hospitals, each int32 or int64 [d + LANES], and the round's configuration."""

    words: Sequence[Words]
    config: RoundConfig
    block: int = BLOCK
    """How many values are compared at once; the result does not depend on it."""

    @property
    def weights(self) -> list[int]:
        return [int(each[-LANES]) for each in self.words]

    @property
    def length(self) -> int:
        return self.words[0].size - LANES

    @property
    def piece(self) -> int:
        """Return how many weights are compared at once."""
        return max(1, min(PIECE, self.block // len(self.words)))

    def factor(self, weight: int) -> float:
        """Return the factor from words of this total weight to a change of the weights."""
        return (self.config.clip * self.config.most_weight) / (float(grid_of(self.config).scale) * weight)

    def changes(self, part: slice) -> Floats:
        """Return each hospital's own change of a piece of the weights, float64 [hospitals, piece]."""
        rows = np.empty((len(self.words), part.stop - part.start), np.float64)
        for row, words, weight in zip(rows, self.words, self.weights, strict=True):
            np.multiply(words[part], self.factor(weight), out=row)
        return rows

    def pieces(self) -> Iterator[slice]:
        return (slice(at, min(at + PIECE, self.length)) for at in range(0, self.length, PIECE))


def robust_change(updates: Updates, choice: Aggregation) -> Change:
    """Return the function that computes the change of a piece of the weights.

    Raises:
        EncodingError: the rule needs more hospitals than there are.
    """
    if len(updates.words) < choice.fewest:
        why = f"{choice.rule} against {choice.attackers} needs {choice.fewest} updates, and there are"
        raise EncodingError("aggregate", f"{why} {len(updates.words)}")
    if choice.rule == MEDIAN:
        return lambda part: _in_blocks(updates, part, _median)
    if choice.rule == TRIMMED:
        return lambda part: _in_blocks(updates, part, lambda rows: _trimmed(rows, choice.attackers))
    everybody = range(len(updates.words))
    if choice.rule == KRUM:
        return _mean_of(updates, krum_chosen(updates, choice.attackers), [1.0 for _ in everybody])
    return _mean_of(updates, everybody, shrinks(updates, choice.bound))


def _in_blocks(updates: Updates, part: slice, rule: Callable[[Floats], Floats]) -> Floats:
    """Apply a rule to a piece; each weight's result depends only on the values of that weight."""
    result = np.empty(part.stop - part.start, np.float64)
    for start in range(part.start, part.stop, updates.piece):
        stop = min(start + updates.piece, part.stop)
        rows = updates.changes(slice(start, stop))
        rows.sort(axis=0)
        result[start - part.start : stop - part.start] = rule(rows)
    return result


def _median(rows: Floats) -> Floats:
    """Return the middle of sorted rows [hospitals, piece]; of two middle ones, half of their sum."""
    low: Floats = rows[(len(rows) - 1) // 2]
    high: Floats = rows[len(rows) // 2]
    return low if len(rows) % 2 else (low + high) * 0.5


def _trimmed(rows: Floats, drop: int) -> Floats:
    """Return the mean of sorted rows without `drop` at each end: added from the lowest on, then divided."""
    total: Floats = rows[drop].copy()
    for row in rows[drop + 1 : len(rows) - drop]:
        total += row
    total /= float(len(rows) - 2 * drop)
    return total


def _mean_of(updates: Updates, chosen: Sequence[int], shrink: Sequence[float]) -> Change:
    """Return the weighted mean of the chosen updates: rint(word * shrink), summed exactly, times the factor."""
    factor = updates.factor(sum(updates.weights[index] for index in chosen))

    def change(part: slice) -> Floats:
        total = np.zeros(part.stop - part.start, np.int64)
        for index in chosen:
            words = updates.words[index][part]
            total += words if shrink[index] == 1.0 else np.rint(words * shrink[index]).astype(np.int64)
        return total.astype(np.float64) * factor

    return change


def shrinks(updates: Updates, bound: float) -> list[float]:
    """Return the factor that shortens each update to an L2 norm of `bound`; 1 if it is not longer."""
    squares = [_product(updates, index, index) for index in range(len(updates.words))]
    norms = [math.sqrt(float(s)) * updates.factor(w) for s, w in zip(squares, updates.weights, strict=True)]
    return [1.0 if norm <= bound else bound / norm for norm in norms]


def krum_chosen(updates: Updates, attackers: int) -> list[int]:
    """Return the indices of the n - f updates nearest to their n - f - 2 nearest others; equal scores share a fate.

    If several have the score of the last place, all of them are chosen, so the order cannot decide.
    """
    count = len(updates.words)
    distances = _distances(updates)
    near = count - attackers - 2
    scores = [sum(sorted(d for other, d in enumerate(row) if other != at)[:near]) for at, row in enumerate(distances)]
    limit = sorted(scores)[count - attackers - 1]
    return [at for at, score in enumerate(scores) if score <= limit]


def _distances(updates: Updates) -> list[list[Fraction]]:
    """Return the squared distances between the hospitals' own changes, exactly, in units of (c * w_max / scale)^2."""
    count, weights = len(updates.words), updates.weights
    dots = [[0] * count for _ in range(count)]
    for one in range(count):
        for other in range(one + 1):
            dots[one][other] = dots[other][one] = _product(updates, one, other)

    def distance(i: int, j: int) -> Fraction:
        top = weights[j] ** 2 * dots[i][i] - 2 * weights[i] * weights[j] * dots[i][j] + weights[i] ** 2 * dots[j][j]
        return Fraction(top, (weights[i] * weights[j]) ** 2)

    return [[distance(i, j) for j in range(count)] for i in range(count)]


def _product(updates: Updates, one: int, other: int) -> int:
    """Return the scalar product of two hospitals' words, exactly."""
    return sum(_exact(updates.words[one][part], updates.words[other][part]) for part in updates.pieces())


def _exact(one: Words, other: Words) -> int:
    """Return the scalar product of at most 2^14 words, exactly: in halves where a product exceeds 63 bits."""
    left, right = one.astype(np.int64), other.astype(np.int64)
    if one.itemsize == 4:  # noqa: PLR2004 - words of 32 bits: 2^42 * 2^14
        return int(np.add.reduce(left * right))
    (high, low), (high2, low2) = _halves(left), _halves(right)
    middle = int(np.add.reduce(high * low2)) + int(np.add.reduce(low * high2))
    return (int(np.add.reduce(high * high2)) << 2 * _HALF) + (middle << _HALF) + int(np.add.reduce(low * low2))


def _halves(words: Whole) -> tuple[Whole, Whole]:
    """Return high and low with words = high * 2^22 + low and 0 <= low < 2^22."""
    return words >> _HALF, words & ((1 << _HALF) - 1)
