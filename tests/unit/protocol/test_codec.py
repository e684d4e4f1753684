from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable

import pytest

from fl.protocol.codec import Fields, JsonValue, Reader, Writer, parse_document, sha256, write_document
from fl.protocol.errors import EncodingError
from fl.protocol.names import Suite, address, digest, parse_hex, show
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA


def test_every_field_is_big_endian_and_in_the_order_it_was_written() -> None:
    written = Writer().u8(0xAB).u16(0x0102).u32(0x01020304).u64(0x0102030405060708).raw(b"xyz", 3).text(b"hello")
    expected = struct.pack(">BHIQ3sI5s", 0xAB, 0x0102, 0x01020304, 0x0102030405060708, b"xyz", 5, b"hello")
    assert written.bytes() == expected
    assert written.digest() == hashlib.sha256(expected).digest()


def test_a_label_stands_first_with_the_protocols_prefix() -> None:
    assert Writer("round").u8(1).bytes() == b"BAFL/1/round\x01"


@pytest.mark.parametrize(
    ("width", "write"),
    [
        (1, lambda value: Writer().u8(value)),
        (2, lambda value: Writer().u16(value)),
        (4, lambda value: Writer().u32(value)),
        (8, lambda value: Writer().u64(value)),
    ],
)
def test_an_integer_takes_its_whole_range_and_nothing_outside(width: int, write: Callable[[int], Writer]) -> None:
    assert write(0).bytes() == bytes(width)
    assert write(256**width - 1).bytes() == b"\xff" * width
    for outside in (-1, 256**width):
        with pytest.raises(EncodingError) as refusal:
            write(outside)
        assert str(outside) in refusal.value.why


@pytest.mark.parametrize("length", [0, 2, 4])
def test_a_fixed_array_of_another_length_is_not_written(length: int) -> None:
    with pytest.raises(EncodingError) as refusal:
        Writer().raw(bytes(length), 3)
    assert refusal.value.facts() == {"what": "fixed array", "why": f"it has {length} bytes, not 3"}


def test_a_reader_takes_the_fields_back_and_knows_where_it_stands() -> None:
    reader = Reader(struct.pack(">BHIQ3s", 1, 2, 3, 2**63, b"abc"), "thing")
    assert (reader.u8(), reader.u16(), reader.u32(), reader.u64()) == (1, 2, 3, 2**63)
    assert reader.position == 15
    assert reader.raw(3) == b"abc"
    reader.end()


@pytest.mark.parametrize("take", [Reader.u8, Reader.u16, Reader.u32, Reader.u64])
def test_data_that_ends_within_a_field_is_refused(take: Callable[[Reader], int]) -> None:
    reader = Reader(b"", "thing")
    with pytest.raises(EncodingError) as refusal:
        take(reader)
    assert refusal.value.facts() == {"what": "thing", "why": "it ends too early"}


def test_bytes_behind_the_end_are_refused_and_counted() -> None:
    reader = Reader(b"abcde", "thing")
    reader.raw(3)
    with pytest.raises(EncodingError) as refusal:
        reader.end()
    assert refusal.value.why == "2 bytes follow its end"


@pytest.mark.parametrize("length", [0, 1, 3, 2**64])
def test_the_rest_must_have_exactly_the_announced_length(length: int) -> None:
    reader = Reader(b"abcd", "thing")
    reader.raw(2)
    with pytest.raises(EncodingError):
        reader.rest(length)
    assert bytes(reader.rest(2)) == b"cd"


@pytest.mark.parametrize("digits", ["0xabcd", "abcd", "0xABCD"])
def test_hexadecimal_is_read_with_and_without_its_prefix(digits: str) -> None:
    assert parse_hex(digits, 2, "thing") == b"\xab\xcd"
    assert show(b"\xab\xcd") == "0xabcd"


@pytest.mark.parametrize("digits", ["", "0x", "0xab", "0xabcdef", "xyzw", "0xabc", "0x0xabcd", "é"])
def test_other_hexadecimal_is_refused_by_name(digits: str) -> None:
    with pytest.raises(EncodingError) as refusal:
        parse_hex(digits, 2, "the account")
    assert refusal.value.what == "the account"


