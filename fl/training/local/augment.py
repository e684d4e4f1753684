"""Random changes of training images: rotation, mirroring, and small changes of scale, place and stain.

Invariant: the result depends only on the images, the strength and the generator; on a CPU its bits depend on the number
of threads at most. Labels stay true: a cell's size is informative, so it changes only a little.

All images of a batch change in one operation, on the device where they are. Rotation, mirror, scale and shift are one
affine map, so a picture is interpolated once.

Source: M. Jaderberg et al., "Spatial Transformer Networks", 2015 (sampling at a grid); ITU-R BT.601 (grey).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as tnf
from torch import Tensor

SCALE = 0.08
SHIFT = 0.04
GAIN = 0.12
SATURATION = 0.2
GREY = (0.2989, 0.587, 0.114)
"""Shares of red, green and blue in grey."""


def augment(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Return changed copies of uint8 [B, 3, S, S] as float32 [B, 3, S, S] in 0..255, on the device of the images.

    Args:
        images: A batch.
        strength: 0 changes nothing; 1 draws scale +-8 %, shift +-4 % of the side, gain of each colour +-12 % and
            saturation +-20 %. Any strength above 0 also rotates by any angle and mirrors.
        generator: The source of randomness, on the CPU, so that every device draws the same; it advances by the same
            amount for every batch of one size.
    """
    pixels = images.to(torch.float32)
    if strength <= 0.0:
        return pixels
    draws = torch.rand(len(images), 9, generator=generator) * 2.0 - 1.0
    places, colours = (part.to(pixels.device, non_blocking=True) for part in (_places(draws, strength), draws))
    grid = tnf.affine_grid(places, list(pixels.shape), align_corners=False)
    moved = tnf.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return _stain(moved, colours * strength)


def _places(draws: Tensor, strength: float) -> Tensor:
    """Return float32 [B, 2, 3]: for each place of the new picture, in -1..1, its place in the old one.

    Args:
        draws: float32 [B, 9] in -1..1; the first five are turn, scale, right, down and mirror.
        strength: See `augment`.
    """
    turn, (scale, right, down, mirror) = draws[:, 0] * math.pi, (draws[:, 1:5] * strength).unbind(1)
    zoom = 1.0 + scale * SCALE
    along, across = torch.cos(turn) / zoom, torch.sin(turn) / zoom
    right, down = right * (2.0 * SHIFT), down * (2.0 * SHIFT)
    side = torch.where(mirror > 0.0, -1.0, 1.0)
    rows = (
        torch.stack((along * side, across, -(along * right + across * down)), dim=1),
        torch.stack((-across * side, along, across * right - along * down), dim=1),
    )
    return torch.stack(rows, dim=1)


def _stain(pixels: Tensor, draws: Tensor) -> Tensor:
    """Return float32 [B, 3, S, S] in 0..255 with another saturation and gain of each colour; draws are [B, 9]."""
    keep = 1.0 + draws[:, 5, None, None, None] * SATURATION
    red, green, blue = pixels.unbind(1)
    grey = (red * GREY[0]).add_(green, alpha=GREY[1]).add_(blue, alpha=GREY[2])
    stained = torch.lerp(grey[:, None], pixels, keep).clamp_(0.0, 255.0)
    return stained.mul_(1.0 + draws[:, 6:9, None, None] * GAIN).clamp_(0.0, 255.0)
