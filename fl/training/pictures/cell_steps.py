"""The steps of a preparation that need scipy: find the cell, crop to it, denoise.

Invariant: every step is made of whole numbers, or of binary64 operations in a fixed order, so the same pixels give the
same bits on every machine. No step fails: a picture in which no cell is found is used whole.

Source: N. Otsu, "A threshold selection method from gray-level histograms", 1979; scipy.ndimage (components, median);
Pillow (resizing).
Not here: whether a picture shows a cell at all (gate.py).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image
from scipy import ndimage

from fl.training.pictures.cell import DARK_BACKGROUND, otsu
from fl.training.pictures.colour_steps import FEWEST_PX, GROUND, Mask, Prepared
from fl.training.pictures.colours import Pixels

MARGIN = 8
"""The crop is the cell's box and one part of this many of its longer side all around it."""
OPENING_PX = 64
"""Bridges to neighbouring cells of one part of this many of the picture's side are cut."""
MEDIAN_PX = 3


def find_cell(picture: Prepared) -> Prepared:
    """Mark the largest stained part of the picture; make everything else black."""
    pixels = picture.pixels
    cell = _largest(_brighter(pixels) if _is_on_black(pixels) else _saturated(pixels))
    if np.count_nonzero(cell) < FEWEST_PX:
        return picture
    return Prepared(np.where(cell[..., np.newaxis], pixels, 0).astype(np.uint8), cell)


def crop(picture: Prepared) -> Prepared:
    """Enlarge the square around the cell to the whole picture; the size of the cell is lost."""
    if picture.cell is None:
        return picture
    side = len(picture.pixels)
    box = _square(picture.cell)
    grown = Image.fromarray(picture.pixels).crop(box).resize((side, side), Image.Resampling.BILINEAR)
    mask = Image.fromarray(picture.cell).crop(box).resize((side, side), Image.Resampling.NEAREST)
    return Prepared(np.asarray(grown, dtype=np.uint8), np.asarray(mask, dtype=np.bool_))


def denoise(picture: Prepared) -> Prepared:
    """Replace each value by the median of the 3 x 3 values around it."""
    smooth = np.stack([ndimage.median_filter(picture.pixels[..., each], size=MEDIAN_PX) for each in range(3)], axis=2)
    return replace(picture, pixels=smooth)


def _is_on_black(pixels: Pixels) -> bool:
    """Return whether the lower median of the border is black in all colours."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return bool(np.sort(border, axis=0)[(len(border) - 1) // 2].max() < DARK_BACKGROUND)


def _brighter(pixels: Pixels) -> Mask:
    """Return the pixels that are brighter than black ground."""
    return np.asarray(pixels.max(axis=2) > GROUND)


def _saturated(pixels: Pixels) -> Mask:
    """Return the pixels whose saturation, of 255, is above Otsu's threshold."""
    most = pixels.max(axis=2).astype(np.int64)
    span = most - pixels.min(axis=2)
    saturation = ndimage.median_filter((span * 255 // np.maximum(most, 1)).astype(np.uint8), size=MEDIAN_PX)
    return np.asarray(saturation > otsu(saturation))


def _largest(mask: Mask) -> Mask:
    """Return the largest connected part without its holes; thin bridges to other parts do not count."""
    radius = len(mask) // OPENING_PX
    opened = ndimage.binary_opening(mask, iterations=radius) if radius else mask
    parts, count = ndimage.label(opened)
    if not count:
        return np.zeros(mask.shape, np.bool_)
    areas = np.bincount(parts.ravel())
    areas[0] = 0
    return np.asarray(ndimage.binary_fill_holes(parts == areas.argmax()))


def _square(cell: Mask) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of the square around a cell with its margin; it may leave the picture."""
    rows, columns = np.flatnonzero(cell.any(axis=1)), np.flatnonzero(cell.any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    longer = max(bottom - top, right - left)
    side = longer + 2 * (longer // MARGIN)
    up, before = (top + bottom - side) // 2, (left + right - side) // 2
    return before, up, before + side, up + side
