"""The numbers of a calibration behind a model's weights: rows of the manifest, and the end of the vector.

Invariant: a manifest either has all rows of a calibration at its end, or none. A vector without them has the
calibration that changes nothing.

Source: fl/training/calibration/numbers.py.
"""

from __future__ import annotations

import numpy as np

from fl.protocol.errors import WeightsMismatch
from fl.training.calibration.numbers import PREFIX, length_of, shapes
from fl.training.model.weights import Manifest, Vector


def with_calibration(manifest: Manifest, classes: int) -> Manifest:
    """Return the manifest with the rows of a calibration at its end."""
    rows = shapes(classes)
    return Manifest((*manifest.names, *rows), (*manifest.shapes, *rows.values()))


def network_of(manifest: Manifest) -> Manifest:
    """Return the rows of the network in a manifest: no calibration, and no state of the server's optimiser."""
    kept = [row for row in _weights(manifest) if not row[0].startswith(PREFIX)]
    return Manifest(tuple(name for name, _ in kept), tuple(shape for _, shape in kept))


def has_room(manifest: Manifest, classes: int) -> bool:
    """Return whether the rows of a calibration of so many classes are the last ones of the weights."""
    rows = list(shapes(classes).items())
    return _weights(manifest)[-len(rows) :] == rows


def _weights(manifest: Manifest) -> list[tuple[str, tuple[int, ...]]]:
    rows = list(zip(manifest.names, manifest.shapes, strict=True))
    return rows[: len(rows) - len(manifest.state)]


def empty(classes: int) -> Vector:
    """Return the numbers of the calibration that changes nothing, float32 [length_of(classes)]."""
    return np.zeros(length_of(classes), np.float32)


def split(vector: Vector, classes: int, weights: int) -> tuple[Vector, Vector]:
    """Return the weights, float32 [weights], and the numbers behind them, float32 [length_of(classes)].

    Args:
        vector: float32 [d], with or without a calibration.
        classes: Outputs of the model.
        weights: How many weights its network has.

    Raises:
        WeightsMismatch: it has another length.
    """
    if vector.shape == (weights,):
        return vector, empty(classes)
    if vector.shape != (weights + length_of(classes),):
        raise WeightsMismatch(f"{vector.dtype} {list(vector.shape)} instead of float32 [{weights}]")
    return vector[:weights], vector[weights:]
