"""Long vectors in pieces that stay in a core's cache, for arithmetic in binary64.

Invariant: a sum over the pieces has the bits that NumPy gives for the sum over blocks of 2^16 values in one piece.

Source: NumPy's pairwise summation halves a block in the same way, down to 128 values.
"""

from __future__ import annotations

from collections.abc import Callable

PIECE = 1 << 14
"""The most values of a piece: 128 KiB in binary64."""
_BLOCK = 1 << 16
_UNROLLED = 8
"""NumPy halves at multiples of so many values."""


def summed(work: Callable[[slice], float], length: int) -> float:
    """Do `work` for every piece of a vector [length]; return the sum of what it returns."""
    total = 0.0
    for start in range(0, length, _BLOCK):
        total += _halved(work, start, min(start + _BLOCK, length))
    return total


def _halved(work: Callable[[slice], float], start: int, stop: int) -> float:
    length = stop - start
    if length <= PIECE:
        return work(slice(start, stop))
    middle = start + length // 2 - length // 2 % _UNROLLED
    return _halved(work, start, middle) + _halved(work, middle, stop)