@pytest.mark.parametrize("length", [0, 19, 21, 32])
def test_an_account_has_20_bytes(length: int) -> None:
    with pytest.raises(EncodingError):
        address(bytes(length))
    assert address(bytes(20)) == bytes(20)


@pytest.mark.parametrize("length", [0, 20, 31, 33])
def test_a_digest_has_32_bytes(length: int) -> None:
    with pytest.raises(EncodingError):
        digest(bytes(length))
    assert digest(bytes(32)) == bytes(32)


def test_sha256_is_that_of_fips_180() -> None:
    assert sha256(b"abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_document_is_sorted_dense_ascii_json_with_one_final_newline() -> None:
    document: dict[str, JsonValue] = {"b": [1, 2.5, None, True], "a": {"é": "x"}}
    assert write_document(document) == b'{"a":{"\\u00e9":"x"},"b":[1,2.5,null,true]}\n'
    assert parse_document(b'{"a":{"\\u00e9":"x"},"b":[1,2.5,null,true]}\n', "thing") == document


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_document_holds_finite_numbers_only(value: float) -> None:
    with pytest.raises(EncodingError):
        write_document({"value": value})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{}",
        b" {}\n",
        b"{}\n\n",
        b"{}\r\n",
        b"[]\n",
        b"1\n",
        b'"text"\n',
        b"null\n",
        b'{"a": 1}\n',
        b'{"b":1,"a":2}\n',
        b'{"a":1,"a":1}\n',
        b'{"a":1,"a":2}\n',
        b'{"a":1.0e0}\n',
        b'{"a":1e400}\n',
        b'{"a":NaN}\n',
        b'{"a":-Infinity}\n',
        b'{"a":01}\n',
        '{"a":"é"}\n'.encode(),
        b'{"a":"\\u0041"}\n',
        b"\xef\xbb\xbf{}\n",
        b"\xff\xfe",
        b'{"a":"\xff"}\n',
        b'{"a":1,}\n',
        "{}\n".encode("utf-16"),
        "{}\n".encode("utf-32"),
    ],
)
def test_any_other_spelling_of_a_document_is_refused(data: bytes) -> None:
    with pytest.raises(EncodingError) as refusal:
        parse_document(data, "thing")
    assert refusal.value.what in {"thing", "document"}


def test_the_plain_spellings_beside_them_are_accepted() -> None:
    assert parse_document(b"{}\n", "thing") == {}
    assert parse_document(b'{"a":1}\n', "thing") == {"a": 1}


def test_a_document_too_deep_to_read_or_to_write_is_refused() -> None:
    refused = []
    for depth in (1, 50, *range(900, 1000), 5_000, 100_000):
        try:
            parse_document(b'{"a":' + b"[" * depth + b"]" * depth + b"}\n", "thing")
        except EncodingError:
            refused.append(depth)
    assert refused[-2:] == [5_000, 100_000]  # by a count of their own: a raised recursion limit must not matter
    assert not {1, 50} & set(refused)


FIELDS = Fields({"n": 2, "x": 2.5, "t": "text", "b": True, "m": {"k": 1}, "l": []}, "thing")


def test_fields_come_in_their_types() -> None:
    assert (FIELDS.number("n"), FIELDS.number("x"), FIELDS.integer("n")) == (2.0, 2.5, 2)
    assert (FIELDS.text("t"), FIELDS.mapping("m")) == ("text", {"k": 1})


@pytest.mark.parametrize(
    ("read", "names"),
    [
        (Fields.number, ["t", "b", "m", "l", "missing"]),
        (Fields.integer, ["x", "t", "b", "m", "l", "missing"]),
        (Fields.text, ["n", "x", "b", "m", "l", "missing"]),
        (Fields.mapping, ["n", "x", "t", "b", "l", "missing"]),
    ],
)
def test_a_field_of_another_type_or_none_is_refused_by_name(
    read: Callable[[Fields, str], object], names: list[str]
) -> None:
    for name in names:
        with pytest.raises(EncodingError) as refusal:
            read(FIELDS, name)
        assert refusal.value.what == "thing"
        assert refusal.value.why.startswith(f"{name} is not ")


