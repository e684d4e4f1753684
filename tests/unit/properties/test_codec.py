from __future__ import annotations

import contextlib
import json
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from fl.protocol.codec import JsonValue, Reader, Writer, parse_document, write_document
from fl.protocol.errors import EncodingError

FIELD = st.one_of(
    st.tuples(st.just("B"), st.integers(0, 2**8 - 1)),
    st.tuples(st.just("H"), st.integers(0, 2**16 - 1)),
    st.tuples(st.just("I"), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("Q"), st.integers(0, 2**64 - 1)),
    st.tuples(st.just("raw"), st.binary(max_size=40)),
    st.tuples(st.just("text"), st.binary(max_size=40)),
)
Layout = list[tuple[str, int | bytes]]

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
)
DOCUMENT = st.dictionaries(
    st.text(max_size=4),
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


def write(layout: Layout) -> bytes:
    writer = Writer("x")
    for kind, value in layout:
        if isinstance(value, int):
            {"B": writer.u8, "H": writer.u16, "I": writer.u32, "Q": writer.u64}[kind](value)
        elif kind == "raw":
            writer.raw(value, len(value))
        else:
            writer.text(value)
    return writer.bytes()


def pack(layout: Layout) -> bytes:
    """Return the layout as the standard library writes it."""
    parts = [b"BAFL/1/x"]
    for kind, value in layout:
        if isinstance(value, int):
            parts.append(struct.pack(">" + kind, value))
        else:
            parts.append((struct.pack(">I", len(value)) if kind == "text" else b"") + value)
    return b"".join(parts)


def read(data: bytes, layout: Layout) -> Layout:
    reader = Reader(data, "layout")
    reader.raw(8)
    found: Layout = []
    for kind, value in layout:
        if isinstance(value, int):
            found.append((kind, {"B": reader.u8, "H": reader.u16, "I": reader.u32, "Q": reader.u64}[kind]()))
        else:
            found.append((kind, reader.raw(reader.u32() if kind == "text" else len(value))))
    reader.end()
    return found


@settings(deadline=None)
@given(st.lists(FIELD, max_size=8))
def test_what_is_written_is_what_struct_packs_and_is_read_back(layout: Layout) -> None:
    data = write(layout)
    assert data == pack(layout)
    assert read(data, layout) == layout


@settings(deadline=None)
@given(st.lists(FIELD, min_size=1, max_size=8), st.data())
def test_a_changed_byte_changes_a_value_or_is_refused(layout: Layout, data: st.DataObject) -> None:
    written = bytearray(write(layout))
    if len(written) == 8:
        return
    place = data.draw(st.integers(8, len(written) - 1))
    written[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(EncodingError):
        assert read(bytes(written), layout) != layout


@settings(deadline=None)
@given(st.lists(FIELD, max_size=8), st.binary(min_size=1, max_size=3))
def test_bytes_behind_the_end_are_always_refused(layout: Layout, tail: bytes) -> None:
    try:
        read(write(layout) + tail, layout)
    except EncodingError:
        return
    raise AssertionError("the tail was accepted")


@settings(deadline=None)
@given(st.lists(FIELD, min_size=1, max_size=8), st.data())
def test_a_cut_layout_is_always_refused(layout: Layout, data: st.DataObject) -> None:
    written = write(layout)
    if len(written) == 8:
        return
    try:
        read(written[: data.draw(st.integers(8, len(written) - 1))], layout)
    except EncodingError:
        return
    raise AssertionError("the cut was accepted")


@settings(deadline=None)
@given(DOCUMENT)
def test_a_document_comes_back_and_any_json_parser_agrees(document: dict[str, JsonValue]) -> None:
    data = write_document(document)
    assert parse_document(data, "document") == document
    assert json.loads(data) == document
    assert data.isascii()


@settings(deadline=None)
@given(DOCUMENT, st.data())
def test_a_changed_document_is_refused_or_another_one(document: dict[str, JsonValue], data: st.DataObject) -> None:
    written = bytearray(write_document(document))
    place = data.draw(st.integers(0, len(written) - 1))
    written[place] ^= data.draw(st.integers(1, 255))
    try:
        found = parse_document(bytes(written), "document")
    except EncodingError:
        return
    assert repr(found) != repr(document)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_make_the_parser_raise_anything_else(data: bytes) -> None:
    with contextlib.suppress(EncodingError):
        assert write_document(parse_document(data, "document")) == data
