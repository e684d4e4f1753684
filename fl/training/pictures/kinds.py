"""The types of files: which are read, and how their first bytes look.

Source: the magic numbers in the formats' specifications.
"""

from __future__ import annotations

from fl.training.pictures.chunks import PNG_MARK

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WebP", "DICOM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".dcm", ".dicom")
READ_TYPES = "PNG, JPEG, BMP, TIFF, WebP and DICOM"
_MAGIC = (
    (0, PNG_MARK, "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"BM", "BMP"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (4, b"ftyp", "HEIC, AVIF or film"),
    (128, b"DICM", "DICOM"),
    (0, b"%PDF", "PDF"),
    (0, b"<svg", "SVG"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"PK\x03\x04", "ZIP"),
)
SNIFF_BYTES = 132
"""As many first bytes as `kind_of` needs."""


def kind_of(start: bytes) -> str:
    """Return the type of a file from its first bytes, or an empty text."""
    return next((kind for at, mark, kind in _MAGIC if start.startswith(mark, at)), "")
