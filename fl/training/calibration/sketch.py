"""A short summary of the features that a network sees in a picture: what the detector of foreign pictures compares.

Invariant: the signs depend only on the number of features, so all hospitals and sites sum and compare the same.

Source: D. Achlioptas, "Database-friendly random projections", 2003 (signs keep distances); SHA-256 in counter mode.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fl.training.calibration.pinned import Floats

SKETCH = 32
"""Numbers in a summary. 1280 features cannot be computed back from sums of 32."""
LARGEST = 8.0
"""Numbers beyond ±8 count as ±8."""
STEP = 2.0**-10
"""Of the fixed point in sums: a number is at most 2^13 steps."""
_SEED = b"BAFL/1/sketch"


@lru_cache(maxsize=4)
def _signs(features: int) -> npt.NDArray[np.float32]:
    """Return float32 [features, SKETCH] of +1 and -1."""
    needed = -(-features * SKETCH // 256)
    blocks = (hashlib.sha256(_SEED + index.to_bytes(8, "big")).digest() for index in range(needed))
    bits = np.unpackbits(np.frombuffer(b"".join(blocks), np.uint8))[: features * SKETCH]
    return (2.0 * bits.reshape(features, SKETCH) - 1.0).astype(np.float32)


def sketch(features: npt.NDArray[np.float32]) -> Floats:
    """Return float64 [n, SKETCH] in steps of STEP within ±LARGEST, for features float32 [n, features].

    Each row depends on its picture alone, to the bit, in whatever batch it comes.
    """
    signs = _signs(features.shape[1])
    rows = [(row[:, np.newaxis] * signs).sum(axis=0, dtype=np.float64) for row in features]
    values = np.array(rows, np.float64).reshape(len(features), SKETCH) / np.sqrt(max(features.shape[1], 1))
    return np.asarray(np.rint(np.clip(values, -LARGEST, LARGEST) / STEP) * STEP, np.float64)
