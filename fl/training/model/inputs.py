"""Converts pixels to the tensors that a model takes.

Invariant: training and answers use the same normalisation.

Source: torch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fl.training.pictures.colours import Pixels

MEAN = 0.2
STD = 0.2
"""Chosen for dark cells on black. All channels and data sets use the same values, so hospitals need not share
statistics about their patients."""


def to_tensor(images: Pixels) -> Tensor:
    """Return uint8 [n, S, S, 3] as uint8 [n, 3, S, S], contiguous."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def normalise(batch: Tensor) -> Tensor:
    """Return pixels [n, 3, S, S] in 0..255 as float32 [n, 3, S, S] in -1..4."""
    return batch.to(torch.float32).div(255.0).sub(MEAN).div(STD)
