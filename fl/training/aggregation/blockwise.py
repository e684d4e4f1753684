"""Sums over long vectors, in pieces that fit into a core's cache.

Invariant: the result has the same bits as NumPy's sum over blocks of 2^16 values.

Source: NumPy's pairwise summation halves a block in the same way, down to 128 values.
"""

from __future__ import annotations

from collections.abc import Callable

PIECE = 1 << 14
"""The largest piece, in values: 128 KiB in binary64."""
_BLOCK = 1 << 16
_UNROLLED = 8
"""NumPy splits a block at a multiple of this number."""


def summed(work: Callable[[slice], float], length: int) -> float:
    """Call `work` for every piece of a vector [length]; return the sum of its results."""
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
