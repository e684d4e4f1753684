"""Reads the chunks of PNG and WebP files and the segments of JPEG files without decoding them.

Invariant: one pass over the headers, in time linear in the file's length; nothing is decompressed.

Source: PNG (third edition) 5, 11; ITU-T T.81 (JPEG) annex B, G.1.1.1; RFC 9649 (WebP) 2, 3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

PNG_MARK = b"\x89PNG\r\n\x1a\n"
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"iCCP", b"sRGB", b"eXIf"})
_MOVING = frozenset({b"acTL", b"fcTL", b"fdAT"})
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
MAX_SCANS = 40
"""Encoders write about ten; each costs a pass over all pixels."""
MAX_CHUNKS = 100_000


class Damaged(ValueError):
    """The file's structure is broken; the text says how."""


@dataclass(frozen=True)
class Png:
    """The facts in the chunks of a PNG.

    Attributes:
        lean: The file without comments, times, and data after its end.
        width, height: In pixels.
        bits: Per sample.
        samples: Per pixel, 1 to 4.
        frames: More than 1 for an animation.
        significant: From `sBIT`: bits per sample of the original picture; None without that chunk.
    """

    lean: bytes
    width: int
    height: int
    bits: int
    samples: int
    frames: int
    significant: int | None


def read_png(data: bytes, *, moving: bool = False) -> Png:
    """Walk the chunks of a PNG file.

    Args:
        data: The whole file.
        moving: Keep the frames of an animation in `lean`.

    Raises:
        Damaged: a chunk is incomplete, or the first or the last one is missing.
    """
    kept, found = [PNG_MARK], {b"IHDR": b"", b"acTL": b"", b"sBIT": b""}
    at, ended = len(PNG_MARK), False
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            break
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        if kind in found:
            found[kind] = data[at + 8 : at + 8 + min(length, 32)]
        if kind in _KEPT or (moving and kind in _MOVING):
            kept.append(data[at:end])
        at, ended = end, kind == b"IEND"
        if ended:
            break
    if not ended:
        raise Damaged("its end is missing")
    if len(found[b"IHDR"]) != 13:  # noqa: PLR2004  # the length of IHDR
        raise Damaged("its header is missing")
    width, height, bits, colours = struct.unpack_from(">IIBB", found[b"IHDR"])
    samples = _PNG_SAMPLES.get(colours, 4)
    frames = struct.unpack_from(">I", found[b"acTL"])[0] if len(found[b"acTL"]) >= 4 else 1  # noqa: PLR2004
    return Png(b"".join(kept), width, height, bits, samples, frames, max(found[b"sBIT"], default=None))


@dataclass
class Jpeg:
    """The facts in the segments of a JPEG.

    Attributes:
        bits: Per sample.
        components: Their identifiers.
        progressive: Whether coefficients come in several scans.
        lacking: By component and coefficient, how many bits are still missing; -1 = all of them.
        scans: The number of scans.
    """

    bits: int = 0
    width: int = 0
    height: int = 0
    components: bytes = b""
    progressive: bool = False
    lacking: dict[int, list[int]] = field(default_factory=dict)
    scans: int = 0

    @property
    def whole(self) -> bool:
        """Return whether all bits of all coefficients are in the file."""
        coefficients = 64 if self.progressive else 1
        return bool(self.lacking) and all(not any(bits[:coefficients]) for bits in self.lacking.values())


def read_jpeg(data: bytes) -> Jpeg:
    """Walk the segments of a JPEG file up to its end mark.

    Raises:
        Damaged: a segment is incomplete, or there are more than `MAX_SCANS` scans.
    """
    found, at = Jpeg(), 2
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return found
        marker = data[at + 1]
        if marker == 0xD9:  # end of image  # noqa: PLR2004
            return found
        if marker in {0x00, 0x01, 0xFF} or 0xD0 <= marker <= 0xD8:  # stuffing, fill, restarts  # noqa: PLR2004
            at += 1 if marker == 0xFF else 2  # noqa: PLR2004
            continue
        if at + 4 > len(data):
            raise Damaged("it is cut off")
        length = struct.unpack_from(">H", data, at + 2)[0]
        body = data[at + 4 : at + 2 + length]
        if len(body) < length - 2 or length < 2:  # noqa: PLR2004
            raise Damaged("it is cut off")
        _note(found, marker, body)
        at += 2 + length


def _note(found: Jpeg, marker: int, body: bytes) -> None:
    if marker in {0xC0, 0xC1, 0xC2} and len(body) >= 6:  # noqa: PLR2004  # baseline, extended, progressive
        found.bits, found.height, found.width, count = struct.unpack_from(">BHHB", body)
        found.progressive = marker == 0xC2  # noqa: PLR2004
        found.components = bytes(body[6 + 3 * index] for index in range(count) if 6 + 3 * index < len(body))
        found.lacking = {name: [-1] * 64 for name in found.components}
    elif marker == 0xDA and body:  # noqa: PLR2004  # start of scan
        found.scans += 1
        if found.scans > MAX_SCANS:
            raise Damaged(f"it has more than {MAX_SCANS} scans")
        _scan(found, body)


def _scan(found: Jpeg, body: bytes) -> None:
    count = body[0]
    if len(body) < 4 + 2 * count:
        raise Damaged("it is cut off")
    first, last, low = body[1 + 2 * count], body[2 + 2 * count], body[3 + 2 * count] & 15
    if not found.progressive:
        first, last, low = 0, 0, 0
    for index in range(count):
        bits = found.lacking.get(body[1 + 2 * index])
        if bits is not None and first <= last < len(bits):
            bits[first : last + 1] = [low] * (last + 1 - first)


@dataclass(frozen=True)
class Webp:
    """The facts in the chunks of a WebP: its size in pixels, and more than 1 frame for an animation."""

    width: int
    height: int
    frames: int


def read_webp(data: bytes) -> Webp:
    """Walk the chunks of a WebP file.

    Raises:
        Damaged: a chunk is incomplete, or none describes a picture.
    """
    at, frames, size = 12, 0, (0, 0)
    for _ in range(MAX_CHUNKS):
        if at + 8 > len(data):
            break
        kind, length = struct.unpack_from("<4sI", data, at)
        if at + 8 + length > len(data):
            raise Damaged("it is cut off")
        if size == (0, 0):
            size = _webp_size(kind, data[at + 8 : at + 8 + min(length, 10)])
        frames += kind in {b"ANMF", b"VP8 ", b"VP8L"}
        at += 8 + length + length % 2
    if len(data) < 12 or struct.unpack_from("<I", data, 4)[0] + 8 > len(data):  # noqa: PLR2004  # RIFF's own head
        raise Damaged("it is cut off")
    if not frames or 0 in size:
        raise Damaged("its header is missing")
    return Webp(*size, frames)


def _webp_size(kind: bytes, body: bytes) -> tuple[int, int]:
    """Return width and height from the first chunk that says them; (0, 0) for another chunk."""
    if len(body) < (5 if kind == b"VP8L" else 10):
        return 0, 0
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        packed = int.from_bytes(body[1:5], "little")
        return (packed & 0x3FFF) + 1, ((packed >> 14) & 0x3FFF) + 1
    return 0, 0
