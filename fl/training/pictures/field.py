"""How much of a cell's picture is the model's field: the scale of a picture whose file says none.

Invariant: a cell has the same size in the model's input whatever the resolution of its picture. Size is the most
telling thing about a leukemic cell (alone it gives an AUROC of 0.81 to 0.89 on C-NMC), so a cell is never zoomed to
fill the input; where the size cannot be known, there is no scale.

Source: the data's README: C-NMC's original pictures have a frame of which the central 320 of 450 pixels are the field
of the prepared arrays. In the field a cell's diameter is 0.42 to 0.80 of the side, in the frame 0.30 to 0.57.
Not here: whether it is a cell at all (gate.py); what many pictures say together (frames.py).
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
"""A cell that takes more than this of the side is in a picture cut to the field."""
SMALLEST_IN_FIELD = 0.42
"""A cell that takes less is in a picture with the whole frame."""
ARRAY_PX = 128
"""Side of the prepared arrays; a picture of this size may have been cut to the field, or be a smaller whole frame."""


class Frame(StrEnum):
    """What a picture of one cell on black shows of the original."""

    WHOLE = "whole"
    """All of its frame, at any resolution; the field is in the middle."""
    FIELD = "field"
    """The field alone: others cut the picture."""


def field_px(pixels: Pixels, cell: Cell, frame: Frame | None = None) -> int | None:
    """Return the side of the field in pixels of the picture, or None where it cannot be known.

    On light ground nothing was cut out by others, so the whole central square is the field.

    Args:
        pixels: uint8 [H, W, 3].
        cell: The cell in it.
        frame: What the picture shows, where that is known from elsewhere; None: the size of the cell says it.
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
    """Return the side of the field in a picture whose shorter side has `whole` pixels."""
    return round(whole * FIELD_PX / FRAME_PX) if frame is Frame.WHOLE else whole


def cut_field(pixels: Pixels, side: int, size_px: int) -> Pixels:
    """Return the central square of `side` pixels as uint8 [size_px, size_px, 3]."""
    height, width = pixels.shape[:2]
    top, left = (height - side) // 2, (width - side) // 2
    return fit_square(pixels[top : top + side, left : left + side], size_px)


def cell_on_black(pixels: Pixels) -> Cell | None:
    """Return the cell of a picture whose scale is a question: in colour, about square, cut out on black; else None."""
    height, width = pixels.shape[:2]
    if max(height, width) > 1.5 * min(height, width) or not is_on_black(pixels):
        return None
    return find_cell(pixels) if np.any(pixels != pixels[..., :1]) else None
