"""The fixed-point quantiser: one hospital's update as words of 32 or 64 bits, with lanes for its metrics.

Invariant: every word of every hospital lies in ±(2^q - 1). q follows from the width of the words and the size of the
roster (up to 1024 hospitals: 21 or 43), so the sum of the whole roster never overflows, and binary64 holds it exactly.

Source: PROTOCOL.md 5 (Quantiser): λ = w / W_max; x = rint(clip(Δ·λ·scale/c, ±(scale-1))) in binary64, scale 2^q.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import EncodingError, NonFinite
from fl.protocol.rounds.config import WORD_BITS, RoundConfig, steps_bits
from fl.timing import timed
from fl.training.aggregation.blockwise import PIECE, summed
from fl.training.aggregation.choice import by_quality
from fl.training.vector import Vector as Vector  # noqa: PLC0414  # others import it from here

SCALE = 2**21
"""Steps per c in words of 32 bits, in a round of at most 1024 hospitals."""
LIMIT = SCALE - 1
"""The largest word of 32 bits in such a round, and the largest claim in any round."""
LANES = 4
"""weight w, correctly classified training samples, training samples, mean loss in units of 2^-16 (claims.py)."""
LOSS_UNIT = 2.0**-16
EXACT = 2**53
"""Binary64 represents every whole number up to this."""
SKILLS = 16
"""Steps of a validation score, 0 to 15 (PROTOCOL.md 5, Other weights)."""

Words = npt.NDArray[np.int32] | npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """How wide the words of a round are, and how fine their steps."""

    bits: int
    scale: int
    """Steps per c."""

    @classmethod
    def of(cls, bits: int, roster: int) -> Grid:
        """Return the grid of a round with so many hospitals in its roster."""
        return cls(bits, 1 << steps_bits(bits, roster))

    @property
    def limit(self) -> int:
        return self.scale - 1

    @property
    def most_claim(self) -> int:
        """Return the largest claim of one hospital: 2^21 - 1, or the largest word if that is smaller."""
        return min(self.limit, LIMIT)

    @property
    def most_hospitals(self) -> int:
        """Return how many hospitals' words can be added up."""
        return (2**31 - 1) // self.limit if self.bits == 32 else EXACT // self.scale  # noqa: PLR2004 - of two

    def zeros(self, parameters: int) -> Words:
        """Return an empty sum, int32 or int64 [d + LANES]."""
        if self.bits == 32:  # noqa: PLR2004 - the narrow one of two
            return np.zeros(parameters + LANES, np.int32)
        return np.zeros(parameters + LANES, np.int64)

    def empty(self, words: int) -> Words:
        """Return memory for so many words."""
        if self.bits == 32:  # noqa: PLR2004 - the narrow one of two
            return np.empty(words, np.int32)
        return np.empty(words, np.int64)


GRIDS = {bits: Grid.of(bits, 1) for bits in WORD_BITS}
"""Of rounds with at most 1024 hospitals.

The steps of 64-bit words are 2^22 times finer: far below float32's own, even for a hospital with few images."""
_WIDEST = max(GRIDS)


@dataclass(frozen=True)
class LocalMetrics:
    """A hospital's own training results."""

    samples: int
    correct: int
    loss: float
    skill: int = SKILLS - 1
    """How well the previous model answered on images that it held back, 0 to 15; counts only in weights by quality."""


def grid_of(config: RoundConfig) -> Grid:
    """Return the grid of a round."""
    return Grid.of(config.word_bits, config.roster)


