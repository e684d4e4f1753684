"""How much of a cell's picture is the model's field: the scale of a picture whose file says none.

Invariant: a cell has the same size in the model's input whatever the resolution of its picture. Size is the most
telling thing about a leukemic cell (alone it gives an AUROC of 0.81 to 0.89 on C-NMC), so a cell is never zoomed to
fill the input; where the size cannot be known, there is no scale.

Source: the data's README: C-NMC's original pictures have a frame of which the central 320 of 450 pixels are the field
of the prepared arrays. In the field a cell's diameter is 0.42 to 0.80 of the side, in the frame 0.30 to 0.57.
Not here: whether it is a cell at all (gate.py).
"""

from __future__ import annotations

from fl.training.cell import Cell, find_cell
from fl.training.colours import Pixels
from fl.training.images import fit_square

FRAME_PX, FIELD_PX = 450, 320
"""C-NMC's original frame, and the field in its middle."""
LARGEST_IN_FRAME = 0.57
"""A cell that takes more than this of the side is in a picture cut to the field."""
SMALLEST_IN_FIELD = 0.42
"""A cell that takes less is in a picture with the whole frame."""
ARRAY_PX = 128
"""Side of the prepared arrays; a picture of this size may have been cut to the field, or be a smaller whole frame."""


def field_px(pixels: Pixels, cell: Cell) -> int | None:
    """Return the side of the field in pixels of the picture, or None where it cannot be known.

    On light ground nothing was cut out by others, so the whole central square is the field.
    """
    height, width = int(pixels.shape[0]), int(pixels.shape[1])
    whole = min(height, width)
    share = cell.diameter / whole
    framed = round(whole * FIELD_PX / FRAME_PX)
    if not cell.on_black:
        return whole
    if height == width == FRAME_PX or share < SMALLEST_IN_FIELD:
        return framed
    if share > LARGEST_IN_FRAME:
        return whole
    return None if height == width == ARRAY_PX else framed


def cut_field(pixels: Pixels, side: int, size_px: int) -> Pixels:
    """Return the central square of `side` pixels as uint8 [size_px, size_px, 3]."""
    height, width = pixels.shape[:2]
    top, left = (height - side) // 2, (width - side) // 2
    return fit_square(pixels[top : top + side, left : left + side], size_px)


def fit_cell(pixels: Pixels, size_px: int) -> Pixels:
    """Return a picture for training as uint8 [size_px, size_px, 3]: its field, or all of it where none is known.

    Grey pictures (X-rays) and pictures without a cell are fitted whole.
    """
    height, width = pixels.shape[:2]
    coloured = bool((pixels != pixels[..., :1]).any())
    cell = find_cell(pixels) if coloured and max(height, width) <= 1.5 * min(height, width) else None
    side = field_px(pixels, cell) if cell else None
    return fit_square(pixels, size_px) if side is None else cut_field(pixels, side, size_px)
