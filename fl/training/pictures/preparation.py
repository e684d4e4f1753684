"""How a picture becomes the input of a network, after it was decoded and cut: named steps in a fixed order.

Invariant: a name stands for the same arithmetic for ever. A hospital that trains, an auditor that evaluates and a site
that answers use the name in the model's spec, so the same picture becomes the same input everywhere.

Source: E. Reinhard et al., "Color Transfer between Images", 2001 (means and deviations of colours).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fl.protocol.errors import WeightsMismatch
from fl.training.pictures.colours import Pixels

PLAIN = "plain/1"
"""The pixels as they are."""
CELL_COLOURS = "cell-colours/1"
"""Each channel of the cell with the mean `MEAN` and the standard deviation `DEVIATION`; the ground is black."""
MEAN, DEVIATION = 127.5, 38.25
"""0.5 and 0.15 of the largest value."""
GROUND = 10
"""A pixel whose largest colour is at most this is black ground."""
FEWEST_PX = 20
"""A cell of fewer pixels has no colours that could be measured; its picture stays as it is."""
FLATTEST = 1.0
"""A smaller standard deviation is noise of one colour; it is not spread any further."""


def prepare_all(name: str, images: Pixels) -> Pixels:
    """Return uint8 [n, S, S, 3] as the pipeline `name` makes them, of the same shape.

    Raises:
        WeightsMismatch: this version has no such pipeline.
    """
    check_name(name)
    step = PIPELINES[name]
    if step is None or not len(images):
        return images
    return np.stack([step(image) for image in images])


def check_name(name: str) -> None:
    """Raise WeightsMismatch unless `name` is a pipeline."""
    if name not in PIPELINES:
        raise WeightsMismatch(f"this version cannot prepare pictures as {name!r}")


def standardise(image: Pixels) -> Pixels:
    """Return uint8 [S, S, 3] with the colours of its cell standardised, channel by channel.

    Stain and light differ from person to person and from laboratory to laboratory; what is left is the structure.
    """
    cell = image.max(axis=2) > GROUND
    if np.count_nonzero(cell) < FEWEST_PX:
        return image
    colours = image[cell].astype(np.float64)
    spread = np.maximum(colours.std(axis=0), FLATTEST)
    result = np.zeros_like(image)
    result[cell] = np.rint(np.clip((colours - colours.mean(axis=0)) / spread * DEVIATION + MEAN, 0, 255))
    return result


PIPELINES: dict[str, Callable[[Pixels], Pixels] | None] = {PLAIN: None, CELL_COLOURS: standardise}
