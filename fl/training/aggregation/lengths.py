"""How long an update is by its sketch, and how long it may be.

Invariant: who judges decides with whole numbers and fractions alone, so two auditors never differ. The length of a
sketch is within a few percent of the update's for a map that the update could not know.

Source: PROTOCOL.md 5C; Alon, Matias, Szegedy, 1996 (the mean square of independent signed sums).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from fl.protocol.errors import ClaimOutOfBounds, UpdateTooLong
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.quantise import LANES, Words, grid_of

ROWS = 4
"""Of a sketch: each estimates the square of the length, and the mean of them counts."""
SLACK = MappingProxyType({64: Fraction(3, 2), 128: Fraction(27, 20), 256: Fraction(5, 4)})
"""Buckets of a row -> how much longer than C a sketch may be: an honest one stays below, but for 2^-81."""
NEXT_BOUND = 1.25
"""C of the next round, in usual lengths of this one."""
_USUAL, _TIMES = 64, 8
"""A usual length is rounded up to 6 binary digits, how many times too long something is to 3: 64ths and 8ths."""


@dataclass(frozen=True)
class Measured:
    """The sketch of one hospital's update, in whole numbers."""

    squares: int
    """Sum of the squares of the signed sums, over all rows."""
    claims: Claims
    """Its own lanes."""
    sums: Words
    """The signed sums, int32 or int64 [rows · buckets]."""

    @classmethod
    def of(cls, sketch: Words) -> Measured:
        """Measure a sketch, int32 or int64 [rows · buckets + LANES]."""
        sums = sketch[:-LANES]
        return cls(sum(int(each) ** 2 for each in sums), Claims.of(sketch, 1), sums)

    def per_weight(self, config: RoundConfig) -> float:
        """Return the update's length in units of weights, for a claimed weight of at least 1."""
        factor = config.clip * config.most_weight / (grid_of(config).scale * self.claims.weight)
        return math.sqrt(self.squares / ROWS) * factor

    def check(self, config: RoundConfig, buckets: int) -> None:
        """Compare claims and length with what an honest hospital can have.

        Raises:
            ClaimOutOfBounds: its lanes.
            UpdateTooLong: its update.
        """
        self.claims.check(config)
        honest = Fraction(config.l2_bound) * self.claims.weight * grid_of(config).scale
        limit = SLACK[buckets] * honest / (config.most_weight * Fraction(config.clip))
        if Fraction(self.squares, ROWS) > limit * limit:
            raise UpdateTooLong(_up(math.sqrt(Fraction(self.squares, ROWS) / (limit * limit)), _TIMES))


def usual_length(measured: Iterable[Measured], config: RoundConfig) -> float:
    """Return the lower median of the lengths per weight, rounded up to 6 binary digits; 0 if there is none."""
    lengths = sorted(each.per_weight(config) for each in measured if each.claims.weight > 0)
    return _up(lengths[(len(lengths) - 1) // 2], _USUAL) if lengths else 0.0


def next_bound(planned: float, usual: float) -> float:
    """Return C of the next round."""
    return min(planned, NEXT_BOUND * usual) if usual > 0 else planned


def fault_of(measured: Measured, config: RoundConfig, buckets: int) -> ClaimOutOfBounds | UpdateTooLong | None:
    """Return what is wrong with an update, None if nothing is."""
    try:
        measured.check(config, buckets)
    except (ClaimOutOfBounds, UpdateTooLong) as error:
        return error
    return None


def _up(value: float, parts: int) -> float:
    mantissa, exponent = math.frexp(value)
    return math.ldexp(math.ceil(mantissa * parts) / parts, exponent)