def test_a_number_beyond_binary64_is_refused() -> None:
    with pytest.raises(EncodingError):
        Fields({"n": 10**400}, "thing").number("n")


def test_unknown_fields_are_refused_by_name() -> None:
    FIELDS.only("n", "x", "t", "b", "m", "l", "more")
    with pytest.raises(EncodingError) as refusal:
        FIELDS.only("n", "x", "b", "m", "l")
    assert refusal.value.why == "it has the unknown field t"


TASK = (
    b'{"classes":[{"code":"healthy","disease":false,"name":"healthy cell"},'
    b'{"code":"leukemia","disease":true,"name":"leukemic blast"}],"code":"leukemia","domain":"stained single cell",'
    b'"kind":"binary","name":"Leukemic blast or healthy cell","origin":"real","reported":"leukemia",'
    b'"units":"8-bit sRGB picture, at any scale"}'
)
CONFIG = (
    b'{"clip":0.5,"l2_bound":50.0,"release":false,"task":'
    + TASK
    + b',"training":{"seed":1},"w_max":1024,"word_bits":32}\n'
)


def test_a_round_configuration_is_its_canonical_document() -> None:
    config = RoundConfig(clip=0.5, l2_bound=50.0, w_max=1024, training={"seed": 1}, task=LEUKEMIA)
    assert config.to_bytes() == CONFIG
    assert RoundConfig.from_bytes(CONFIG) == config


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"clip":0.5', b'"clip":0'),
        (b'"clip":0.5', b'"clip":-0.5'),
        (b'"clip":0.5', b'"clip":true'),
        (b'"clip":0.5', b'"clip":"0.5"'),
        (b'"clip":0.5', b'"clip":1' + b"0" * 400),
        (b'"clip":0.5', b'"clip":5e-324'),
        (b'"clip":0.5', b'"clip":1e+300'),
        (b'"l2_bound":50.0', b'"l2_bound":5e-324'),
        (b'"l2_bound":50.0', b'"l2_bound":1e+300'),
        (b'"clip":0.5,', b""),
        (b'"l2_bound":50.0', b'"l2_bound":0.0'),
        (b'"l2_bound":50.0', b'"l2_bound":-1'),
        (b'"w_max":1024', b'"w_max":0'),
        (b'"w_max":1024', b'"w_max":2097153'),
        (b'"w_max":1024', b'"w_max":1024.0'),
        (b'"w_max":1024', b'"w_max":1024,"z":1'),
        (b'"release":false', b'"release":0'),
        (b'"task"', b'"suite":1,"task"'),
        (b'"task"', b'"suite":3,"task"'),
        (b'"task"', b'"suite":true,"task"'),
        (b'"task"', b'"suite":null,"task"'),
        (b'"release":false,"task"', b'"release":true,"suite":2,"task"'),
        (b'"task":' + TASK, b'"task":null'),
        (b'"task":' + TASK + b",", b""),
        (b'"disease":true', b'"disease":false'),
        (b'"word_bits":32', b'"word_bits":16'),
        (b',"word_bits":32', b""),
        (b'{"seed":1}', b"[]"),
        (b"\n", b""),
    ],
)
def test_a_round_configuration_out_of_its_range_is_refused(old: bytes, new: bytes) -> None:
    assert CONFIG.count(old) == 1
    with pytest.raises(EncodingError):
        RoundConfig.from_bytes(CONFIG.replace(old, new))


def test_only_suite_2_is_named() -> None:
    named = RoundConfig.from_bytes(CONFIG.replace(b'"task"', b'"suite":2,"task"', 1))
    assert named.suite == Suite.HYBRID
    assert RoundConfig.from_bytes(CONFIG).suite == Suite.P256
    assert RoundConfig.from_bytes(named.to_bytes()) == named


def test_words_have_32_or_64_bits() -> None:
    assert [RoundConfig.from_bytes(CONFIG.replace(b":32", bits)).word_bits for bits in (b":32", b":64")] == [32, 64]


def test_the_largest_weight_is_2_to_the_21() -> None:
    assert RoundConfig.from_bytes(CONFIG.replace(b"1024", b"2097152")).w_max == 2**21
