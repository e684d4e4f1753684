"""One reader for every outside byte: bounded before it parses, and strict about what two readers could take apart."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol import strict_json
from fl.protocol.errors import EncodingError

CAP = 1 << 24


def read(data: bytes, depth: int = strict_json.MAX_DEPTH) -> Any:
    return strict_json.loads(data, "text", CAP, depth)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**256), 2**256)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@given(values, st.booleans())
def test_what_json_writes_is_read_back(value: object, ascii_only: bool) -> None:
    assert read(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_an_encoding_error(data: bytes) -> None:
    try:
        read(data)
    except EncodingError:
        return


@given(st.text(alphabet='[]{}",:\\u0dD8019eE-+.aNInfinty \n', max_size=60))
def test_what_is_read_is_what_json_reads(text: str) -> None:
    try:
        value = read(text.encode())
    except EncodingError:
        return
    assert value == json.loads(text)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"1 2", "not JSON"),
        (b'"a\nb"', "not JSON"),
        (b"NaN", "not a JSON number"),
        (b"[Infinity]", "not a JSON number"),
        (b"-Infinity", "not a JSON number"),
        (b"1e999", "too large"),
        (b"-1e999", "too large"),
        (b"1" * 129, "more than 128 characters"),
        (b"0." + b"1" * 10**6, "more than 128 characters"),
        (b"1" * 10**6, "more than 128 characters"),
        (b'{"a":1,"a":1}', "two fields with the same name"),
        (b'{"a":1,"\\u0061":2}', "two fields with the same name"),
        (b'[{"b":{"a":1,"c":2,"a":3}}]', "two fields with the same name"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udC00":1}', "surrogate"),
        (b'"\\ud83d\\ud83d\\ude00"', "surrogate"),
        (b'"\xff"', "not UTF-8"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        ('"é"'.encode("latin-1"), "not UTF-8"),
        ("[1]".encode("utf-16"), "not UTF-8"),
        ("[1]".encode("utf-16-le"), "not JSON"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"[" * 65 + b"]" * 65, "more than 64 levels of objects and lists"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "more than 64 levels of objects and lists"),
        (b"[" * 200_000 + b"]" * 200_000, "more than 64 levels of objects and lists"),
        (b'["' + b"]" * 100 + b'",' + b"[" * 65, "more than 64 levels of objects and lists"),
        (b'["\\\\",' + b"[" * 65, "more than 64 levels of objects and lists"),
        (b"[" + b"[]," * 600_000 + b"0]", "more than 500000 values"),
        (b'{"a":0,' * 600_000, "more than 500000 values"),
        (b'"' * 3_000_000, "more than 500000 values"),
        (b"[" + b"0," * 8_000_000 + b"0]", "more than 500000 values"),
        (b'"' + b"a" * CAP + b'"', "at most 16777216 are accepted"),
    ],
)
def test_what_it_refuses(data: bytes, why: str) -> None:
    with pytest.raises(EncodingError, match=why):
        read(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b" [1, -2.5e3, true, null] \n", [1, -2500.0, True, None]),
        (b"[" * 64 + b"]" * 64, json.loads("[" * 64 + "]" * 64)),
        (b'["' + b"[{" * 1000 + b'\\""]', ["[{" * 1000 + '"']),
        (b"[" + b"[]," * 100_000 + b"[]]", [[]] * 100_001),
        (b'"\\ud83d\\ude00 \\u0000"', "\U0001f600 \0"),
        (str(2**256).encode(), 2**256),
    ],
)
def test_what_it_reads(data: bytes, value: object) -> None:
    assert read(data) == value


def test_the_depth_is_the_callers() -> None:
    assert read(b"[[1]]", depth=2) == [[1]]
    with pytest.raises(EncodingError, match="more than 1 levels"):
        read(b"[[1]]", depth=1)


def test_what_a_text_takes_in_memory_is_bounded() -> None:
    worst = b"{" + b",".join(b'"%07x":{}' % number for number in range(245_000)) + b"}"
    tracemalloc.start()
    read(worst)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 128 * 1024 * 1024


def test_a_raised_recursion_limit_does_not_matter() -> None:
    """A library that raises it makes Python's parser overflow the stack of the process: its end."""
    code = (
        "import sys; sys.setrecursionlimit(10**6)\n"
        "from fl.protocol import strict_json\n"
        "from fl.protocol.errors import EncodingError\n"
        "try: strict_json.loads(b'[' * 10**6 + b']' * 10**6, 'text', 10**7)\n"
        "except EncodingError: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n")
