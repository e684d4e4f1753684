"""Checks that a picture shows what the model was made for; otherwise there is no answer.

Invariant: these checks never judge a cell. A picture that fails gets a reason and no probability. The checks are cheap
(a few small copies) and depend only on the picture.

Source: PBC and C-NMC (every limit was set so that their real cells pass; figures in DECISIONS.md).
Not here: pictures from another laboratory than the training's; no cheap check finds them.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from fl.protocol.errors import NoAnswer
from fl.training.pictures.cell import Cell, find_cell
from fl.training.pictures.colours import Pixels
from fl.training.pictures.field import FIELD_PX, FRAME_PX, Frame, cut_field, field_px
from fl.training.pictures.images import fit_square

COPY_PX = 192
DARK = 24
"""The brightest hundredth of a picture must exceed this brightness (largest colour, of 255)."""
FLAT = 12
"""Smallest difference in brightness between a picture's darkest and brightest hundredth."""
ROUGH = 0.5
"""Largest share of the contrast that lies between neighbouring pixels; noise has 1, a picture less than 0.1."""
COLOUR = 14
"""Smallest difference between the largest and the smallest colour of a pixel, in a stained cell."""
STAIN = 4
"""The mean of red and blue exceeds green by at least this, because the dyes of blood smears absorb green;"""
TINT = 0.08
"""red and blue are each below green by at most this share of the brightness (the red of a sky is lower);"""
BLUE = 0.4
"""and blue is at least this share of red (paint, skin and fruit have less)."""
STAINED_SHARE = 0.6
LIGHT_GROUND = 130
"""Smallest brightness of a smear's background; a darker background is black or not a smear."""
SMALL_PX = 10
"""A cell with a smaller diameter has too few pixels."""
SMALL_SHARE, LARGE_SHARE = 0.26 * FRAME_PX / FIELD_PX, 0.98
"""Range of the diameter of a cut-out cell, as a share of its field's side."""
NUCLEUS_SHARE = 0.06, 0.85
"""The same for a nucleus on a light background."""
FULLNESS = 0.3
CENTRE = 0.3
"""How far the cell may be from the middle, as a share of the picture's side."""
_NO_SCALE = (
    "it may be a whole picture from the laboratory, or a part of one, so the size of the cell is unknown. Choose the "
    "picture as the laboratory made it, with all the black around the cell. If you have no other picture, ask the "
    "hospital: it can set once which of the two its pictures are"
)
_NO_COLOURS = (
    "it has no colours, but the model needs the colours of the stain; use the original picture of the microscope's "
    "camera"
)
_DARK_GROUND = "its background is neither black nor as light as a blood smear"
_OTHER_FRAME = (
    "This hospital says that its pictures are {frame}. If yours is not, choose the picture from the hospital's "
    "laboratory"
)
_FRAMES = {
    Frame.WHOLE: "whole, with all the black around the cell",
    Frame.FIELD: "cut close around the cell",
}
_NOT_A_CELL = "This is not a picture of a stained blood cell"
_UNSUITED = "This picture of a cell gets no answer"
_NOT_A_PICTURE = "This picture shows nothing"


class NoAnswerReason(StrEnum):
    """Why a picture gets no answer."""

    BLACK = "black"
    EMPTY = "empty"
    NOISE = "noise"
    GREY = "grey"
    COLOURS = "colours"
    NO_CELL = "no cell"
    SEVERAL = "several cells"
    TOO_SMALL = "too small"
    SCALE = "scale"


def prepare(pixels: Pixels, size_px: int, *, stained: bool = True, frame: Frame | None = None) -> Pixels:
    """Check a picture, and return it in the size of the model's input, uint8 [size_px, size_px, 3].

    Args:
        pixels: uint8 [H, W, 3] as decoded, before fitting.
        size_px: Side of the model's input.
        stained: Whether the task is about stained single cells; other pictures (X-rays) must only show something.
        frame: What the hospital says about its pictures of cells; None = each cell's size decides.

    Raises:
        NoAnswer: it shows nothing, or not one stained cell, or a cell without colour or scale.
    """
    verdict = _NOT_A_CELL if stained else _NOT_A_PICTURE
    _check_content(pixels, verdict)
    if stained:
        _check_colour(pixels)
        cell = find_cell(pixels)
        if cell is None:
            raise NoAnswer(NoAnswerReason.NO_CELL, verdict, "nothing in it differs from the background")
        _check_stain(cell)
        side = field_px(pixels, cell, frame)
        _check_place(pixels, cell, side or min(pixels.shape[:2]), frame)
        if side is None:
            raise NoAnswer(NoAnswerReason.SCALE, _UNSUITED, _NO_SCALE)
        return cut_field(pixels, side, size_px)
    return fit_square(pixels, size_px)


