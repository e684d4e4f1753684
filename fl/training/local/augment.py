"""Random changes of training images: rotation, mirroring, and small changes of scale, place and stain.

Invariant: the result depends only on the images, the strength and the generator. Labels stay true: a cell's size is
informative, so it changes only a little.

Source: torchvision.transforms.v2.functional (by torchvision_shim.py).
"""

from __future__ import annotations

import torch
from torch import Tensor

from fl.training.model import torchvision_shim as vision

MAX_DEGREES = 180.0
SCALE = 0.08
SHIFT = 0.04
GAIN = 0.12
SATURATION = 0.2


def augment(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Return changed copies of uint8 [B, 3, S, S] as float32 [B, 3, S, S] in 0..255.

    Args:
        images: A batch on the CPU.
        strength: 0 changes nothing; 1 draws scale +-8 %, shift +-4 % of the side, gain of each colour +-12 % and
            saturation +-20 %. Any strength above 0 also rotates by any angle and mirrors.
        generator: The source of randomness; it advances by the same amount for every batch of one size.
    """
    pixels = images.to(torch.float32)
    if strength <= 0.0:
        return pixels
    count, size_px = len(images), images.shape[-1]
    draws = torch.rand(count, 9, generator=generator) * 2.0 - 1.0
    reach = (draws[:, 1:] * strength).tolist()
    turns = (draws[:, 0] * MAX_DEGREES).tolist()
    changed = []
    for image, turn, (scale, right, down, mirror, saturation, *_) in zip(pixels, turns, reach, strict=True):
        moved = vision.affine(
            image,
            angle=turn,
            translate=[right * SHIFT * size_px, down * SHIFT * size_px],
            scale=1.0 + scale * SCALE,
            shear=[0.0, 0.0],
            interpolation=vision.InterpolationMode.BILINEAR,
        )
        moved = vision.horizontal_flip(moved) if mirror > 0.0 else moved
        changed.append(vision.adjust_saturation(moved / 255.0, 1.0 + saturation * SATURATION))
    gains = 1.0 + draws[:, 6:9] * strength * GAIN
    return (torch.stack(changed) * gains[:, :, None, None]).clamp(0.0, 1.0) * 255.0
