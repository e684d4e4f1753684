"""A model's weights as one flat vector.

Invariant: a vector that passed `check_vector` has only finite values within ±WEIGHT_MAX.

Source: PROTOCOL.md 8 (bodies are raw float32).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import NonFinite, WeightsMismatch, WeightsTooLarge

Vector = npt.NDArray[np.float32]
"""float32 [d]: all weights of a model, parameters in the manifest's order, each in C order."""
WEIGHT_MAX = 2**20
"""The largest magnitude of a weight. Trained weights stay far below; larger ones overflow float32 between two
normalisations, and the model answers NaN."""


def check_vector(vector: npt.NDArray[np.float32], length: int, what: str = "weights") -> Vector:
    """Return `vector` if it is float32 [length], finite, and within ±WEIGHT_MAX.

    Raises:
        WeightsMismatch: the length, shape or dtype is wrong.
        NonFinite: a value is NaN or infinite; `what` names the vector.
        WeightsTooLarge: a value is outside ±WEIGHT_MAX.
    """
    if vector.dtype != np.float32 or vector.shape != (length,):
        raise WeightsMismatch(f"{vector.dtype} {list(vector.shape)} instead of float32 [{length}]")
    if vector.size and not (vector.max() <= WEIGHT_MAX and vector.min() >= -WEIGHT_MAX):  # false for NaN, too
        if bad := int(vector.size - np.count_nonzero(np.isfinite(vector))):
            raise NonFinite(what, bad)
        raise WeightsTooLarge(what, int(np.count_nonzero(np.abs(vector) > WEIGHT_MAX)), WEIGHT_MAX)
    return vector