def _check_content(pixels: Pixels, verdict: str) -> None:
    light = _small(pixels).max(axis=2)
    low, high = np.percentile(light, (1, 99.5))
    if high < DARK:
        raise NoAnswer(NoAnswerReason.BLACK, verdict, "it is black, or far too dark")
    if high - low < FLAT:
        raise NoAnswer(NoAnswerReason.EMPTY, verdict, "it has the same colour all over")
    if min(_roughness(_centre(pixels)), _roughness(_small(pixels))) > ROUGH:
        raise NoAnswer(NoAnswerReason.NOISE, verdict, "it is noise")


def _check_colour(pixels: Pixels) -> None:
    copy = _small(pixels).astype(np.int16)
    if np.percentile(copy.max(axis=2) - copy.min(axis=2), 99) < COLOUR:
        raise NoAnswer(NoAnswerReason.GREY, _NOT_A_CELL, _NO_COLOURS)


def _check_stain(cell: Cell) -> None:
    red, green, blue = cell.colours.astype(np.int16).T
    purple = (red + blue) // 2 - green >= STAIN
    pure = (np.minimum(red, blue) - green >= -TINT * cell.colours.max(axis=1)) & (blue >= BLUE * red)
    stained = purple & pure
    if float(stained.mean()) < STAINED_SHARE:
        raise NoAnswer(NoAnswerReason.COLOURS, _NOT_A_CELL, "it does not have the colours of a blood stain")
    if not cell.on_black and max(cell.ground) < LIGHT_GROUND:
        raise NoAnswer(NoAnswerReason.COLOURS, _NOT_A_CELL, _DARK_GROUND)


def _check_place(pixels: Pixels, cell: Cell, field: int, frame: Frame | None) -> None:
    height, width = pixels.shape[:2]
    side = min(height, width)
    share = cell.diameter / (field if cell.on_black else side)
    low, high = (SMALL_SHARE, LARGE_SHARE) if cell.on_black else NUCLEUS_SHARE
    if cell.fullness < FULLNESS or cell.diameter > LARGE_SHARE * side or (share > high and not cell.on_black):
        raise NoAnswer(NoAnswerReason.NO_CELL, _NOT_A_CELL, "it shows no round cell on a plain background")
    if cell.rivals:
        raise NoAnswer(NoAnswerReason.SEVERAL, _NOT_A_CELL, "it shows several cells; cut out one of them")
    if not low <= share <= high:
        size = "fills too much" if share > high else "is too small a part"
        hint = _OTHER_FRAME.format(frame=_FRAMES[frame]) if frame else "Choose the picture as the laboratory made it"
        text = f"the cell {size} of it ({cell.diameter / side:.0%} of its width), so the size of the cell is unknown"
        raise NoAnswer(NoAnswerReason.SCALE, _UNSUITED, f"{text}. {hint}")
    if cell.diameter < SMALL_PX:
        raise NoAnswer(NoAnswerReason.TOO_SMALL, _UNSUITED, f"the cell is only {cell.diameter:.0f} pixels wide")
    if max(abs(cell.y - height / 2), abs(cell.x - width / 2)) > CENTRE * side:
        raise NoAnswer(NoAnswerReason.SCALE, _UNSUITED, "the cell is not in the middle of the picture")


def _small(pixels: Pixels) -> Pixels:
    image = Image.fromarray(pixels)
    image.thumbnail((COPY_PX, COPY_PX), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.uint8)


def _centre(pixels: Pixels) -> Pixels:
    """Return up to 192 x 192 pixels of the middle, not resized, because resizing would smooth noise."""
    height, width = pixels.shape[:2]
    top, left = max(0, (height - COPY_PX) // 2), max(0, (width - COPY_PX) // 2)
    return pixels[top : top + COPY_PX, left : left + COPY_PX]


def _roughness(pixels: Pixels) -> float:
    """Return, for green, the variance around a smoothed copy divided by the whole variance."""
    plane: npt.NDArray[np.float32] = pixels[..., 1].astype(np.float32)
    whole = float(plane.var())
    return float((plane - ndimage.gaussian_filter(plane, 1.0)).var()) / whole if whole > 0 else 0.0
