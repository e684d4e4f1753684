"""Reads TIFF files: their tags, which of their pages are pictures, and samples that Pillow cannot read.

Invariant: reading the directories takes a bounded number of steps and never leaves the file; pixels are decoded only
afterwards.

Source: TIFF 6.0; BigTIFF; ImageJ (one directory for a stack); tifffile and imagecodecs (strips, tiles, compression).
"""

from __future__ import annotations

import io
import logging
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import tifffile

from fl.training.pictures.chunks import Damaged
from fl.training.pictures.colours import Pixels
from fl.training.pictures.sample_ranges import Range, Samples, to_eight_bits

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # our errors report faulty files

MAX_PAGES = 10_000
MAX_ENTRIES = 1_000
MAX_SEGMENTS = 65_536
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_DESCRIPTION, _STRIPS, _ORIENTATION, _SAMPLES, _STRIP_BYTES = 270, 273, 274, 277, 279
_MAX_VALUE, _PLANAR, _TILES, _TILE_BYTES = 281, 284, 324, 325
_FORMAT, _LOW, _HIGH = 339, 340, 341
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_TILE_PX = 512
"""A tile may be larger than a small picture, up to twice this."""
_SUBFILE, _OLD_SUBFILE = 254, 255
PROFILE = 34675
"""The ICC profile."""
_READ = frozenset({*range(_SUBFILE, 342), PROFILE})
_TYPES = {
    1: "B",
    2: "s",
    3: "H",
    4: "I",
    6: "b",
    7: "s",
    8: "h",
    9: "i",
    11: "f",
    12: "d",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_STACK = re.compile(r"^images=(\d{1,9})\s*$", re.MULTILINE)
_DEPTH = re.compile(r"(?:bits[ _]?stored|significant[ _]?bits|bit[ _]?depth)\W{1,5}(\d{1,2})\b", re.IGNORECASE)
_GREY = (0, 1)
_RGB = 2

Value = tuple[float | int, ...] | bytes


@dataclass(frozen=True)
class Page:
    """One directory: its number among all directories, and its needed tags."""

    index: int
    tags: Mapping[int, Value]

    def number(self, tag: int, default: int) -> int:
        """Return the first value of a tag as a whole number."""
        value = self.tags.get(tag, ())
        return int(value[0]) if value and not isinstance(value, bytes) else default

    @property
    def text(self) -> str:
        value = self.tags.get(_DESCRIPTION, b"")
        return value[:65_536].decode("utf-8", "replace").rstrip("\0") if isinstance(value, bytes) else ""

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels."""
        return self.number(_WIDTH, 0), self.number(_HEIGHT, 0)

    @property
    def plain(self) -> bool:
        """Return whether Pillow reads it correctly: at most 8 bits, unsigned, samples side by side."""
        separate = self.number(_PLANAR, 1) == 2 and self.number(_SAMPLES, 1) > 1  # noqa: PLR2004  # TIFF 6.0
        return self.number(_BITS, 1) <= 8 and self.number(_FORMAT, 1) == 1 and not separate  # noqa: PLR2004

    @property
    def sample_bytes(self) -> int:
        width, height = self.size
        return width * height * self.number(_SAMPLES, 1) * -(-self.number(_BITS, 1) // 8)

    @property
    def is_picture(self) -> bool:
        """Return whether this is a real page, not a smaller copy of another page or a mask."""
        return not self.number(_SUBFILE, 0) & 5 and self.number(_OLD_SUBFILE, 1) != 2  # noqa: PLR2004  # TIFF 6.0

    @property
    def stack(self) -> int:
        """Return how many pictures this directory describes (an ImageJ stack)."""
        match = _STACK.search(self.text) if self.text.startswith("ImageJ=") else None
        return int(match[1]) if match else 1


def read_pages(data: bytes) -> list[Page]:
    """Return the pages of a TIFF file that are real pictures.

    Raises:
        Damaged: a directory is incomplete, repeated, or larger than the file.
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in {b"+\0", b"\0+"}
    pages, seen, count = [], set(), 0
    try:
        at = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
        while at:
            if at in seen or count >= MAX_PAGES:
                raise Damaged("its directories form a circle, or there are too many")
            seen.add(at)
            tags, at = _directory(data, at, order, big)
            page = Page(count, tags)
            count += 1
            if page.is_picture:
                pages.append(page)
    except struct.error as error:
        raise Damaged("a directory is cut off") from error
    return pages


def _directory(data: bytes, at: int, order: str, big: bool) -> tuple[dict[int, Value], int]:
    entry, head, wide = (20, 8, "Q") if big else (12, 2, "I")
    count = struct.unpack_from(order + ("Q" if big else "H"), data, at)[0]
    if not 0 < count <= MAX_ENTRIES:
        raise Damaged(f"a directory has {count} entries")
    tags: dict[int, Value] = {}
    for place in range(at + head, at + head + count * entry, entry):
        tag, kind, number = struct.unpack_from(order + "HH" + wide, data, place)
        size = _SIZES.get(kind, 1) * number
        inline = place + entry - (8 if big else 4)
        start = inline if size <= (8 if big else 4) else struct.unpack_from(order + wide, data, inline)[0]
        if start + size > len(data):
            raise Damaged("a directory points beyond the end of the file")
        if tag in {_STRIPS, _TILES, _STRIP_BYTES, _TILE_BYTES} and number > MAX_SEGMENTS:
            raise Damaged(f"it is cut into {number} pieces; at most {MAX_SEGMENTS} are accepted")
        if tag in _READ and kind in _TYPES:
            form = f"{number}s" if _TYPES[kind] == "s" else f"{number}{_TYPES[kind]}"
            tags[tag] = _value(struct.unpack_from(order + form, data, start))
    return tags, struct.unpack_from(order + wide, data, at + head + count * entry)[0]


def _value(values: tuple[float | int | bytes, ...]) -> Value:
    return values[0] if values and isinstance(values[0], bytes) else values  # type: ignore[return-value]


def check_pieces(data: bytes, page: Page) -> None:
    """Check that all strips or tiles are in the file.

    Raises:
        Damaged: one is missing or incomplete.
    """
    width, height = page.size
    tile = page.number(_TILE_WIDTH, 0), page.number(_TILE_HEIGHT, 0)
    if tile[0] > 2 * max(width, _TILE_PX) or tile[1] > 2 * max(height, _TILE_PX):
        raise Damaged(f"its tiles are {tile[0]} x {tile[1]} pixels")
    places = page.tags.get(_TILES, page.tags.get(_STRIPS, ()))
    lengths = page.tags.get(_TILE_BYTES, page.tags.get(_STRIP_BYTES, ()))
    if not places:
        raise Damaged("it has no pixels")
    for place, length in zip(places, lengths, strict=False):
        if place + length > len(data) or place <= 0 or length <= 0:
            raise Damaged("some of its pixels are missing")


def from_stack(data: bytes, page: Page, number: int) -> bytes:
    """Return the file with the first picture of an ImageJ stack replaced by picture `number` (from 1).

    Raises:
        Damaged: the pictures are compressed, or not one after another in the file.
    """
    places, lengths = page.tags.get(_STRIPS, ()), page.tags.get(_STRIP_BYTES, ())
    size = page.sample_bytes
    ends = [place + length for place, length in zip(places, lengths, strict=False)]
    if not places or page.number(_COMPRESSION, 1) != 1 or list(places[1:]) != ends[:-1]:
        raise Damaged("its stack is compressed or scattered; save the picture that you need as PNG")
    first = int(places[0])
    start = first + (number - 1) * size
    if first <= 0 or start + size > len(data):
        raise Damaged("some of its pixels are missing")
    return data[:first] + data[start : start + size] + data[first + size :]


def range_of(page: Page) -> Range:
    """Return the range of a page's samples."""
    low, high = (page.tags.get(tag, ()) for tag in (_LOW, _HIGH))
    most = page.number(_MAX_VALUE, 0)
    said = _DEPTH.search(page.text)
    return Range(
        bits=page.number(_BITS, 1),
        low=float(min(low)) if low else None,
        high=float(max(high)) if high else None,
        significant=int(said[1]) if said else most.bit_length() if most > 255 and not most & (most + 1) else None,  # noqa: PLR2004  # a statistic, unless it is all ones
    )


def decode_samples(data: bytes, page: Page, given: Range) -> Pixels:
    """Return a page that is not `plain` as uint8 [H, W, 1 to 4], upright, grey or colour with or without alpha.

    Raises:
        Damaged: a piece is damaged, or the arrangement of its samples is not supported.
        NoRange: it does not say which value is white.
    """
    photometric, count = page.number(_PHOTOMETRIC, 1), page.number(_SAMPLES, 1)
    allowed = (1, 2) if photometric in _GREY else (3, 4) if photometric == _RGB else ()
    if count not in allowed:
        raise Damaged(f"pixels of {count} samples of kind {photometric} are not supported; save it as an 8-bit PNG")
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        samples = _joined(file.pages[page.index], page)
    pixels = to_eight_bits(samples, given)
    if photometric == 0:
        pixels[..., 0] = 255 - pixels[..., 0]
    return _upright(pixels, page.number(_ORIENTATION, 1))


def _joined(source: tifffile.TiffPage | tifffile.TiffFrame, page: Page) -> Samples:
    """Return samples [H, W, n]."""
    width, height = page.size
    if source.nbytes > page.sample_bytes:
        raise Damaged("its directory contains two different sizes")
    for piece, _index, shape in source.segments(maxworkers=1):
        if piece is None or piece.size < int(np.prod(shape)):
            raise Damaged("some of its pixels are missing")
    samples = source.asarray(maxworkers=1)
    count = page.number(_SAMPLES, 1)
    if page.number(_PLANAR, 1) == 2 and count > 1:  # noqa: PLR2004  # TIFF 6.0: plane by plane
        samples = np.moveaxis(samples.reshape(count, height, width), 0, 2)
    joined: Samples = samples.reshape(height, width, count)
    return joined


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Return pixels rotated and mirrored as the tag Orientation (1 to 8) says."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return pixels
