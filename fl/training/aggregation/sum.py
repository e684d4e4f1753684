"""The sum of the hospitals' updates and the new global model, in pinned arithmetic.

Invariant: the same words and the same previous model give the same bytes on every machine: integer sums, then one
binary64 product and one sum per parameter, rounded separately (no fused multiply-add), then one rounding to binary32.

Source: PROTOCOL.md 5 (Update): M_r = f32(f64(M_{r-1}) + f64(S)·(c·W_max / (scale·W))), scale 2^q. What another rule
does with the mean change is in optimisers.py and robust.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from fl.protocol.errors import AggregateOverflow, EncodingError, NonFinite, NormExceeded, SumOutOfBounds
from fl.protocol.rounds.config import RoundConfig
from fl.timing import timed
from fl.training.aggregation.blockwise import PIECE, summed
from fl.training.aggregation.choice import Aggregation
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.optimisers import Optimiser, Write
from fl.training.aggregation.quantise import LANES, Grid, Vector, Words, grid_of
from fl.training.aggregation.robust import Updates, robust_change


class Sum:
    """A streaming sum: memory does not grow with the number of hospitals."""

    def __init__(self, parameters: int, bits: int = 32, roster: int = 1) -> None:
        """Start an empty sum in words of `bits` bits, of a round with such a roster (RoundConfig)."""
        self._grid = Grid.of(bits, roster)
        self._words = self._grid.zeros(parameters)
        self._spare = False
        self.hospitals = 0
        self.parts: list[Claims] = []
        """Each hospital's claims, in order; empty for a masked sum."""
        self.each: list[Words] = []
        """Each hospital's words, in order, if the rule must see them; the caller adds them (`Sum.of`)."""

    @classmethod
    def of(
        cls,
        words: Words,
        hospitals: int,
        parts: Sequence[Claims] = (),
        each: Sequence[Words] = (),
        roster: int = 1,
        *,
        spare: bool = False,
    ) -> Self:
        """Return the sum of `hospitals` updates that was made elsewhere, int32 or int64 [d + LANES].

        Args:
            words: The sum.
            hospitals: How many updates are in it.
            parts: The claims of each, where they are visible.
            each: The words of each, for a rule that must see them (Aggregation.visible).
            roster: How many hospitals the round has, if it is more than 1024.
            spare: Whether `apply` may put the model into the memory of the words, so that only one is there.

        Raises:
            AggregateOverflow: more hospitals than the words allow.
            SumOutOfBounds: a word is larger than the sum of these updates can be: a hospital masked another vector.
        """
        total = cls(0, 8 * words.itemsize, roster)
        if hospitals > total._grid.most_hospitals:
            raise AggregateOverflow(hospitals, total._grid.most_hospitals)
        bound = hospitals * total._grid.limit
        for extreme in (int(words.min()), int(words.max())):
            if not -bound <= extreme <= bound:
                raise SumOutOfBounds(hospitals, "value", extreme, -bound, bound)
        total._words, total._spare = words, spare
        total.hospitals = hospitals
        total.parts, total.each = list(parts), list(each)
        return total

    @timed("sum")
    def add(self, words: Words) -> None:
        """Add one hospital's words [d + LANES]; more than the words allow raise AggregateOverflow."""
        if (words.shape, words.dtype) != (self._words.shape, self._words.dtype):
            actual, wanted = (f"{each.size} words of {8 * each.itemsize} bits" for each in (words, self._words))
            raise EncodingError("update", f"it has {actual}, {wanted} were expected")
        if self.hospitals >= self._grid.most_hospitals:
            raise AggregateOverflow(self.hospitals + 1, self._grid.most_hospitals)
        self._words += words
        self.hospitals += 1
        self.parts.append(Claims.of(words, 1))

    @property
    def words(self) -> Words:
        """Return the summed words, int32 or int64 [d + LANES]; the caller must not change them."""
        return self._words

    @property
    def claims(self) -> Claims:
        return Claims.of(self._words, self.hospitals)

    def check(self, config: RoundConfig) -> None:
        """Check the sum without a model to add it to.

        Raises:
            EncodingError: no update was added.
            SumOutOfBounds: a lane is out of the range of honest claims.
            NormExceeded: the mean update is longer than honest clipping allows.
        """
        self._check_claims(config)
        _check_length(self._words, self.claims, config)

    @timed("sum")
    def apply(self, previous: Vector, config: RoundConfig) -> Vector:
        """Return the new model, float32 [d + state]; `previous` has the same length.

        A sum with spare memory has only its claims afterwards.

        Raises:
            EncodingError: `previous` has the wrong length, no update was added, or the rule needs more updates.
            SumOutOfBounds: a lane is out of the range of honest claims.
            NormExceeded: the mean update is longer than honest clipping allows.
            NonFinite: a new weight is not finite.
        """
        choice = Aggregation.of(config.training)
        weights = self._words.size - LANES
        if previous.shape != (weights * (1 + len(choice.state)),):
            raise EncodingError("previous model", f"it has {previous.size} parameters")
        self._check_claims(config)
        optimiser = Optimiser(choice, previous, weights, self._memory(previous))
        if choice.visible:
            self._write_robust(optimiser.write, choice, config)
        else:
            squares = summed(self._stepper(optimiser.write, _factor(self.claims, config)), weights)
            _check_norm(squares, self.claims, self._words.size, config)
        model = optimiser.model
        if self._spare:
            self._words = self._words[-LANES:]
        broken = _not_finite(model)
        if broken:
            raise NonFinite("new model", broken)
        return model

    def _memory(self, previous: Vector) -> Vector | None:
        """Return the memory of the words as that of a model of the same size, if it may be used.

        A piece is read before it is written, and the claims lie behind the weights.
        """
        weights = self._words.size - LANES
        if not self._spare or self.each or self._words.dtype != np.int32 or previous.size != weights:
            return None
        return self._words.view(np.float32)[:weights]

    def _write_robust(self, write: Write, choice: Aggregation, config: RoundConfig) -> None:
        """Write the model of a rule that sees each update; `check_update` bounded their lengths."""
        if len(self.each) != self.hospitals:
            why = f"the rule {choice.rule} needs each update, and only the sum is known; use a sealed round"
            raise EncodingError("aggregate", why)
        change = robust_change(Updates(self.each, config), choice)
        weights = self._words.size - LANES
        for start in range(0, weights, PIECE):
            part = slice(start, min(start + PIECE, weights))
            write(change(part), part)

    def _check_claims(self, config: RoundConfig) -> None:
        if not self.hospitals:
            raise EncodingError("aggregate", "it contains no update")
        self.claims.check(config)

    def _stepper(self, write: Write, factor: float) -> Callable[[slice], float]:
        """Return a function that writes a piece of the new model and returns the sum of its squared steps."""
        steps, other = np.empty((2, PIECE), np.float64)

        def work(part: slice) -> float:
            step, square = steps[: part.stop - part.start], other[: part.stop - part.start]
            step[:] = self._words[part]
            step *= factor
            squares = float(np.add.reduce(np.multiply(step, step, out=square)))
            write(step, part)
            return squares

        return work


