"""Builds the network and its loss; this file and the whole package are what members agree on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


class Dots(nn.Module):
    """Three convolutions and the mean of what they find; no batch norm, so hospitals can average it."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.last_maps = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2, padding=2),
            nn.GroupNorm(4, 16),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.GroupNorm(4, 32),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, classes)

    def features(self, x: Tensor) -> Tensor:
        """Map float32 [B, 3, S, S] in -1..1 to [B, 64]: mean and maximum of the last maps."""
        maps = self.last_maps(x)
        return torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [B, 3, S, S] in -1..1 to logits [B, classes]."""
        logits: Tensor = self.head(self.features(x))
        return logits


def focal_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean focal loss of logits [B, classes]: doubtful cells weigh more (Lin et al., 2017, gamma 2)."""
    log_shares = logits.log_softmax(dim=1).gather(1, labels[:, None])[:, 0]
    loss: Tensor = (-((1 - log_shares.exp()) ** 2) * log_shares).mean()
    return loss


@dataclass(frozen=True)
class Built:
    """What Hemaledger takes: a network, and if you like a loss."""

    network: nn.Module
    loss: object


def build(classes: int, size_px: int) -> Built:
    """Return the network; torch's random state is the federation's seed, so all members draw the same weights."""
    if size_px < 16:  # noqa: PLR2004  # a quarter of it is left after two strides
        raise ValueError("pictures must have 16 pixels a side")
    return Built(Dots(classes), focal_loss)
