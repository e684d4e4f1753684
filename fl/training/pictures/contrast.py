"""Contrast-limited adaptive histogram equalisation (CLAHE) of a picture's brightness, in whole numbers only.

Invariant: every step is exact, so the same pixels give the same bits on every machine. Only pixels of the cell are
counted; without a cell, all pixels are.

Source: K. Zuiderveld, "Contrast Limited Adaptive Histogram Equalization", Graphics Gems IV, 1994; ITU-R BT.601 (luma).
OpenCV has the same algorithm in float32, whose last bit depends on the processor (DECISIONS.md).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fl.training.pictures.colours import Pixels

Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

TILES = 4
"""Tiles per side: about a quarter of a cell's field each."""
CLIP = 2
"""No level of a tile counts more than this many times its fair share."""
_LEVELS = 256


def luma(pixels: Pixels) -> Integers:
    """Return int64 [H, W] in 0 to 255, the brightness of uint8 [H, W, 3], rounded."""
    red, green, blue = (pixels[..., channel].astype(np.int64) for channel in range(3))
    return (299 * red + 587 * green + 114 * blue + 500) // 1000


def equalise(pixels: Pixels, cell: Mask) -> Pixels:
    """Return uint8 [H, W, 3] with the brightness of the cell's pixels equalised; the others stay as they are.

    All three channels move by the same amount, so the colour's hue stays.

    Args:
        pixels: uint8 [H, W, 3], no side shorter than `TILES`.
        cell: bool [H, W].
    """
    bright = luma(pixels)
    moved = pixels + (_blended(bright, _curves(bright, cell)) - bright)[..., np.newaxis]
    return np.where(cell[..., np.newaxis], moved.clip(0, 255), pixels).astype(np.uint8)


def _edges(length: int) -> Integers:
    """Return int64 [TILES + 1], where the tiles begin and end."""
    return np.arange(TILES + 1) * length // TILES


def _curves(bright: Integers, cell: Mask) -> Integers:
    """Return int64 [TILES, TILES, 256], the new level of each level in each tile."""
    curves = np.empty((TILES, TILES, _LEVELS), np.int64)
    rows, columns = _edges(bright.shape[0]), _edges(bright.shape[1])
    for down in range(TILES):
        for right in range(TILES):
            tile = slice(rows[down], rows[down + 1]), slice(columns[right], columns[right + 1])
            curves[down, right] = _curve(bright[tile][cell[tile]])
    return curves


def _curve(levels: Integers) -> Integers:
    """Return int64 [256]: the clipped, cumulated histogram of `levels`; of no levels, the levels themselves."""
    total = len(levels)
    if not total:
        return np.arange(_LEVELS)
    counts = np.bincount(levels, minlength=_LEVELS)
    limit = max(1, CLIP * total // _LEVELS)
    kept = np.minimum(counts, limit)
    share, rest = divmod(total - int(kept.sum()), _LEVELS)
    kept += share
    kept[np.arange(rest) * _LEVELS // max(rest, 1)] += 1
    return np.asarray((kept.cumsum() * (_LEVELS - 1) + total // 2) // total)


def _blended(bright: Integers, curves: Integers) -> Integers:
    """Return int64 [H, W]: each pixel's level on the curves of the four nearest tiles, weighted by nearness."""
    up, down, low, high = _neighbours(bright.shape[0])
    left, right, near, far = _neighbours(bright.shape[1])
    rows, columns = (low, high), (near, far)
    total = np.zeros_like(bright)
    for row, down_weight in zip((up, down), rows, strict=True):
        for column, right_weight in zip((left, right), columns, strict=True):
            weight = down_weight[:, np.newaxis] * right_weight[np.newaxis, :]
            total += weight * curves[row[:, np.newaxis], column[np.newaxis, :], bright]
    whole = int(low[0] + high[0]) * int(near[0] + far[0])
    return (total + whole // 2) // whole


def _neighbours(length: int) -> tuple[Integers, Integers, Integers, Integers]:
    """Return for each pixel of a side the tiles before and after it, int64 [length], and their whole weights."""
    place = (2 * np.arange(length) + 1) * TILES - length  # centres of tiles are at 0, 2 * length, 4 * length, ...
    first = place // (2 * length)
    after = place - first * 2 * length
    last = TILES - 1
    return first.clip(0, last), (first + 1).clip(0, last), 2 * length - after, after
