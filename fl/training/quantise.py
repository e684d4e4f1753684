"""The fixed-point quantiser: what one hospital learned as 32-bit words, with lanes for its metrics.

Invariant: every word of every hospital lies in ±(2^21 - 1), so the sum of up to 1024 hospitals never overflows int32.

Source: PROTOCOL.md 5 (Masking): λ = w / W_max; x = rint(clip(Δ·λ·2^21/c, ±(2^21-1))) in binary64.
Not here: sums and the update of the model (aggregate.py), masks and envelopes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.protocol.config import RoundConfig
from fl.protocol.errors import EncodingError, NonFinite
from fl.training.pieces import PIECE, summed

SCALE = 2**21
LIMIT = SCALE - 1
LANES = 4
"""weight w, correctly classified training samples, training samples, mean loss in units of 2^-16."""
LOSS_UNIT = 2.0**-16

Vector = npt.NDArray[np.float32]
Words = npt.NDArray[np.int32]


@dataclass(frozen=True)
class LocalMetrics:
    """What a hospital says of its own training."""

    samples: int
    correct: int
    loss: float


def body_bytes(parameters: int) -> int:
    """Return the plaintext size of an update of d parameters: 4·(d + LANES) bytes."""
    return 4 * (parameters + LANES)


def quantise(previous: Vector, trained: Vector, metrics: LocalMetrics, config: RoundConfig) -> Words:
    """Return the update as int32 [d + LANES].

    `previous`, `trained`: float32 [d]. The difference is L2-clipped to C, weighted by w / W_max and rounded.

    Raises:
        NonFinite: the trained weights hold NaN or infinity.
        EncodingError: the two vectors differ in length, or the metrics contradict each other.
    """
    if previous.shape != trained.shape or previous.ndim != 1:
        raise EncodingError("update", f"it has {trained.size} parameters, the model has {previous.size}")
    if not np.isfinite(metrics.loss):
        raise NonFinite("training loss", 1)
    if not 0 <= metrics.correct <= metrics.samples or metrics.samples < 1:
        raise EncodingError("update", f"it counts {metrics.correct} of {metrics.samples} samples as correct")
    words = np.empty(previous.size + LANES, dtype=np.int32)
    weight = min(metrics.samples, config.w_max, LIMIT)
    norm = _round_to(words, previous, trained, (weight / config.w_max) * SCALE / config.clip)
    if not np.isfinite(norm):
        _check_finite(previous, trained)
    if norm > config.l2_bound:
        shrink = config.l2_bound / norm
        _round_to(words, previous, trained, shrink * (weight / config.w_max) * SCALE / config.clip)
    loss = min(round(max(metrics.loss, 0.0) / LOSS_UNIT), LIMIT)
    words[-LANES:] = (weight, min(metrics.correct, LIMIT), min(metrics.samples, LIMIT), loss)
    return words


def _round_to(words: Words, previous: Vector, trained: Vector, factor: float) -> float:
    """Write rint(clip(Δ·factor, ±LIMIT)) to `words` and return ‖Δ‖₂, in one pass: most updates need no second one."""
    delta, other = np.empty((2, PIECE), np.float64)
    inside = (LIMIT - 1) / factor

    def work(part: slice) -> float:
        piece, square = delta[: part.stop - part.start], other[: part.stop - part.start]
        piece[:], square[:] = trained[part], previous[part]
        np.subtract(piece, square, out=piece)
        np.multiply(piece, piece, out=square)
        squares = float(np.add.reduce(square))  # not a BLAS product: its threads wait for each other on busy cores
        piece *= factor
        if not squares < inside * inside:  # else no value can be larger than the norm of all
            np.clip(piece, -LIMIT, LIMIT, out=piece)
        words[part] = np.rint(piece, out=piece)
        return squares

    with np.errstate(invalid="ignore"):  # what is not finite is found in the norm
        return float(np.sqrt(summed(work, previous.size)))


def _check_finite(previous: Vector, trained: Vector) -> None:
    for what, vector in (("trained weights", trained), ("previous model", previous)):
        broken = int(vector.size - np.count_nonzero(np.isfinite(vector)))
        if broken:
            raise NonFinite(what, broken)


def to_bytes(words: Words) -> bytes:
    """Return the words as little-endian two's complement, 4 bytes each."""
    return words.astype("<i4", copy=False).tobytes()


def from_bytes(body: bytes, parameters: int, config: RoundConfig) -> Words:
    """Return the words of an update body, or raise EncodingError when a rule of the quantiser is broken."""
    if len(body) != body_bytes(parameters):
        raise EncodingError("update", f"it has {len(body)} bytes, {body_bytes(parameters)} were expected")
    words = np.frombuffer(body, dtype="<i4")
    if words.min() < -LIMIT or words.max() > LIMIT:
        raise EncodingError("update", "a value lies outside the quantiser's range")
    weight, correct, samples, loss = (int(lane) for lane in words[-LANES:])
    if not (1 <= weight <= config.w_max and 0 <= correct <= samples and weight <= samples and loss >= 0):
        raise EncodingError("update", "its sample counts contradict each other")
    return words
