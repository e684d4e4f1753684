"""The steps of a preparation that change colours: equalise the brightness, standardise the colours.

Invariant: as in cell_steps.py. This module does not import scipy (28 MB), because the process that answers for the site
needs only these steps by default.

Source: contrast.py; E. Reinhard et al., "Color Transfer between Images", 2001 (means and deviations of colours).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fl.training.pictures.colours import Pixels
from fl.training.pictures.contrast import equalise

Mask = npt.NDArray[np.bool_]

MEAN, DEVIATION = 127.5, 38.25
"""0.5 and 0.15 of the largest value."""
GROUND = 10
"""A pixel whose largest colour is at most this is black ground."""
FEWEST_PX = 20
"""A cell of fewer pixels has no colours that could be measured; its picture stays as it is."""
FLATTEST = 1.0
"""A smaller standard deviation is noise of one colour; it is not spread any further."""
_SHADES = np.arange(256)


@dataclass(frozen=True)
class Prepared:
    """A picture on its way through the steps.

    Attributes:
        pixels: uint8 [S, S, 3].
        cell: bool [S, S], where the cell is; None before it was looked for, or if there is none.
    """

    pixels: Pixels
    cell: Mask | None = None

    @property
    def measured(self) -> Mask:
        """Return the pixels whose colours count: the cell, or everything brighter than black ground."""
        if self.cell is not None:
            return self.cell
        red, green, blue = (self.pixels[:, :, channel] for channel in range(3))
        return (red > GROUND) | (green > GROUND) | (blue > GROUND)


def clahe(picture: Prepared) -> Prepared:
    """Equalise the brightness of the cell, tile by tile."""
    return replace(picture, pixels=equalise(picture.pixels, picture.measured))


def cell_colours(picture: Prepared) -> Prepared:
    return replace(picture, pixels=standardise(picture.pixels, picture.measured))


def standardise(image: Pixels, cell: Mask) -> Pixels:
    """Return uint8 [S, S, 3] with the colours of its cell standardised, channel by channel, on black ground.

    Stain and light differ from person to person and from laboratory to laboratory; what is left is the structure.
    """
    pixels = int(np.count_nonzero(cell))
    if pixels < FEWEST_PX:
        return image
    result = np.empty_like(image)
    for place in range(image.shape[2]):
        channel = np.ascontiguousarray(image[:, :, place])
        table = _standard_shades(np.bincount(channel[cell], minlength=len(_SHADES)), pixels)
        result[:, :, place] = np.take(table, channel) * cell
    return result


def _standard_shades(counts: npt.NDArray[np.intp], pixels: int) -> npt.NDArray[np.uint8]:
    """Return uint8 [256]: what becomes of each shade of one channel.

    The sums are integers, so neither the order of adding nor the processor changes a bit.

    Args:
        counts: Pixels of the cell with each shade, [256].
        pixels: Their sum.
    """
    total, squares = (int(counts @ (_SHADES**power)) for power in (1, 2))
    spread = max(math.sqrt((pixels * squares - total * total) / (pixels * pixels)), FLATTEST)
    shades: npt.NDArray[np.float64] = np.clip((_SHADES - total / pixels) / spread * DEVIATION + MEAN, 0, 255)
    return np.rint(shades).astype(np.uint8)
