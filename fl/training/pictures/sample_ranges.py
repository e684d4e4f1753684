"""Scales samples of any depth to 8 bits, by the range that the file documents.

Invariant: the scale depends only on what the file says, never on the brightness of the picture: a quarter as bright
stays a quarter as bright. A file without a range is refused.

Source: TIFF 6.0 (SampleFormat, SMinSampleValue, SMaxSampleValue, MaxSampleValue); PNG 11.3.2.7 (sBIT).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fl.training.pictures.colours import Pixels

Samples = npt.NDArray[np.generic]

HINT_BITS = 12
"""A 16-bit picture without any value above 12 bits probably has fewer bits."""
_BLOCK = 2**17
"""Samples scaled at a time; each thread's allocator would keep the memory of larger blocks."""


class NoRange(ValueError):
    """The file does not say which value is white; the text says what to do.

    Attributes:
        bits: Whether the user only has to give the number of significant bits.
    """

    def __init__(self, why: str, *, bits: bool = False) -> None:
        super().__init__(why)
        self.bits = bits


@dataclass(frozen=True)
class Range:
    """What a file says about its samples.

    Attributes:
        bits: Per sample as stored; None = as the samples' type says.
        low, high: The values of black and white; None if the file does not say.
        significant: Bits of the camera or scanner, in a sample of more bits; None if the file does not say.
        by_person: Whether the user stated `significant`; then it means the low bits of each sample.
    """

    bits: int | None = None
    low: float | None = None
    high: float | None = None
    significant: int | None = None
    by_person: bool = False

    def with_bits(self, bits: int | None) -> Range:
        """Return the range with the significant bits that the user stated, if any."""
        return self if bits is None else replace(self, significant=bits, by_person=True)


def to_eight_bits(samples: Samples, said: Range) -> Pixels:
    """Return the samples as uint8 of the same shape.

    Raises:
        NoRange: the file has no range, or the samples contradict it.
    """
    if samples.dtype == np.bool_:
        return np.where(samples, 255, 0).astype(np.uint8)
    low, high = _limits(samples, said)
    if (low, high) == (0.0, 255.0) and samples.dtype == np.uint8:
        return samples.astype(np.uint8, copy=False)
    scaled = np.empty(samples.shape, np.uint8)
    table = _table(samples, low, high)
    rows = max(1, _BLOCK * len(samples) // samples.size)
    for row in range(0, len(samples), rows):
        part = samples[row : row + rows]
        scaled[row : row + rows] = _scaled(part, low, high) if table is None else table[part]
    return scaled


def _scaled(samples: Samples, low: float, high: float) -> Pixels:
    part = (samples.astype(np.float64) - low) * (255.0 / (high - low))
    return np.asarray(part.clip(0.0, 255.0).round().astype(np.uint8))


def _table(samples: Samples, low: float, high: float) -> Pixels | None:
    """Return the 8-bit value of each sample value, if there are at most 65,536 values."""
    if samples.dtype.kind != "u" or samples.dtype.itemsize > 2:  # noqa: PLR2004  # 65,536 values
        return None
    return _scaled(np.arange(2 ** (8 * samples.dtype.itemsize)), low, high)


def _limits(samples: Samples, said: Range) -> tuple[float, float]:
    least, most = float(samples.min()), float(samples.max())
    if not np.isfinite([least, most]).all():
        raise NoRange("it contains NaN or infinite values; save it as a PNG of 8 or 16 bits")
    low, high = _documented(samples, said, most) or _by_type(samples, said, least, most)
    if not high > low:
        raise NoRange(f"it says that white is {high:g} and black is {low:g}")
    if least < low or most > high:
        text = f"its values go from {least:g} to {most:g}, but it says that they lie in {low:g} to {high:g}"
        raise NoRange(f"{text}; save it as a PNG of 8 or 16 bits")
    return low, high


def _documented(samples: Samples, said: Range, most: float) -> tuple[float, float] | None:
    """Return the range that the file states, or None."""
    if said.high is not None:
        return (0.0 if said.low is None else said.low), said.high
    if said.significant is None or samples.dtype.kind != "u":
        return None
    stored = said.bits or samples.dtype.itemsize * 8
    white = 2**said.significant - 1
    if not 0 < said.significant < stored or most > white:
        return None  # the samples were stretched to the whole depth, as PNG requires
    if said.by_person:
        return 0.0, float(white)
    shift = 2 ** (stored - said.significant)
    return None if not any((row % shift).any() for row in samples) else (0.0, float(white))


def _by_type(samples: Samples, said: Range, least: float, most: float) -> tuple[float, float]:
    bits = said.bits or samples.dtype.itemsize * 8
    if samples.dtype.kind == "f":
        if least < 0.0 or most > 1.0:
            text = f"its values are fractions from {least:g} to {most:g}, and it does not say which one is white"
            raise NoRange(f"{text}; save it as a PNG of 8 or 16 bits, or with values in 0 to 1")
        return 0.0, 1.0
    if samples.dtype.kind == "i":
        if least >= 0:
            text = "its type allows negative values, but it has none, so it does not say which value is black"
            raise NoRange(f"{text}; save it with values without a sign, or as a PNG of 8 or 16 bits")
        return -(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1
    if bits > HINT_BITS and 0 < most < 2**HINT_BITS:
        text = f"it has {bits} bits, but no value above {most:g}: it is too dark, or has fewer bits than it says"
        hint = "give its bits, save it as a PNG of 8 bits, or as a TIFF that says its bit depth (SMaxSampleValue)"
        raise NoRange(f"{text}; {hint}", bits=True)
    return 0.0, 2.0**bits - 1
