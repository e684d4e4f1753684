"""The exponential function and sums whose bits are the same on every machine.

Invariant: only additions, multiplications, divisions and square roots of binary64, each rounded separately (IEEE 754),
and `math.fsum`, which is exact. NumPy's and the system's `exp` differ in the last bit between processors.

Source: W. J. Cody and W. Waite, "Software Manual for the Elementary Functions", 1980 (reduction by two parts of ln 2).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
_PER_LN2 = 1.4426950408889634
_LARGEST = 700.0
"""exp(700) is finite in binary64."""
_COEFFICIENTS = tuple(1.0 / math.factorial(power) for power in range(14))
_TERMS = 22
"""Of the series for the logarithm: its first missing term is below 3^-45."""


def exp(x: Floats) -> Floats:
    """Return e^x for float64 [...] in ±700; larger magnitudes count as 700."""
    x = np.clip(x, -_LARGEST, _LARGEST)
    whole = np.rint(x * _PER_LN2)
    rest = (x - whole * _LN2_HIGH) - whole * _LN2_LOW
    value = np.full_like(rest, _COEFFICIENTS[-1])
    for coefficient in reversed(_COEFFICIENTS[:-1]):
        value = value * rest + coefficient
    return np.asarray(np.ldexp(value, whole.astype(np.int32)), np.float64)


def sigmoid(x: Floats) -> Floats:
    """Return 1 / (1 + e^-x)."""
    return np.asarray(1.0 / (1.0 + exp(-x)), np.float64)


def softplus(x: Floats) -> Floats:
    """Return log(1 + e^x)."""
    small = exp(-np.abs(x))
    ratio = small / (2.0 + small)  # log(1 + y) = 2 artanh(y / (2 + y))
    square, power, series = ratio * ratio, ratio, np.zeros_like(ratio)
    for term in range(_TERMS):
        series = series + power / (2.0 * term + 1.0)
        power = power * square
    return np.asarray(np.maximum(x, 0.0) + 2.0 * series, np.float64)


def total(values: Floats) -> float:
    """Return the exact sum, rounded once, whatever the order."""
    return math.fsum(values.ravel().tolist())
