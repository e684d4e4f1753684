"""Decides from all cells of a source whether its pictures show whole frames or only the field.

Invariant: pictures of one size from one source have the same frame, so that a cell's size never decides its scale. If
the cells do not decide, the user is told how many are unclear.

Source: field.py (what one cell says). Measured on the 2,939 cells of C-NMC: in pictures cut to the field, 46 % of the
healthy and 96 % of the leukemic cells are too large for a frame; 0.4 % and none are too small for the field. In whole
frames, none and 0.05 % are too large; 65 % and 7 % are too small.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fl.training.data.listing import some
from fl.training.pictures.colours import Pixels
from fl.training.pictures.field import (
    LARGEST_IN_FRAME,
    SMALLEST_IN_FIELD,
    Frame,
    cell_on_black,
    cut_field,
    field_px,
    side_px,
)
from fl.training.pictures.images import fit_square

FEWEST, FEWEST_SHARE = 3, 0.02
"""At least this many cells, and this share of all, must agree, because single measurements may be wrong."""
Size = tuple[int, int]
"""Height and width of a picture in pixels."""


class Sight(NamedTuple):
    """What one picture of a cell on black shows about its scale."""

    size: Size
    share: float
    """The cell's diameter divided by the shorter side."""
    alone: int | None
    """Side of the field in pixels, if this picture alone decides it."""

    @property
    def unclear(self) -> bool:
        """Return whether the cell fits both a whole frame and a picture cut to the field."""
        return SMALLEST_IN_FIELD <= self.share <= LARGEST_IN_FRAME

    def side(self, frame: Frame | None) -> int | None:
        """Return the side of the field in pixels; None if neither `frame` nor the cell decides it."""
        return self.alone if frame is None else side_px(min(self.size), frame)


@dataclass(frozen=True)
class Verdict:
    """What the pictures of one size show.

    Attributes:
        size: Their height and width.
        frame: What they show; None if the cells do not decide, so that each picture is judged alone.
        said: Whether the user stated it.
        cells, large, small, unclear: The number of cells; of cells too large for a whole frame; of cells too small for
            the field; and of cells that fit both.
    """

    size: Size
    frame: Frame | None
    said: bool
    cells: int
    large: int
    small: int
    unclear: int


def look(pixels: Pixels) -> Sight | None:
    """Return what a picture shows about its scale; None if it is not a cell on black."""
    cell = cell_on_black(pixels)
    if cell is None:
        return None
    height, width = int(pixels.shape[0]), int(pixels.shape[1])
    return Sight((height, width), cell.diameter / min(height, width), field_px(pixels, cell))


def fit_cell(pixels: Pixels, size_px: int, sight: Sight | None, frame: Frame | None = None) -> Pixels:
    """Return a picture for training as uint8 [size_px, size_px, 3]: its field, or all of it if no field is known.

    Args:
        pixels: uint8 [H, W, 3].
        size_px: Side of the result.
        sight: What `look` found in it.
        frame: What the pictures of its source show; None = this picture alone decides.
    """
    side = sight.side(frame) if sight else None
    return fit_square(pixels, size_px) if side is None else cut_field(pixels, side, size_px)


def judge(sights: Sequence[Sight], said: Frame | None = None) -> tuple[Verdict, ...]:
    """Return what the pictures of each size show; `said` is the user's statement about all of them."""
    by_size: defaultdict[Size, list[Sight]] = defaultdict(list)
    for sight in sights:
        by_size[sight.size].append(sight)
    return tuple(_judge(size, by_size[size], said) for size in sorted(by_size))


def _judge(size: Size, sights: Sequence[Sight], said: Frame | None) -> Verdict:
    cells, unclear = len(sights), sum(sight.unclear for sight in sights)
    large = sum(sight.share > LARGEST_IN_FRAME for sight in sights)
    small = sum(sight.share < SMALLEST_IN_FIELD for sight in sights)
    enough = max(FEWEST, FEWEST_SHARE * cells)
    frame = None
    if (large >= enough) != (small >= enough):
        frame = Frame.FIELD if large >= enough else Frame.WHOLE
    return Verdict(size, said or frame, said is not None, cells, large, small, unclear)


def sentences(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield notes for the user about the assumed frames and the reasons; one sentence per kind."""
    for frame, said in ((Frame.FIELD, True), (Frame.WHOLE, True), (Frame.FIELD, False), (Frame.WHOLE, False)):
        alike = [each for each in verdicts if (each.frame, each.said) == (frame, said)]
        if alike:
            yield _sentence(frame, said, alike)
    for mixed in (True, False):
        unsure = [each for each in verdicts if each.frame is None and bool(each.large and each.small) is mixed]
        unclear = sum(each.unclear for each in unsure)
        if unclear:
            yield (
                f"the cells in {_sizes(unsure)} do not say whether the pictures are whole frames or cut to the field"
                f"{' (some are too large for the one, others too small for the other)' if mixed else ''}: "
                f"{unclear} of {sum(each.cells for each in unsure)} may be either. Add --picture-frame"
            )


def _sentence(frame: Frame, said: bool, alike: Sequence[Verdict]) -> str:
    cells = sum(each.cells for each in alike)
    if frame is Frame.FIELD:
        taken, count = "cut to the field, and used whole", sum(each.large for each in alike)
        why = f"{count} of {cells} cells are too large for a whole frame"
    else:
        taken, count = "whole frames, and their middle is used", sum(each.small for each in alike)
        why = f"{count} of {cells} cells are too small for a picture cut to the field"
    return f"{_sizes(alike)} are taken as {taken} ({'as you said' if said else why})"


def _sizes(verdicts: Sequence[Verdict]) -> str:
    return f"pictures of {some(f'{width} x {height}' for height, width in (each.size for each in verdicts))} pixels"
