"""Reads what a DICOM file says about its pixels: a few tags, and where the pixels begin.

Invariant: no text of a tag is kept, logged, or part of an error. The structure is walked in a bounded number of steps
before pydicom parses it.

Source: DICOM PS3.5 7 and A (elements, transfer syntaxes), PS3.3 C.7.6.3 (Image Pixel); pydicom.
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from fl.training.pictures.chunks import Damaged

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_ELEMENTS = 50_000
MAX_DEPTH = 12
MAX_FRAMES = 100_000
_UNDEFINED = 0xFFFFFFFF
_PIXELS, _META_END = (0x7FE0, 0x0010), 0x0002
_ITEMS, _ITEM, _ENDS = 0xFFFE, (0xFFFE, 0xE000), {(0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)}
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_BODY = 132
"""Length of the preamble and the mark `DICM`."""
NATIVE = {"1.2.840.10008.1.2": False, "1.2.840.10008.1.2.1": True}
"""Uncompressed transfer syntaxes, and whether elements state their types."""
COMPRESSED = "1.2.840.10008.1.2.4."
RUN_LENGTHS = "1.2.840.10008.1.2.5"
READ = frozenset(
    {*NATIVE, RUN_LENGTHS, *(COMPRESSED + each for each in ("50", "51", "57", "70", "80", "81", "90", "91"))}
)
"""Every transfer syntax that is read."""
GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
PALETTE = "PALETTE COLOR"
EXPORT = "export it uncompressed (Explicit VR Little Endian), or save the picture as PNG"
TAGS = (
    *("TransferSyntaxUID", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated"),
    *("BitsStored", "HighBit", "PixelRepresentation", "PlanarConfiguration", "NumberOfFrames", "RescaleSlope"),
    *("RescaleIntercept", "ICCProfile", "ModalityLUTSequence"),
    *(
        f"{colour}PaletteColorLookupTable{what}"
        for colour in ("Red", "Green", "Blue")
        for what in ("Descriptor", "Data")
    ),
)


class NotRead(ValueError):
    """The file is intact, but of a kind that is not read; the text says which, and what to do."""


@dataclass(frozen=True)
class Dicom:
    """What a DICOM file says about its pixels.

    Attributes:
        tags: Only the tags of `TAGS`.
        syntax: The UID of the transfer syntax.
        start: Where the pixels begin in the file.
        width, height: In pixels.
        samples: Per pixel, 1 or 3.
        allocated, stored: Bits per sample in the file, and those that are used.
        signed: Whether samples may be negative.
        frames: How many pictures there are.
        photometric: What the samples mean.
    """

    tags: Dataset
    syntax: str
    start: int
    width: int
    height: int
    samples: int
    allocated: int
    stored: int
    signed: bool
    frames: int
    photometric: str

    @property
    def frame_bytes(self) -> int:
        """Return how many bytes one frame needs."""
        return self.width * self.height * self.samples * (self.allocated // 8)


def read_dicom(data: bytes) -> Dicom:
    """Return what a DICOM file (with preamble) says about its pixels.

    Raises:
        Damaged: its structure is broken, or a tag about the pixels is missing or out of range.
        NotRead: its compression or its kind of pixels is not supported.
    """
    syntax, body = _meta(data)
    start = _walk(data, body, explicit=NATIVE.get(syntax, True))
    if syntax not in READ:
        raise NotRead(f"its pixels are compressed in a way that is not read ({_shown(syntax)}); {EXPORT}")
    try:
        return _described(_tags(data), syntax, start)
    except (Damaged, NotRead):
        raise
    except Exception:  # noqa: BLE001  # pydicom raises many types on hostile bytes, and their texts may quote tags
        raise Damaged("its tags cannot be read") from None


def _meta(data: bytes) -> tuple[str, int]:
    """Return the transfer syntax, and where the data set begins."""
    at, syntax = _BODY, ""
    for _ in range(MAX_ELEMENTS):
        if len(data) < at + 8 or struct.unpack_from("<H", data, at)[0] != _META_END:
            break
        (_, element), _kind, length, head = _element(data, at, explicit=True)
        if length == _UNDEFINED or at + head + length > len(data) or not _states_type(data, at):
            raise Damaged("its header is damaged or cut off")
        if element == 0x0010:  # TransferSyntaxUID  # noqa: PLR2004
            syntax = data[at + head : at + head + min(length, 64)].rstrip(b"\0 ").decode("ascii", "replace")
        at += head + length
    if not syntax:
        raise Damaged("it does not say how it is encoded")
    return syntax, at


def _element(data: bytes, at: int, *, explicit: bool) -> tuple[tuple[int, int], bytes, int, int]:
    """Return tag, type, length of the value, and length of the head of the element at `at`."""
    try:
        group, element = struct.unpack_from("<HH", data, at)
        if group == _ITEMS or not explicit:  # items have no type
            return (group, element), b"", struct.unpack_from("<I", data, at + 4)[0], 8
        kind = data[at + 4 : at + 6]
        if kind in _LONG:
            return (group, element), kind, struct.unpack_from("<I", data, at + 8)[0], 12
        return (group, element), kind, struct.unpack_from("<H", data, at + 6)[0], 8
    except struct.error:
        raise Damaged("it is cut off") from None


def _walk(data: bytes, at: int, *, explicit: bool) -> int:
    """Return where the value of the pixels begins; check that nesting and number of elements are bounded."""
    open_parts: list[tuple[int | None, bool]] = []  # the end of each (None = a delimiter ends it), and its encoding
    first = True  # pydicom guesses the encoding of each list of elements from its first one
    for _ in range(MAX_ELEMENTS):
        while open_parts and open_parts[-1][0] == at:
            open_parts.pop()
        if at >= len(data):
            raise Damaged("it has no pixels")
        typed = open_parts[-1][1] if open_parts else explicit
        tag, kind, length, head = _element(data, at, explicit=typed)
        if first and tag[0] != _ITEMS and (typed or not open_parts) and _states_type(data, at) != typed:
            raise Damaged("it is not encoded as it says")
        first = tag == _ITEM or (first and tag[0] == _ITEMS)
        at += head
        if tag == _PIXELS and not open_parts:
            return at
        if tag in _ENDS:
            if not open_parts or open_parts.pop()[0] is not None:
                raise Damaged("its items are not in order")
        elif length == _UNDEFINED or tag == _ITEM or kind == b"SQ":
            open_parts.append((None if length == _UNDEFINED else at + length, typed and kind != b"UN"))
        else:
            at += length
        if len(open_parts) > MAX_DEPTH:
            raise Damaged("its items are nested too deeply")
    raise Damaged(f"it has more than {MAX_ELEMENTS} elements")


def _states_type(data: bytes, at: int) -> bool:
    """Return whether the element at `at` has a type of two capital letters."""
    return all(ord("A") <= each <= ord("Z") for each in data[at + 4 : at + 6])


@cache
def quiet_pydicom() -> ModuleType:
    """Return pydicom, loaded when it is needed (22 MB), without its messages: they quote tags."""
    import pydicom  # noqa: PLC0415  # see above

    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module=r"pydicom\.")
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    pydicom.config.settings.writing_validation_mode = pydicom.config.IGNORE
    return pydicom


def _tags(data: bytes) -> Dataset:
    tags: Dataset = quiet_pydicom().dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=list(TAGS))
    for element in tags:
        _ = element.value  # parsed now, so that later reading cannot fail
    return tags


def _described(tags: Dataset, syntax: str, start: int) -> Dicom:
    if "ModalityLUTSequence" in tags:
        raise NotRead(f"its values need a table of its device (Modality LUT); {EXPORT}")
    allocated = whole(tags, "BitsAllocated", 1, 64)
    said = Dicom(
        tags=tags,
        syntax=syntax,
        start=start,
        width=whole(tags, "Columns", 1, 65_535),
        height=whole(tags, "Rows", 1, 65_535),
        samples=whole(tags, "SamplesPerPixel", 1, 4, 1),
        allocated=allocated,
        stored=whole(tags, "BitsStored", 1, allocated, allocated),
        signed=bool(whole(tags, "PixelRepresentation", 0, 1, 0)),
        frames=whole(tags, "NumberOfFrames", 1, MAX_FRAMES, 1),
        photometric=str(tags.get("PhotometricInterpretation", "")).strip(),
    )
    if said.photometric not in {*GREY, *_COLOURS, PALETTE}:
        raise NotRead(f"its kind of pixels is not grey, RGB, YBR_FULL or a palette; {EXPORT}")
    if said.samples != (3 if said.photometric in _COLOURS else 1):
        raise Damaged("its number of samples contradicts its kind of pixels")
    if allocated not in {8, 16} or whole(tags, "HighBit", 0, 63, said.stored - 1) != said.stored - 1:
        raise NotRead(f"its samples do not lie in the low bits of 8 or 16 bits; {EXPORT}")
    return said


def whole(tags: Dataset, keyword: str, low: int, high: int, default: int | None = None) -> int:
    """Return the value of a tag as a whole number."""
    value: Any = tags.get(keyword, default)
    number = default if value is None or value == "" else int(value)
    if number is None or not low <= number <= high:
        raise Damaged(f"its {keyword} is missing or out of range")
    return number


def _shown(syntax: str) -> str:
    """Return a transfer syntax to print, if it is one."""
    return syntax if syntax.replace(".", "").isdigit() else "unknown"
