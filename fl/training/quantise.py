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

SCALE = 2**21
LIMIT = SCALE - 1
LANES = 4
"""weight w, correctly classified training samples, training samples, mean loss in units of 2^-16."""
LOSS_UNIT = 2.0**-16
_CHUNK = 1 << 16

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
    broken = int(trained.size - np.count_nonzero(np.isfinite(trained)))
    if broken or not np.isfinite(metrics.loss):
        raise NonFinite("trained weights" if broken else "training loss", max(broken, 1))
    if not 0 <= metrics.correct <= metrics.samples or metrics.samples < 1:
        raise EncodingError("update", f"it counts {metrics.correct} of {metrics.samples} samples as correct")
    words = np.empty(previous.size + LANES, dtype=np.int32)
    weight = min(metrics.samples, config.w_max, LIMIT)
    squares = 0.0
    for part in _chunks(previous.size):
        delta = trained[part].astype(np.float64) - previous[part]
        squares += float(np.sum(delta * delta))  # not a BLAS product: its threads wait for each other on busy cores
    norm = float(np.sqrt(squares))
    shrink = min(1.0, config.l2_bound / norm) if norm > 0 else 1.0
    factor = shrink * (weight / config.w_max) * SCALE / config.clip
    for part in _chunks(previous.size):
        delta = trained[part].astype(np.float64) - previous[part]
        delta *= factor
        np.clip(delta, -LIMIT, LIMIT, out=delta)
        words[part] = np.rint(delta, out=delta)
    loss = min(round(max(metrics.loss, 0.0) / LOSS_UNIT), LIMIT)
    words[-LANES:] = (weight, min(metrics.correct, LIMIT), min(metrics.samples, LIMIT), loss)
    return words


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


def _chunks(length: int) -> list[slice]:
    return [slice(start, min(start + _CHUNK, length)) for start in range(0, length, _CHUNK)]
