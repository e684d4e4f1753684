"""The last layer of a model in whole numbers: weights of 8 bits, features of 7 bits.

Invariant: `sums` uses integers only, so that an encrypted evaluation (PROTOCOL.md 9P) gives the same numbers exactly.

    f_j = rint(127 · x_j / ceiling of j's block), clipped to 0..127
    w_cj = rint(W_cj · ceiling / 127 / scale_c),  scale_c = max_j |W_cj · ceiling / 127| / 127
    sum_c = Σ_j f_j·w_cj + rint(b_c / scale_c),   logit_c = scale_c · sum_c

Features must not be negative; those of hemanet and lite0 end in a rectifier. With several views, the features' mean is
taken first; a normal answer takes the mean of the views' probabilities.

Source: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", 2018 (symmetric weights, one scale for each output).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import numpy.typing as npt

LEVELS = 127
_LARGEST_BIAS = 1 << 30
Floats = npt.NDArray[np.floating]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Int8Head:
    """A head in whole numbers."""

    weights: npt.NDArray[np.int8] = field(repr=False)
    """[classes, d], -127..127."""
    biases: tuple[int, ...]
    """For each class, in units of its scale; below 2^31."""
    scales: tuple[float, ...]
    """What one unit of a class's sum adds to its logit."""
    ceilings: tuple[float, ...]
    """For each block of features, the value that becomes 127."""

    @classmethod
    def of(cls, weights: Floats, biases: Floats, ceilings: tuple[float, ...]) -> Self:
        """Round a head; `weights` are [classes, d], d a multiple of the number of ceilings, which are positive."""
        spread = np.repeat(np.asarray(ceilings, np.float64), weights.shape[1] // len(ceilings))
        units = weights.astype(np.float64) * spread / LEVELS
        scales = np.abs(units).max(axis=1) / LEVELS
        bias = biases.astype(np.float64)
        scales = np.maximum(np.maximum(scales, np.abs(bias) / _LARGEST_BIAS), np.finfo(np.float64).tiny)
        small = np.rint(units / scales[:, np.newaxis]).astype(np.int8)
        return cls(small, tuple(np.rint(bias / scales).astype(int).tolist()), tuple(scales.tolist()), ceilings)

    def features(self, values: Floats) -> npt.NDArray[np.uint8]:
        """Return uint8 [n, d] of 0..127 for features [n, d]."""
        return in_steps(values, self.ceilings)

    def sums(self, features: npt.NDArray[np.uint8]) -> Whole:
        """Return int64 [n, classes] for uint8 [n, d] of 0..127."""
        return features.astype(np.int64) @ self.weights.T.astype(np.int64) + np.array(self.biases, np.int64)

    def logits(self, sums: Whole) -> npt.NDArray[np.float64]:
        """Return float64 [n, classes]."""
        logits: npt.NDArray[np.float64] = sums * np.array(self.scales)
        return logits


def in_steps(values: Floats, ceilings: Sequence[float]) -> npt.NDArray[np.uint8]:
    """Return uint8 [n, d] of 0..127 for features [n, d], d a multiple of the number of ceilings."""
    spread = np.repeat(np.asarray(ceilings, np.float64), values.shape[1] // len(ceilings))
    whole: npt.NDArray[np.uint8] = np.clip(np.rint(values * (LEVELS / spread)), 0, LEVELS).astype(np.uint8)
    return whole


def shares_of(sums: Sequence[int], scales: Sequence[float], *, several: bool) -> list[float]:
    """Return each class's probability: a softmax of the logits, or a sigmoid of each with `several` labels."""
    logits = np.array(sums, np.float64) * np.array(scales)
    if several:
        row = 1 / (1 + np.exp(-logits))
    else:
        powers = np.exp(logits - logits.max())
        row = powers / powers.sum()
    shares: list[float] = row.tolist()
    return shares


def ceilings_of(values: Floats, blocks: int) -> tuple[float, ...]:
    """Return the largest feature of each of `blocks` equal blocks of [n, d]; 1 where all are 0."""
    largest = values.max(axis=0).reshape(blocks, -1).max(axis=1).astype(np.float64)
    return tuple(np.where(largest > 0, largest, 1.0).tolist())
