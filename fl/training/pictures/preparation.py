"""How a picture becomes the input of a network, after it was decoded and cut: named steps in a fixed order.

Invariant: a name stands for the same arithmetic for ever. A hospital that trains, an auditor that evaluates and a site
that answers use the name in the model's spec, so the same picture becomes the same input everywhere. Each pipeline has
exactly one name.

    name  = "plain/1" | steps "/1"
    steps = some of find-cell, crop, denoise, clahe, cell-colours: in this order, each at most once, joined by "+";
            crop only after find-cell

Source: cell_steps.py, colour_steps.py (the steps). This module loads scipy only for a step that needs it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fl.protocol.errors import WeightsMismatch
from fl.training.pictures.colour_steps import Prepared, cell_colours, clahe
from fl.training.pictures.colours import Pixels

PLAIN = "plain/1"
"""The pixels as they are."""
CELL_COLOURS = "cell-colours/1"
"""Each channel of the cell with mean 0.5 and standard deviation 0.15 of the largest value; the ground is black."""
FIND, CROP, DENOISE = "find-cell", "crop", "denoise"
_OF_COLOURS = {"clahe": clahe, "cell-colours": cell_colours}
STEPS = (FIND, CROP, DENOISE, *_OF_COLOURS)
"""In the order in which they are applied."""
VERSION = "1"
LONGEST = 80
"""Characters of a name that is parsed at all."""


def prepare_all(name: str, images: Pixels) -> Pixels:
    """Return uint8 [n, S, S, 3] as the pipeline `name` makes them, of the same shape.

    Raises:
        WeightsMismatch: this version has no such pipeline.
    """
    steps = parse_name(name)
    if not steps or not len(images):
        return images
    functions = [_function(step) for step in steps]
    prepared = np.empty_like(images)
    for row, image in enumerate(images):
        picture = Prepared(image)
        for function in functions:
            picture = function(picture)
        prepared[row] = picture.pixels
    return prepared


def _function(step: str) -> Callable[[Prepared], Prepared]:
    if step in _OF_COLOURS:
        return _OF_COLOURS[step]
    from fl.training.pictures import cell_steps  # noqa: PLC0415  # scipy: 28 MB that the other steps do not need

    return {FIND: cell_steps.find_cell, CROP: cell_steps.crop, DENOISE: cell_steps.denoise}[step]


def parse_name(name: str) -> tuple[str, ...]:
    """Return the steps of a pipeline; none for `plain/1`.

    Raises:
        WeightsMismatch: this version has no such pipeline.
    """
    if name == PLAIN:
        return ()
    text, _, version = name[:LONGEST].rpartition("/")
    steps = tuple(text.split("+"))
    if len(name) > LONGEST or version != VERSION or steps != tuple(step for step in STEPS if step in steps):
        raise WeightsMismatch(f"this version cannot prepare pictures as {name[:LONGEST]!r}")
    if CROP in steps and FIND not in steps:
        raise WeightsMismatch(f"the preparation {name!r} crops to the cell, but does not find it: add {FIND}+")
    return steps


def name_of(steps: tuple[str, ...]) -> str:
    """Return the name of the pipeline of these steps.

    Raises:
        WeightsMismatch: they are not a pipeline.
    """
    name = f"{'+'.join(steps)}/{VERSION}" if steps else PLAIN
    parse_name(name)
    return name


def check_name(name: str) -> None:
    """Raise WeightsMismatch unless `name` is a pipeline."""
    parse_name(name)
