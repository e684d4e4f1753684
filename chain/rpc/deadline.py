"""Sockets whose reads end in time, however slowly the other side sends.

Invariant: after `start`, no read waits longer than the time that is left. A socket's own timeout restarts with every
byte, so a slow sender could block the reader for ever.
"""

from __future__ import annotations

import io
import time
from socket import socket
from typing import Any


class Deadline:
    """The moment when reading must be finished."""

    def __init__(self) -> None:
        self._at = 0.0

    def start(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    def left(self) -> float:
        """Return the remaining seconds, or raise TimeoutError."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        return left


class TimedSocket:
    """A connected socket, with or without TLS, that reads and writes within a deadline."""

    def __init__(self, inner: socket, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def sendall(self, data: Any) -> None:  # noqa: ANN401 - bytes-like
        self._inner.settimeout(self._deadline.left())
        self._inner.sendall(data)

    def makefile(self, *_args: object, **_more: object) -> io.BufferedReader:
        """Return a reader; http.client needs nothing else."""
        return io.BufferedReader(_Timed(self._inner, self._deadline))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the socket's
        return getattr(self._inner, name)


class _Timed(io.RawIOBase):
    def __init__(self, inner: socket, deadline: Deadline) -> None:
        self._inner = inner
        self._raw = inner.makefile("rb", buffering=0)  # keeps the socket open until this reader is closed
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - a writable buffer
        self._inner.settimeout(self._deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
