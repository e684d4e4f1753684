"""Linear equations with a positive definite matrix, in pinned arithmetic.

Invariant: the same numbers give the same bytes on every machine: products, differences, quotients and square roots of
single binary64 numbers in a fixed order, each rounded once; no BLAS, no LAPACK, no sum whose order a library chooses.

Source: G. Golub and C. Van Loan, "Matrix Computations", 4.2 (Cholesky factor by outer products) and 3.1 (substitution
by columns).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import SumOutOfBounds

Reals = npt.NDArray[np.float64]
SHOWN = 2.0**62
"""A smaller pivot is not shown in an error."""


def cholesky(matrix: Reals, hospitals: int = 1, least: float = 0.0) -> Reals:
    """Return the lower factor L of a positive definite matrix = L Lᵀ, float64 [p, p].

    Only the lower triangle is read. Each entry is one square root or quotient, after differences in order of columns.

    Args:
        matrix: float64 [p, p].
        hospitals: For the error.
        least: A smaller pivot counts as this; 0 = it is an error.

    Raises:
        SumOutOfBounds: the matrix is not positive definite.
    """
    rest, size = matrix.copy(), len(matrix)
    for place in range(size):
        pivot = max(float(rest[place, place]), least) if least else float(rest[place, place])
        if not 0.0 < pivot < math.inf:
            claimed = int(pivot) if -SHOWN < pivot <= 0.0 else 0
            raise SumOutOfBounds(hospitals, f"curvature (pivot {place})", claimed, 1, 1 << 62)
        root = math.sqrt(pivot)
        rest[place, place] = root
        below = rest[place + 1 :, place]
        below /= root
        rest[place + 1 :, place + 1 :] -= below[:, None] * below[None, :]
    return np.tril(rest)


def solve(factor: Reals, right: Reals) -> Reals:
    """Return x with L Lᵀ x = right, float64 [p] or [p, k], by substitution in a fixed order."""
    x = forward(factor, right)
    for place in range(len(factor) - 1, -1, -1):
        x[place] = x[place] / factor[place, place]
        x[:place] -= _times(factor[place, :place], x[place])
    return x


def forward(factor: Reals, right: Reals) -> Reals:
    """Return x with L x = right, float64 [p] or [p, k]; L⁻¹ if `right` is the unit matrix."""
    x = right.copy()
    for place in range(len(factor)):
        x[place] = x[place] / factor[place, place]
        x[place + 1 :] -= _times(factor[place + 1 :, place], x[place])
    return x


def _times(column: Reals, value: Reals) -> Reals:
    """Return column [m] times a number, or times each of [k] numbers as [m, k]."""
    return column * value if np.ndim(value) == 0 else column[:, None] * value[None, :]


def inverse(factor: Reals) -> Reals:
    """Return (L Lᵀ)^-1, float64 [p, p]."""
    return solve(factor, np.eye(len(factor)))


def full(triangle: Reals, size: int) -> Reals:
    """Return the symmetric matrix [size, size] of an upper triangle."""
    matrix = np.zeros((size, size))
    matrix[np.triu_indices(size)] = triangle
    return matrix + np.triu(matrix, 1).T
