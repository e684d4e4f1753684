"""How large a zstd frame can become, without opening it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.crypto.zstd_frame import BLOCK, MAGIC, check_frame
from fl.protocol.errors import EncodingError


def block(size: int, kind: int = 0, *, last: bool = False) -> bytes:
    return (size << 3 | kind << 1 | last).to_bytes(3, "little") + bytes(1 if kind == 1 else size)


def frame(*blocks: bytes, flags: int = 0, window: int = 0x50) -> bytes:
    return MAGIC + bytes((flags, window)) + b"".join(blocks)


def test_a_frame_with_few_blocks_is_allowed() -> None:
    check_frame(frame(block(5), block(BLOCK, 1), block(3, 2, last=True)), 3)
    check_frame(frame(block(1, last=True), flags=0x04) + bytes(4), 1)
    check_frame(MAGIC + bytes((0x20, 9)) + block(9, last=True), 1)  # its size in place of a window


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04" + bytes(40),
        frame(*[block(BLOCK, 1)] * 4, block(1, last=True)),  # 5 blocks that would become 512 KiB
        frame(block(BLOCK + 1, 1, last=True)),
        frame(block(1, 3, last=True)),
        frame(block(1, last=True)) + b"\x00",
        frame(block(1, last=True)) * 2,
        frame(block(1, last=True))[:-1],
        frame(block(1, last=True), window=0xA8),  # a window of 2 GiB
        frame(block(1, last=True), flags=0x08),
        MAGIC + bytes((0x01, 0x50, 7)) + block(1, last=True),  # a dictionary
        MAGIC + bytes((0xE0,)) + (1 << 40).to_bytes(8, "little") + block(1, last=True),  # a content of a terabyte
    ],
)
def test_what_could_take_more_is_refused(data: bytes) -> None:
    with pytest.raises(EncodingError):
        check_frame(data, 4)


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_have_few_blocks(tail: bytes) -> None:
    try:
        check_frame(MAGIC + tail, 4)
    except EncodingError:
        return
    assert len(tail) >= 5
