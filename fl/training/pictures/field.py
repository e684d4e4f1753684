"""Finds which part of a cell's picture is the model's field, and so the scale of the picture.

Invariant: a cell has the same size in the model's input at every resolution of its picture. Size is the most
informative feature of a leukemic cell (alone it gives an AUROC of 0.81 to 0.89 on C-NMC), so a cell is never zoomed to
fill the input. If the size is unknown, there is no scale.

Source: the data's README: in C-NMC's original pictures of 450 pixels, the central 320 are the field of the prepared
arrays. A cell's diameter is 0.42 to 0.80 of the field's side, and 0.30 to 0.57 of the frame's.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from fl.training.pictures.cell import Cell, find_cell, is_on_black
from fl.training.pictures.colours import Pixels
from fl.training.pictures.images import fit_square

FRAME_PX, FIELD_PX = 450, 320
"""C-NMC's original frame, and the field in its middle."""
LARGEST_IN_FRAME = 0.57
"""A cell with a larger share of the side is in a picture cut to the field."""
SMALLEST_IN_FIELD = 0.42
"""A cell with a smaller share is in a picture of the whole frame."""
ARRAY_PX = 128
"""Side of the prepared arrays; a picture of this size may be cut to the field, or be a scaled whole frame."""


class Frame(StrEnum):
    """Which part of the original a picture of one cell on black shows."""

    WHOLE = "whole"
    """The whole frame, at any resolution; the field is in the middle."""
    FIELD = "field"
    """Only the field: somebody cut the picture."""


def field_px(pixels: Pixels, cell: Cell, frame: Frame | None = None) -> int | None:
    """Return the side of the field in pixels of the picture, or None if it is unknown.

    On a light background nobody cut out the cell, so the whole central square is the field.

    Args:
        pixels: uint8 [H, W, 3].
        cell: The cell in it.
        frame: What the picture shows, if known; None = the size of the cell decides.
    """
    height, width = int(pixels.shape[0]), int(pixels.shape[1])
    whole = min(height, width)
    if not cell.on_black:
        return whole
    if frame is not None:
        return side_px(whole, frame)
    share = cell.diameter / whole
    if height == width == FRAME_PX or share < SMALLEST_IN_FIELD:
        return side_px(whole, Frame.WHOLE)
    if share > LARGEST_IN_FRAME:
        return whole
    return None if height == width == ARRAY_PX else side_px(whole, Frame.WHOLE)


def side_px(whole: int, frame: Frame) -> int:
    """Return the side of the field in a picture with a shorter side of `whole` pixels."""
    return round(whole * FIELD_PX / FRAME_PX) if frame is Frame.WHOLE else whole


def cut_field(pixels: Pixels, side: int, size_px: int) -> Pixels:
    """Return the central square of `side` pixels as uint8 [size_px, size_px, 3]."""
    height, width = pixels.shape[:2]
    top, left = (height - side) // 2, (width - side) // 2
    return fit_square(pixels[top : top + side, left : left + side], size_px)


def cell_on_black(pixels: Pixels) -> Cell | None:
    """Return the cell if the picture is in colour, about square, and on black (its scale is unclear); else None."""
    height, width = pixels.shape[:2]
    if max(height, width) > 1.5 * min(height, width) or not is_on_black(pixels):
        return None
    return find_cell(pixels) if np.any(pixels != pixels[..., :1]) else None
