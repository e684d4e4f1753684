"""How much memory a zstd frame can take when it is opened, from its heads alone.

Invariant: nothing is decompressed here. A frame that passes has one frame to its end, a window of at most `WINDOW`
bytes, and at most `blocks` blocks of at most 128 KiB each.

Source: RFC 8878, 3.1.1 (frames and blocks).
"""

from __future__ import annotations

from fl.protocol.codec import Reader
from fl.protocol.errors import EncodingError

MAGIC = bytes((0x28, 0xB5, 0x2F, 0xFD))
WINDOW = 1 << 24
BLOCK = 1 << 17
_WHAT = "compressed part"
_RLE, _COMPRESSED = 1, 2


def check_frame(data: bytes, blocks: int) -> None:
    """Raise EncodingError unless `data` is one zstd frame of at most so many blocks."""
    reader = Reader(data, _WHAT)
    if reader.raw(len(MAGIC)) != MAGIC:
        raise EncodingError(_WHAT, "it is no zstd frame")
    flags = reader.raw(1)[0]
    single, checked = bool(flags & 0x20), bool(flags & 0x04)
    window = 0 if single else _window(reader.raw(1)[0])
    dictionary = int.from_bytes(reader.raw((0, 1, 2, 4)[flags & 3]), "little")
    content = reader.raw((1 if single else 0, 2, 4, 8)[flags >> 6])
    window = int.from_bytes(content, "little") if single else window
    if flags & 0x08 or dictionary or window > WINDOW:
        raise EncodingError(_WHAT, "its head asks for a dictionary, too much memory, or a later version")
    for _ in range(blocks):
        head = int.from_bytes(reader.raw(3), "little")
        last, kind, size = head & 1, head >> 1 & 3, head >> 3
        if kind > _COMPRESSED or size > BLOCK:
            raise EncodingError(_WHAT, "a block has an unknown kind or is too large")
        reader.raw(1 if kind == _RLE else size)
        if last:
            reader.raw(4 if checked else 0)
            reader.end()
            return
    raise EncodingError(_WHAT, f"it has more than {blocks} blocks")


def _window(descriptor: int) -> int:
    base = 1 << (10 + (descriptor >> 3))
    return base + (base >> 3) * (descriptor & 7)
