"""Converts pixels to the tensors that a model takes.

Invariant: training and answers use the same normalisation.

Source: torch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fl.training.model.backbones import TORCHVISION
from fl.training.model.scales import IMAGENET, MEAN_AND_STD
from fl.training.pictures.colours import Pixels


def to_tensor(images: Pixels) -> Tensor:
    """Return uint8 [n, S, S, 3] as uint8 [n, 3, S, S], contiguous."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def normalise(batch: Tensor, kind: str) -> Tensor:
    """Return pixels [n, 3, S, S] in 0..255 as float32 [n, 3, S, S] for a network of that kind."""
    if kind.startswith(TORCHVISION):
        means, deviations = (torch.tensor(row, device=batch.device)[:, None, None] for row in IMAGENET)
        return batch.to(torch.float32).sub(means).div(deviations)
    mean, std = MEAN_AND_STD[kind]
    return batch.to(torch.float32).sub(mean).div(std)


def views_of(batch: Tensor, count: int) -> list[Tensor]:
    """Return 1 or 8 views of [n, 3, S, S]: four turns, and the same of the mirror image."""
    if count == 1:
        return [batch]
    return [torch.rot90(side, turn, (2, 3)) for side in (batch, batch.flip(3)) for turn in range(4)]


def undo_view(maps: Tensor, index: int) -> Tensor:
    """Return [n, C, S, S] of the view `index` of `views_of` turned and mirrored back, as the picture is."""
    mirror, turn = divmod(index, 4)
    turned = torch.rot90(maps, -turn, (2, 3))
    return turned.flip(3) if mirror else turned
