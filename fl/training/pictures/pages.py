"""How many pictures a file has, by its header alone.

Invariant: no pixel is decoded, so that a person's budget can be charged before anything expensive happens.

Not here: reading one of them (decode.py), which reports what is wrong with a file.
"""

from __future__ import annotations

import struct
import zlib

from fl.training.pictures.chunks import Damaged, read_png, read_webp
from fl.training.pictures.dicom_header import NotRead, read_dicom
from fl.training.pictures.kinds import kind_of
from fl.training.pictures.sample_ranges import NoRange
from fl.training.pictures.tiff import read_pages

BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    RuntimeError,
    AttributeError,
    AssertionError,
    struct.error,
    zlib.error,
)
"""Errors that parsers raise on hostile bytes; MemoryError is not one of them."""


def count_pages(data: bytes) -> int:
    """Return the number of pages or frames of a whole file; 1 for one that cannot be read."""
    try:
        return max(1, _count(data, kind_of(data)))
    except (Damaged, NotRead, NoRange, *BROKEN):
        return 1


def _count(data: bytes, kind: str) -> int:
    match kind:
        case "PNG":
            return read_png(data).frames
        case "WebP":
            return read_webp(data).frames
        case "DICOM":
            return read_dicom(data).frames
        case "TIFF":
            pages = read_pages(data)
            return max(len(pages), pages[0].stack) if pages else 1
    return 1
