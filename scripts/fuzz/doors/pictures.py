"""Picture files, as a patient uploads them: decoded, judged fit or not, and prepared for the model."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from fl.training.frames import fit_cell, look
from fl.training.gate import prepare
from fl.training.images import decode_image
from fl.training.synthetic import draw_cell
from scripts.fuzz._door import Door, refuses_well

SIDE_PX = 48
FORMATS = ("PNG", "JPEG", "BMP", "TIFF")


def open_door(folder: Path) -> Door:  # noqa: ARG001 - as every door
    """Return the door; the seeds are one drawn cell in every format, in 8 and 16 bits."""
    cell = Image.fromarray(draw_cell(1, 0, SIDE_PX))
    deep = Image.fromarray(np.asarray(cell.convert("L")).astype(np.uint16) * 257)
    kinds = [(cell, name) for name in FORMATS] + [(deep, "PNG"), (deep, "TIFF"), (cell.convert("P"), "PNG")]
    return Door(lambda data: refuses_well(lambda: _look(data)), [_file(*kind) for kind in kinds])


def _look(data: bytes) -> None:
    pixels = decode_image(data, "the picture")
    fit_cell(pixels, SIDE_PX, look(pixels))
    prepare(pixels, SIDE_PX)


def _file(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()
