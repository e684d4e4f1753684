"""Randomness of a private training: which pictures a step uses, and the noise on its gradient.

Invariant: every draw comes from the operating system (os.urandom), never from a seed. Anyone who could predict a draw
could subtract the noise. torch's generator on a CPU has only 2^32 seeds, so a seed can be tried out.

Source: G. E. P. Box and M. E. Muller, 1958; N. Holohan and S. Braghin, "Secure Random Sampling in Differential
Privacy", 2021 (a sum of four draws hides the rounding of floating point).
"""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

DRAWS = 4
"""Independent Gaussian draws in one value of the noise; their sum is halved."""


def chosen(count: int, rate: float) -> npt.NDArray[np.int64]:
    """Return the rows of one step: each of `count` rows with probability `rate`, independent of the others."""
    threshold = min(int(rate * 2.0**53), 2**53)
    return np.flatnonzero(_words(count) >> np.uint64(11) < threshold)


def gaussian(count: int, deviation: float) -> npt.NDArray[np.float32]:
    """Return float32 [count] from the normal distribution with mean 0 and this standard deviation."""
    total = sum(_standard(count) for _ in range(DRAWS))
    return np.asarray(total / np.sqrt(DRAWS) * deviation, np.float32)


def random_seed() -> int:
    """Return a seed for augmentation, which needs no secrecy, but must not repeat."""
    return int(_words(1)[0] >> np.uint64(1))


def _standard(count: int) -> npt.NDArray[np.float64]:
    """Return float64 [count] of the standard normal distribution, by Box and Muller."""
    half = (count + 1) // 2
    uniform = ((_words(2 * half) >> np.uint64(11)) + 1) * 2.0**-53  # in (0, 1]
    length, turn = np.sqrt(-2.0 * np.log(uniform[:half])), 2.0 * np.pi * uniform[half:]
    return np.concatenate([length * np.cos(turn), length * np.sin(turn)])[:count]


def _words(count: int) -> npt.NDArray[np.uint64]:
    return np.frombuffer(os.urandom(8 * count), np.uint64)
