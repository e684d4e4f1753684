"""Resizes pictures, and writes PNG files.

Invariant: the same picture gives the same pixels at every resolution (to rounding). This module does not import torch
(200 MB of memory).

Source: Pillow (Lanczos filter).
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from fl.training.pictures.colours import Pixels
from fl.training.pictures.decode import MAX_BYTES, MAX_PIXELS, decode_image
from fl.training.pictures.kinds import SUFFIXES

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "SUFFIXES",
    "Pixels",
    "decode_image",
    "encode_png",
    "fit_square",
    "shrunk",
]


def fit_square(pixels: Pixels, size_px: int) -> Pixels:
    """Return uint8 [H, W, 3] as uint8 [size_px, size_px, 3].

    If the sides are similar, the picture is cut to its central square; otherwise it is padded with black. Then it is
    resized with a Lanczos filter.
    """
    height, width = pixels.shape[:2]
    if height == width == size_px:
        return pixels
    side = min(height, width) if max(height, width) <= 1.5 * min(height, width) else max(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    image = Image.fromarray(pixels)
    if side > min(height, width):
        image = _shrunk(image, size_px)  # shrink first, so that a long picture is not padded at its full length
        (width, height), side = image.size, max(image.size)
        left, top = (width - side) // 2, (height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    if side != size_px:
        image = image.resize((size_px, size_px), Image.Resampling.LANCZOS)
    return np.asarray(image, dtype=np.uint8)


def shrunk(pixels: Pixels, side_px: int) -> Pixels:
    """Return uint8 [H, W, 3] with no side longer than `side_px`."""
    if max(pixels.shape[:2]) <= side_px:
        return pixels
    return np.asarray(_shrunk(Image.fromarray(pixels), side_px), dtype=np.uint8)


def _shrunk(image: Image.Image, side_px: int) -> Image.Image:
    image.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return image


def encode_png(pixels: Pixels) -> bytes:
    """Return uint8 [H, W, 3] as a PNG file without metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
