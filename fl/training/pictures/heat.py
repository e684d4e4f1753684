"""What a network saw and where, as pictures: its prepared input, and a map of heat in colours that may lie over it.

Invariant: this module does not import torch, so the site can draw maps that another process computed.

Source: viridis (S. van der Walt and N. Smith, 2015): its brightness grows evenly, also for eyes that see few colours.
Not here: how a map is computed (fl/training/evaluation/seen.py).
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from fl.training.pictures.colours import Pixels
from fl.training.pictures.images import encode_png

COLOURS = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], np.float64)
"""Viridis at 0, 1/4, 1/2, 3/4 and 1."""
MOST = 255
OPAQUE = 190
"""Opacity of 0..255 where the map is 1."""

Heat = npt.NDArray[np.uint8]
"""uint8 [S, S]: 0 where nothing speaks for the answer, 255 where most does."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What the network saw of one picture, and where it saw what speaks for its likeliest class.

    Attributes:
        picture: uint8 [S, S, 3], the prepared input.
        heat: uint8 [S, S].
    """

    picture: Pixels
    heat: Heat

    def picture_png(self) -> bytes:
        return encode_png(self.picture)

    def heat_png(self) -> bytes:
        """Return the map as a grey PNG without metadata."""
        return _png(Image.fromarray(self.heat))


def layer_png(heat_png: bytes) -> bytes:
    """Return the PNG that lies over the picture: coloured from violet to yellow, and clear where the map is 0.

    Args:
        heat_png: A grey PNG from `Seen.heat_png`.
    """
    with Image.open(io.BytesIO(heat_png), formats=("PNG",)) as image:
        heat = np.asarray(image.convert("L"), np.float64) / MOST
    places = np.linspace(0, 1, len(COLOURS))
    layers = [*(np.interp(heat, places, channel) for channel in COLOURS.T), OPAQUE * heat]
    return _png(Image.fromarray(np.rint(np.stack(layers, axis=2)).astype(np.uint8), "RGBA"))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
