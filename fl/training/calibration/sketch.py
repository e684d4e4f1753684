"""A short summary of a picture and of what a network sees in it: what the detector of foreign pictures compares.

Invariant: the signs depend only on the number of features, so all hospitals and sites sum and compare the same.

The plain statistics are there because a network maps what it never saw to features that it knows (DECISIONS.md).

Source: D. Achlioptas, "Database-friendly random projections", 2003 (signs keep distances); SHA-256 in counter mode.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fl.training.calibration.pinned import Floats

SKETCH = 32
"""Numbers in a summary."""
STATISTICS = 11
"""So many of them are statistics of the pixels; see `_statistics`."""
MIXED = SKETCH - STATISTICS
"""The others mix the network's features: 1280 features cannot be computed back from 21 sums."""
TRIANGLE = SKETCH * (SKETCH + 1) // 2
"""Entries of a symmetric matrix of summaries, diagonal included."""
SPREAD = 4.0
"""Statistics in 0..1 are multiplied by this, so that their steps are fine enough."""
GROUND = 10
"""A pixel whose largest colour is at most this is black ground."""
LARGEST = 8.0
"""Numbers beyond ±8 count as ±8."""
STEP = 2.0**-10
"""Of the fixed point in sums: a number is at most 2^13 steps."""
_SEED = b"BAFL/1/sketch"


@lru_cache(maxsize=4)
def _signs(features: int) -> npt.NDArray[np.float32]:
    """Return float32 [features, MIXED] of +1 and -1."""
    needed = -(-features * MIXED // 256)
    blocks = (hashlib.sha256(_SEED + index.to_bytes(8, "big")).digest() for index in range(needed))
    bits = np.unpackbits(np.frombuffer(b"".join(blocks), np.uint8))[: features * MIXED]
    return (2.0 * bits.reshape(features, MIXED) - 1.0).astype(np.float32)


def sketch(images: npt.NDArray[np.uint8], features: npt.NDArray[np.float32]) -> Floats:
    """Return float64 [n, SKETCH] in steps of STEP within ±LARGEST.

    Each row depends on its picture alone, to the bit, in whatever batch it comes.

    Args:
        images: uint8 [n, S, S, 3], prepared for the network.
        features: float32 [n, features], what its head sees of them.
    """
    signs, scale = _signs(features.shape[1]), np.sqrt(max(features.shape[1], 1))
    rows = [
        np.concatenate(
            [_statistics(image) * SPREAD, (row[:, np.newaxis] * signs).sum(axis=0, dtype=np.float64) / scale]
        )
        for image, row in zip(images, features, strict=True)
    ]
    values = np.array(rows, np.float64).reshape(len(rows), SKETCH)
    return np.asarray(np.rint(np.clip(values, -LARGEST, LARGEST) / STEP) * STEP, np.float64)


def _statistics(image: npt.NDArray[np.uint8]) -> Floats:
    """Return float64 [STATISTICS] about uint8 [S, S, 3], each about 0..1.

    Mean and deviation of each colour, roughness (the difference between neighbours as a share of the deviation), the
    share of black ground, the brightness of the rim and of the middle, and how far the colours are from grey.
    """
    pixels = image.astype(np.float32) / np.float32(255.0)
    light, green = pixels.max(axis=2), pixels[..., 1]
    edge = max(len(image) // 8, 1)
    inner = light[edge:-edge, edge:-edge]
    rim = (light.sum(dtype=np.float64) - inner.sum(dtype=np.float64)) / max(light.size - inner.size, 1)
    middle = light[2 * edge : -2 * edge, 2 * edge : -2 * edge]
    steps = (
        np.abs(np.diff(green, axis=0)).mean(dtype=np.float64) + np.abs(np.diff(green, axis=1)).mean(dtype=np.float64)
    ) / 2
    others = (
        steps / max(float(green.std(dtype=np.float64)), 0.02),
        float((image.max(axis=2) <= GROUND).mean()),
        rim,
        float(middle.mean(dtype=np.float64)),
        float((light - pixels.min(axis=2)).mean(dtype=np.float64)),
    )
    colours = pixels.mean(axis=(0, 1), dtype=np.float64), pixels.std(axis=(0, 1), dtype=np.float64)
    return np.concatenate([*colours, np.array(others, np.float64)])