def weight_of(metrics: LocalMetrics, config: RoundConfig) -> int:
    """Return w: min(samples, W), by quality max(1, floor(min(samples, W) * (16 + skill) / 31)).

    Raises:
        EncodingError: the score is out of its range.
    """
    if not 0 <= metrics.skill < SKILLS:
        raise EncodingError("update", f"the validation score {metrics.skill} is not in 0 to {SKILLS - 1}")
    weight = min(metrics.samples, config.most_weight, grid_of(config).most_claim)
    return max(1, weight * (SKILLS + metrics.skill) // (2 * SKILLS - 1)) if by_quality(config.training) else weight


def body_bytes(parameters: int, bits: int = _WIDEST) -> int:
    """Return the plaintext size of an update of d parameters; by default, the largest possible."""
    return bits // 8 * (parameters + LANES)


@timed("quantise")
def quantise(previous: Vector, trained: Vector, metrics: LocalMetrics, config: RoundConfig) -> Words:
    """Return the update as int32 or int64 [d + LANES], as the configuration says.

    `previous`, `trained`: float32 [d]. The difference is L2-clipped to C, weighted by w / W_max and rounded.

    Raises:
        NonFinite: the trained weights contain NaN or infinity.
        EncodingError: the two vectors differ in length, or the metrics contradict each other.
    """
    _check(previous, trained, metrics)
    grid = grid_of(config)
    words = grid.zeros(previous.size)
    lanes = _lanes(metrics, config)
    norm = _round_to(words, previous, trained, _factor(lanes[0], config, 0.0), grid.limit)
    if not np.isfinite(norm):
        _check_finite(previous, trained)
    if norm > config.l2_bound:
        _round_to(words, previous, trained, _factor(lanes[0], config, norm), grid.limit)
    words[-LANES:] = lanes
    return words


class Quantiser:
    """The same words as `quantise`, made part by part, so that no second vector is in memory."""

    @timed("quantise")
    def __init__(self, previous: Vector, trained: Vector, metrics: LocalMetrics, config: RoundConfig) -> None:
        """Measure the change; raises as `quantise`."""
        _check(previous, trained, metrics)
        self._previous, self._trained = previous, trained
        self._grid = grid_of(config)
        self._lanes = _lanes(metrics, config)
        norm = _length(previous, trained)
        if not np.isfinite(norm):
            _check_finite(previous, trained)
        self._factor = _factor(self._lanes[0], config, norm)

    @timed("quantise")
    def words(self, part: slice) -> Words:
        """Return the words of a part of [d + LANES]."""
        size = self._previous.size
        inside = slice(min(part.start, size), min(part.stop, size))
        words = self._grid.empty(part.stop - part.start)
        _round_to(words, self._previous[inside], self._trained[inside], self._factor, self._grid.limit)
        words[inside.stop - inside.start :] = self._lanes[max(part.start - size, 0) : max(part.stop - size, 0)]
        return words


def _check(previous: Vector, trained: Vector, metrics: LocalMetrics) -> None:
    if previous.shape != trained.shape or previous.ndim != 1:
        raise EncodingError("update", f"it has {trained.size} parameters, the model has {previous.size}")
    if not np.isfinite(metrics.loss):
        raise NonFinite("training loss", 1)
    if not 0 <= metrics.correct <= metrics.samples or metrics.samples < 1:
        raise EncodingError("update", f"it counts {metrics.correct} of {metrics.samples} samples as correct")


def _lanes(metrics: LocalMetrics, config: RoundConfig) -> tuple[int, int, int, int]:
    most = grid_of(config).most_claim
    loss = min(round(max(metrics.loss, 0.0) / LOSS_UNIT), most)
    return weight_of(metrics, config), min(metrics.correct, most), min(metrics.samples, most), loss


def _factor(weight: int, config: RoundConfig, norm: float) -> float:
    """Return the steps for one unit of a change that is `norm` long."""
    scale = grid_of(config).scale
    if not norm > config.l2_bound:
        return (weight / config.most_weight) * scale / config.clip
    return config.l2_bound / norm * (weight / config.most_weight) * scale / config.clip


def _length(previous: Vector, trained: Vector) -> float:
    """Return ‖Δ‖₂ with the bits that `_round_to` gives."""
    delta, other = np.empty((2, PIECE), np.float64)

    def work(part: slice) -> float:
        piece, old = delta[: part.stop - part.start], other[: part.stop - part.start]
        piece[:], old[:] = trained[part], previous[part]
        np.subtract(piece, old, out=piece)
        return float(np.add.reduce(np.multiply(piece, piece, out=piece)))

    with np.errstate(invalid="ignore"):
        return float(np.sqrt(summed(work, previous.size)))


def _round_to(words: Words, previous: Vector, trained: Vector, factor: float, limit: int) -> float:
    """Write rint(clip(Δ·factor, ±limit)) to `words` and return ‖Δ‖₂, in one pass: most updates need no second one."""
    delta, other = np.empty((2, PIECE), np.float64)
    inside = (limit - 1) / factor

    def work(part: slice) -> float:
        piece, square = delta[: part.stop - part.start], other[: part.stop - part.start]
        piece[:], square[:] = trained[part], previous[part]
        np.subtract(piece, square, out=piece)
        np.multiply(piece, piece, out=square)
        squares = float(np.add.reduce(square))  # not a BLAS product: its threads wait for each other on busy cores
        piece *= factor
        if not squares < inside * inside:  # else no value can be larger than the norm of all
            np.clip(piece, -limit, limit, out=piece)
        words[part] = np.rint(piece, out=piece)
        return squares

    with np.errstate(invalid="ignore"):  # the norm shows values that are not finite
        return float(np.sqrt(summed(work, previous.size)))


def _check_finite(previous: Vector, trained: Vector) -> None:
    for what, vector in (("trained weights", trained), ("previous model", previous)):
        broken = int(vector.size - np.count_nonzero(np.isfinite(vector)))
        if broken:
            raise NonFinite(what, broken)


def to_bytes(words: Words) -> bytes:
    """Return the words as little-endian two's complement, 4 or 8 bytes each."""
    return words.astype(words.dtype.newbyteorder("<"), copy=False).tobytes()


def from_bytes(body: bytes, parameters: int, config: RoundConfig) -> Words:
    """Return the words of an update body, or raise EncodingError for a wrong length or a word out of range.

    The lanes are checked later (claims.py, sum.check_update).
    """
    grid = grid_of(config)
    expected = body_bytes(parameters, grid.bits)
    if len(body) != expected:
        raise EncodingError("update", f"it has {len(body)} bytes, {expected} were expected")
    words = _words_in(body, grid)
    if words.min() < -grid.limit or words.max() > grid.limit:
        raise EncodingError("update", "a value lies outside the quantiser's range")
    return words


def _words_in(body: bytes, grid: Grid) -> Words:
    if grid.bits == 32:  # noqa: PLR2004 - the narrow one of two
        return np.frombuffer(body, "<i4").astype(np.int32, copy=False)
    return np.frombuffer(body, "<i8").astype(np.int64, copy=False)
