"""The only reader of JSON from outside: from a person's file, a browser, an RPC client or a node.

Invariant: before it parses a text, the reader limits its cost: bytes, depth, number of values, length of a number. The
result has no NaN, no infinity, no lone surrogate and no repeated field. Everything else is an EncodingError.

Source: RFC 8259; RFC 7493 (I-JSON: UTF-8, unique names, no surrogates). Python's parser recurses once per level, takes
NaN and Infinity, and keeps the last of two fields.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from typing import NoReturn, cast

from fl.protocol.errors import EncodingError

JsonValue = None | bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"]

MAX_DEPTH = 64
"""Levels of objects and lists; our documents have at most ten."""
MAX_VALUES = 500_000
"""Values in one text: even a short value may take 200 bytes of memory."""
MAX_NUMBER = 128
"""Characters of one number: 2^256 has 78 digits."""

_QUOTES_PER_VALUE = 4
_BRACKETS = re.compile(rb"[\[\]{}]")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class _Refused(ValueError):
    """The text has something that the parser must not accept; the message names it."""


def loads(data: bytes, what: str, cap: int, depth: int = MAX_DEPTH) -> JsonValue:
    """Parse JSON.

    Args:
        data: UTF-8 without a byte order mark.
        what: The text's name in the error, e.g. "node's answer".
        cap: The largest number of bytes.
        depth: The largest number of levels of objects and lists.

    Raises:
        EncodingError: it is too large, too deep, not JSON, or JSON that two readers could understand differently.
    """
    if len(data) > cap:
        raise EncodingError(what, f"it has {len(data)} bytes; at most {cap} are accepted")
    try:
        _check_form(data, depth)
        value = cast("JsonValue", _DECODER.decode(data.decode("utf-8")))
        if _SURROGATE.search(data):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except _Refused as error:
        raise EncodingError(what, str(error)) from error
    except UnicodeEncodeError as error:
        raise EncodingError(what, "it has half of a character (a lone surrogate)") from error
    except UnicodeDecodeError as error:
        raise EncodingError(what, "it is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise EncodingError(what, "it is not JSON") from error
    return value


def _check_form(data: bytes, depth: int) -> None:
    """Raise _Refused if a text would cost too much to parse.

    Up to its first mistake, a text has quotes only around strings and, escaped, inside them. So the parts outside of
    strings are known without parsing, and the parser stops at that mistake.
    """
    if data.startswith(codecs.BOM_UTF8):
        raise _Refused("it begins with a byte order mark")
    plain = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    if plain.count(b'"') > _QUOTES_PER_VALUE * MAX_VALUES:
        raise _Refused(f"it has more than {MAX_VALUES} values")
    outside = b"".join(plain.split(b'"')[::2])
    opened = outside.count(b"[") + outside.count(b"{")
    if opened + outside.count(b",") > MAX_VALUES:
        raise _Refused(f"it has more than {MAX_VALUES} values")
    if opened > depth and _depth(outside) > depth:
        raise _Refused(f"it has more than {depth} levels of objects and lists")


def _depth(outside: bytes) -> int:
    deepest = level = 0
    for bracket in _BRACKETS.findall(outside):
        level += 1 if bracket in b"[{" else -1
        deepest = max(deepest, level)
    return deepest


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _Refused("an object has two fields with the same name")
    return fields


def _integer(text: str) -> int:
    return int(_short(text))


def _float(text: str) -> float:
    value = float(_short(text))
    if not math.isfinite(value):
        raise _Refused("a number is too large")
    return value


def _short(text: str) -> str:
    if len(text) > MAX_NUMBER:
        raise _Refused(f"a number has more than {MAX_NUMBER} characters")
    return text


def _constant(text: str) -> NoReturn:
    raise _Refused(f"{text} is not a JSON number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant)
