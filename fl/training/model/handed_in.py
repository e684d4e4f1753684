"""Weights that a hospital trained with tools of its own: what they must be before anything is done with them.

Invariant: weights that passed have the tensors of the network, in its shapes, are finite and within ±WEIGHT_MAX, and
differ from the model they started from by no more than the federation's bound.

Source: PROTOCOL.md 4 (step 5) and 5 (Configuration: `l2_bound`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fl.protocol.errors import NonFinite, UploadUnusable, WeightsTooLarge
from fl.training.model.tensor_file import TensorFile
from fl.training.model.weights import Manifest, Vector, check_vector

BASE = "base"
"""The metadata of a file of weights: the digest of the model that it starts from, in hexadecimal."""
MOST_SAMPLES = 2**21 - 1
"""What a round can count for one hospital (PROTOCOL.md 5, Masking)."""


@dataclass(frozen=True)
class Declared:
    """What the uploader says about a training. Nobody can check it; the rules of a round bound it."""

    samples: int
    """Training images."""
    correct: int = 0
    """How many of them the trained model recognised; 0 if nobody counted."""
    loss: float = 0.0
    """Mean loss of the last pass; 0 if nobody measured it."""

    def check(self, most: int = MOST_SAMPLES) -> Declared:
        """Return this, or raise UploadUnusable if the numbers are impossible.

        Args:
            most: The largest believable number of images.
        """
        if not 1 <= self.samples <= min(most, MOST_SAMPLES):
            raise UploadUnusable(f"you declare {self.samples:,} images; from 1 to {min(most, MOST_SAMPLES):,} fit")
        if not 0 <= self.correct <= self.samples:
            raise UploadUnusable(f"you declare {self.correct:,} recognised images of {self.samples:,}")
        if not 0.0 <= self.loss <= 32.0:  # noqa: PLR2004 - twice the loss of a coin with 2^-16
            raise UploadUnusable("the mean loss is not between 0 and 32")
        return self


def own_rows(manifest: Manifest) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return name and shape of the tensors that a training changes."""
    rows = tuple(zip(manifest.names, manifest.shapes, strict=True))
    left, trained = manifest.weights - manifest.fixed, []
    for (name, shape), size in zip(rows, manifest.sizes, strict=True):
        if left <= 0:
            break
        trained.append((name, shape))
        left -= size
    return tuple(trained)


def weights_in(file: TensorFile, manifest: Manifest, base: Vector) -> Vector:
    """Return the weights in a file, float32 [manifest.weights].

    Numbers that no training changes (a calibration, the state of the server's optimiser) come from the base, whether
    the file has them or not.

    Args:
        file: As it was read.
        manifest: Of the federation's model.
        base: The model that the training started from, float32 [manifest.weights] or longer.

    Raises:
        UploadUnusable: a tensor is missing, unknown, has another shape, or has values that no model can have.
    """
    rows = own_rows(manifest)
    unknown = sorted(set(file.tensors) - set(manifest.names))
    if unknown:
        raise UploadUnusable(f"the model has no tensor {unknown[0][:80]!r}; save the names that the base model has")
    parts = []
    for name, shape in rows:
        if name not in file.tensors:
            raise UploadUnusable(f"the tensor {name} is missing")
        if file.shapes[name] != shape:
            raise UploadUnusable(f"{name} has the shape {list(file.shapes[name])} instead of {list(shape)}")
        parts.append(file.tensors[name])
    trained = sum(part.size for part in parts)
    vector = np.concatenate([*parts, base[trained : manifest.weights]])
    try:
        return check_vector(vector, manifest.weights, "uploaded weights")
    except NonFinite as error:
        raise UploadUnusable(f"{error.count} values are not finite numbers; the training went wrong") from error
    except WeightsTooLarge as error:
        raise UploadUnusable("some values are far too large for a weight; the training went wrong") from error


def change_of(weights: Vector, base: Vector) -> float:
    """Return the L2 norm of the change, with `weights` float32 [d] and `base` float32 [d] or longer."""
    return float(np.linalg.norm(weights.astype(np.float64) - base[: weights.size]))


def check_change(weights: Vector, base: Vector, bound: float) -> float:
    """Return the L2 norm of the change.

    Raises:
        UploadUnusable: nothing changed, or more than `bound`, from which on a round would cut the change.
    """
    norm = change_of(weights, base)
    if norm == 0.0:
        raise UploadUnusable("these are exactly the weights of the base model; train first")
    if norm > bound:
        raise UploadUnusable(
            f"the weights moved by {norm:.4g} (L2 norm), and a round accepts {bound:.4g}; train from the current base "
            "model, with a smaller learning rate or fewer passes"
        )
    return norm
