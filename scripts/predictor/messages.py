"""Messages between a process and its child: a head in JSON and a body of bytes.

Invariant: nothing is unpickled. A message begins with its lengths, and a reader refuses what is too long.

Source: unix(7) stream sockets.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass

from fl.protocol import strict_json
from fl.protocol.errors import EncodingError
from fl.protocol.strict_json import JsonValue

HEAD_CAP = 4096
_LENGTHS = struct.Struct(">IQ")
_WHAT = "message"


@dataclass(frozen=True)
class Message:
    """One question or answer."""

    head: Mapping[str, JsonValue]
    body: bytes = b""


def send(to: socket.socket, message: Message, seconds: float | None = None) -> None:
    """Send a message, within `seconds` if given.

    Raises:
        OSError: the other side ended or took too long.
    """
    ends = _end(seconds)
    head = json.dumps(dict(message.head)).encode()
    for part in (_LENGTHS.pack(len(head), len(message.body)) + head, message.body):
        to.settimeout(_left(ends))
        to.sendall(part)


def receive(source: socket.socket, body_cap: int, seconds: float | None = None) -> Message:
    """Return the next message, within `seconds` if given.

    Raises:
        EOFError: the other side ended.
        OSError: it took too long.
        EncodingError: it is too long, or its head is not a JSON object.
    """
    ends = _end(seconds)
    head_bytes, body_bytes = _LENGTHS.unpack(_read(source, _LENGTHS.size, ends))
    if head_bytes > HEAD_CAP or body_bytes > body_cap:
        raise EncodingError(_WHAT, f"it has {head_bytes} and {body_bytes} bytes")
    head = strict_json.loads(_read(source, head_bytes, ends), _WHAT, HEAD_CAP)
    if not isinstance(head, dict):
        raise EncodingError(_WHAT, "its head is not a JSON object")
    return Message(head, _read(source, body_bytes, ends))


def _read(source: socket.socket, count: int, ends: float | None) -> bytes:
    data = bytearray(count)
    view = memoryview(data)
    while view:
        source.settimeout(_left(ends))
        got = source.recv_into(view)
        if not got:
            raise EOFError
        view = view[got:]
    return bytes(data)


def _end(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds


def _left(ends: float | None) -> float | None:
    if ends is None:
        return None
    if (left := ends - time.monotonic()) <= 0:
        raise TimeoutError
    return left