def _not_finite(model: Vector) -> int:
    """Return how many values are not finite."""
    starts = range(0, model.size, PIECE)
    return sum(int(np.count_nonzero(~np.isfinite(model[start : start + PIECE]))) for start in starts)


def check_update(words: Words, config: RoundConfig) -> None:
    """Check one hospital's visible words [d + LANES]: its claims, and the length of its change.

    Raises:
        ClaimOutOfBounds: a lane is out of range.
        NormExceeded: the change, divided by its weight, is longer than C.
    """
    claims = Claims.of(words, 1)
    claims.check(config)
    _check_length(words, claims, config)


def _check_length(words: Words, claims: Claims, config: RoundConfig) -> None:
    factor = _factor(claims, config)

    def work(part: slice) -> float:
        step = words[part] * factor
        return float(np.add.reduce(np.multiply(step, step, out=step)))

    _check_norm(summed(work, words.size - LANES), claims, words.size, config)


def _factor(claims: Claims, config: RoundConfig) -> float:
    """Return the factor from a summed word to a change of a weight."""
    return (config.clip * config.most_weight) / (float(grid_of(config).scale) * claims.weight)


def _check_norm(squares: float, claims: Claims, size: int, config: RoundConfig) -> None:
    """Check that the mean is at most C; rounding adds at most half a unit per hospital and coordinate."""
    slack = _factor(claims, config) * 0.5 * claims.hospitals * float(np.sqrt(size))
    norm, bound = float(np.sqrt(squares)), config.l2_bound * (1 + 1e-9) + slack
    if norm > bound:
        raise NormExceeded(norm, bound)
