"""Pixels to what a model takes.

Invariant: the same picture gives the same input at every resolution (to rounding).

Source: Pillow (Lanczos filter).
Not here: files (decode.py); how much of a cell's picture is the model's field (field.py); datasets of many images
(folders.py, arrays.py); chance (augment.py).
"""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fl.training.colours import Pixels
from fl.training.decode import MAX_BYTES, MAX_PIXELS, SUFFIXES, decode_image

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "SUFFIXES",
    "Pixels",
    "decode_image",
    "encode_png",
    "fit_square",
    "normalise",
    "shrunk",
    "to_model_input",
    "to_tensor",
]

MEAN = 0.2
STD = 0.2
"""Chosen for dark cells on black; the same for all channels and data sets, so that hospitals need not agree on
statistics of their patients."""


def fit_square(pixels: Pixels, size_px: int) -> Pixels:
    """Return uint8 [H, W, 3] as uint8 [size_px, size_px, 3].

    The picture is cut to its central square (when its sides are close to each other) or padded with black to a square,
    and resized with a Lanczos filter.
    """
    height, width = pixels.shape[:2]
    if height == width == size_px:
        return pixels
    side = min(height, width) if max(height, width) <= 1.5 * min(height, width) else max(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    image = Image.fromarray(pixels)
    if side > min(height, width):
        image = _shrunk(image, size_px)  # first, so that a long picture is not padded at its full length
        (width, height), side = image.size, max(image.size)
        left, top = (width - side) // 2, (height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    if side != size_px:
        image = image.resize((size_px, size_px), Image.Resampling.LANCZOS)
    return np.asarray(image, dtype=np.uint8)


def shrunk(pixels: Pixels, side_px: int) -> Pixels:
    """Return uint8 [H, W, 3] with neither side above `side_px`."""
    if max(pixels.shape[:2]) <= side_px:
        return pixels
    return np.asarray(_shrunk(Image.fromarray(pixels), side_px), dtype=np.uint8)


def _shrunk(image: Image.Image, side_px: int) -> Image.Image:
    image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return image


def to_model_input(pixels: Pixels, size_px: int) -> Tensor:
    """Return one picture uint8 [H, W, 3] as a batch of one: float32 [1, 3, size_px, size_px], normalised."""
    return normalise(to_tensor(fit_square(pixels, size_px)[np.newaxis]))


def to_tensor(images: Pixels) -> Tensor:
    """Return uint8 [n, S, S, 3] as uint8 [n, 3, S, S], contiguous."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def normalise(batch: Tensor) -> Tensor:
    """Return pixels [n, 3, S, S] in 0..255 as float32 [n, 3, S, S] in -1..4; the only normalisation there is."""
    return batch.to(torch.float32).div(255.0).sub(MEAN).div(STD)


def encode_png(pixels: Pixels) -> bytes:
    """Return uint8 [H, W, 3] as a PNG file without metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
