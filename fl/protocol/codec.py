"""The only parser and writer of hashed bytes: a fixed-order binary layout, and canonical JSON for documents.

Invariant: one value has one encoding. A reader refuses trailing bytes, and refuses a document unless writing it again
gives the same bytes.

Source: PROTOCOL.md 2 (layout: big-endian u8/u16/u32/u64, raw fixed arrays, `u32 length ‖ bytes`, `u16 count` lists).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from fl.protocol import strict_json
from fl.protocol.errors import EncodingError
from fl.protocol.names import LABEL_PREFIX, Blob, Digest

JsonValue = strict_json.JsonValue
DOCUMENT_CAP = 16 * 1024 * 1024
"""The largest document, in bytes; a reader of the vault uses a smaller cap for each kind."""


class Writer:
    """Builds canonical bytes; every method returns the writer, so that calls can be chained."""

    def __init__(self, label: str | None = None) -> None:
        self._parts: list[bytes] = [LABEL_PREFIX + label.encode("ascii")] if label else []

    def u8(self, value: int) -> Writer:
        return self._integer(value, 1)

    def u16(self, value: int) -> Writer:
        return self._integer(value, 2)

    def u32(self, value: int) -> Writer:
        return self._integer(value, 4)

    def u64(self, value: int) -> Writer:
        return self._integer(value, 8)

    def raw(self, value: bytes, length: int) -> Writer:
        """Append a fixed array of exactly `length` bytes."""
        if len(value) != length:
            raise EncodingError("fixed array", f"it has {len(value)} bytes, not {length}")
        self._parts.append(value)
        return self

    def text(self, value: bytes) -> Writer:
        """Append `u32 length ‖ bytes`."""
        self.u32(len(value))
        self._parts.append(value)
        return self

    def bytes(self) -> bytes:
        return b"".join(self._parts)

    def digest(self) -> Digest:
        return sha256(self.bytes())

    def _integer(self, value: int, width: int) -> Writer:
        try:
            self._parts.append(value.to_bytes(width, "big"))
        except OverflowError as error:
            raise EncodingError("integer", f"{value} does not fit in {width} unsigned bytes") from error
        return self


class Reader:
    """Parses canonical bytes strictly."""

    def __init__(self, data: bytes | memoryview, what: str) -> None:
        self._data = memoryview(data)
        self._at = 0
        self._what = what

    def u8(self) -> int:
        return int.from_bytes(self.raw(1), "big")

    def u16(self) -> int:
        return int.from_bytes(self.raw(2), "big")

    def u32(self) -> int:
        return int.from_bytes(self.raw(4), "big")

    def u64(self) -> int:
        return int.from_bytes(self.raw(8), "big")

    def raw(self, length: int) -> bytes:
        """Take exactly `length` bytes, or raise EncodingError if the data ends earlier."""
        if self._at + length > len(self._data):
            raise EncodingError(self._what, "it ends too early")
        taken = bytes(self._data[self._at : self._at + length])
        self._at += length
        return taken

    def rest(self, length: int) -> memoryview:
        """Take the final `length` bytes without copying; more or fewer bytes raise EncodingError."""
        if self._at + length != len(self._data):
            raise EncodingError(self._what, "its length differs from the length in its header")
        taken = self._data[self._at :]
        self._at = len(self._data)
        return taken

    def end(self) -> None:
        """Raise EncodingError if bytes remain."""
        if self._at != len(self._data):
            raise EncodingError(self._what, f"{len(self._data) - self._at} bytes follow its end")

    @property
    def position(self) -> int:
        return self._at


def sha256(data: Blob) -> Digest:
    return Digest(hashlib.sha256(data).digest())


def write_document(value: dict[str, JsonValue]) -> bytes:
    """Return canonical JSON: sorted keys, no spaces, ASCII, one final newline; NaN and infinity are refused."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise EncodingError("document", "it holds a number that JSON does not have, or is nested too deeply") from error
    return text.encode("ascii") + b"\n"


def parse_document(data: bytes, what: str) -> dict[str, JsonValue]:
    """Parse canonical JSON, or raise EncodingError if the value has another encoding."""
    value = strict_json.loads(data, what, DOCUMENT_CAP)
    if not isinstance(value, dict) or write_document(value) != data:
        raise EncodingError(what, "it is not in canonical form")
    return value


@dataclass(frozen=True)
class Fields:
    """Typed access to a parsed document's fields; a wrong type or a missing field raises EncodingError."""

    value: dict[str, JsonValue]
    what: str

    def number(self, name: str) -> float:
        """Return a finite number as float."""
        value = self.value.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise EncodingError(self.what, f"{name} is not a number")
        try:
            return float(value)
        except OverflowError as error:
            raise EncodingError(self.what, f"{name} is too large for binary64") from error

    def integer(self, name: str) -> int:
        value = self.value.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise EncodingError(self.what, f"{name} is not an integer")
        return value

    def text(self, name: str) -> str:
        value = self.value.get(name)
        if not isinstance(value, str):
            raise EncodingError(self.what, f"{name} is not a text")
        return value

    def truth(self, name: str) -> bool:
        value = self.value.get(name)
        if not isinstance(value, bool):
            raise EncodingError(self.what, f"{name} is neither true nor false")
        return value

    def mapping(self, name: str) -> dict[str, JsonValue]:
        value = self.value.get(name)
        if not isinstance(value, dict):
            raise EncodingError(self.what, f"{name} is not an object")
        return value

    def only(self, *names: str) -> None:
        """Raise EncodingError if the document has another field than these."""
        extra = sorted(set(self.value) - set(names))
        if extra:
            raise EncodingError(self.what, f"it has the unknown field {extra[0]}")
