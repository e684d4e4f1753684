"""Converts decoded samples to RGB pixels: colour profile, transparency, orientation, largest side.

Invariant: the result is uint8 [H, W, 3] in sRGB without metadata, and no side is longer than `MAX_SIDE_PX`.

Source: Pillow (ImageCms over LittleCMS, EXIF orientation).
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

Pixels = npt.NDArray[np.uint8]
"""uint8 [H, W, 3] in RGB order, or [n, S, S, 3] for many."""

MAX_SIDE_PX = 2048
"""Larger pictures are scaled down to this: a model takes only 128 px, and many pictures share the memory."""
MAX_PROFILE = 4 * 2**20


def composed(pixels: Pixels, profile: bytes | None) -> Pixels:
    """Return uint8 [H, W, 1 to 4] (grey or colour, with or without alpha) as RGB."""
    colours, alpha = np.split(pixels, [pixels.shape[2] - 1], axis=2) if pixels.shape[2] in {2, 4} else (pixels, None)
    mask = None if alpha is None else Image.fromarray(np.ascontiguousarray(alpha[..., 0]))
    image = Image.fromarray(np.ascontiguousarray(colours[..., 0] if colours.shape[2] == 1 else colours))
    return finished(image, mask, profile)


def finished(image: Image.Image, alpha: Image.Image | None, profile: bytes | None) -> Pixels:
    """Return an image as RGB on black; alpha that is 0 everywhere is ignored as a mistake."""
    image = _to_srgb(_scaled(image), profile).convert("RGB")
    if alpha is not None and alpha.getextrema() not in {(0, 0), (255, 255)}:
        image = Image.composite(image, Image.new("RGB", image.size), _scaled(alpha))
    return np.asarray(image, dtype=np.uint8)


def _scaled(image: Image.Image) -> Image.Image:
    image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
    return image


def turned(pixels: Pixels, orientation: int) -> Pixels:
    """Return pixels rotated and mirrored as EXIF's Orientation (1 to 8) says."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(pixels)
    image.info["exif"] = exif.tobytes()
    return np.asarray(ImageOps.exif_transpose(image), dtype=np.uint8)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the image in sRGB; an unusable profile is ignored."""
    if not profile or len(profile) > MAX_PROFILE or image.mode not in {"L", "RGB", "CMYK", "LAB"}:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        changed = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return changed or image
