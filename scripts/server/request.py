"""One request as the site's server takes it in: how much of it, for how long, and what a refused one gets.

Invariant: a body beyond its limit is counted and thrown away, so that its sender gets a page; none goes into a file.

Source: RFC 9112, 6 (bodies); waitress, `parser.py` and `task.py`.
Not here: connections, and all requests together (server.py).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO

from waitress.adjustments import Adjustments
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask
from waitress.utilities import Error

from webui.config import FORM_OVERHEAD, SiteConfig
from webui.http.plain_pages import HEADERS, plain_page


@dataclass(frozen=True)
class Bounds:
    """What one visitor, and all of them together, may hold."""

    connections: int = 2000
    per_address: int = 1000
    """Of one network address. A trusted proxy may have them all; of its visitors each may have so many requests."""
    idle_s: float = 60.0
    """Between two requests."""
    header_s: float = 10.0
    """For all headers of a request, from its first byte; or from the connection for the first request."""
    body_s: float = 60.0
    """For the whole body."""
    answer_s: float = 60.0
    """In which a whole answer must be taken."""
    header_bytes: int = 16 * 1024
    body_bytes: int = SiteConfig.image_cap + 2 * FORM_OVERHEAD
    large: Mapping[str, int] = field(default_factory=dict)
    """Path -> bytes of a body, where it may be larger."""
    thrown_away: int = 1024 * 1024 * 1024
    """Bytes of a body that is too large and is read all the same, so that its sender gets a page."""
    all_bodies: int = 128 * 1024 * 1024
    """Bytes of bodies that are on their way, in all connections."""
    threads: int = 16


class BodiesFull(Error):  # type: ignore[misc]  # waitress brings no types
    """All memory for bodies is taken."""

    code = 503
    reason = "Service Unavailable"


class Refusal(ErrorTask):  # type: ignore[misc]  # waitress brings no types
    """What a request gets that is no request: a page with a way back."""

    def execute(self) -> None:
        """Write it, and end the connection."""
        error = self.request.error
        self.status = f"{error.code} {error.reason}"
        body = plain_page(error.code)
        self.response_headers += [*HEADERS, ("Connection", "close")]
        if error.code == BodiesFull.code:
            self.response_headers.append(("Retry-After", "10"))
        self.content_length = len(body)
        self.set_close_on_finish()
        self.write(body)


class Sink:
    """A buffer for what nobody will read: it only counts."""

    def __init__(self, size: int) -> None:
        self._size = size

    def append(self, data: bytes) -> None:
        """Count."""
        self._size += len(data)

    def __len__(self) -> int:
        """Return the bytes so far, which the application reads as the length."""
        return self._size

    def getfile(self) -> BytesIO:
        """Return nothing to read: the application refuses by the length."""
        return BytesIO()

    def close(self) -> None:
        """Hold nothing."""


class TimedParser(HTTPRequestParser):  # type: ignore[misc]
    """A request that knows since when it comes in."""

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.began = time.monotonic()
        self.headers_at: float | None = None
        self.admitted = False
        self.counted = False
        """Whether it was compared with its visitor's other requests."""

    def received(self, data: bytes) -> int:
        """Take bytes, and note when the headers are whole."""
        taken: int = super().received(data)
        if self.headers_finished and self.headers_at is None:
            self.headers_at = time.monotonic()
        body = self.body_rcv
        if body is not None and not isinstance(body.buf, Sink) and max(self.content_length, len(body)) > self.limit:
            buffer, body.buf = body.buf, Sink(len(body))
            buffer.close()
        return taken

    @property
    def limit(self) -> int:
        """Return how long its body may be."""
        bounds: Bounds = self.adj.bounds
        return int(bounds.large.get(self.path, bounds.body_bytes))

    def coming(self) -> int:
        """Return the bytes of memory that its body takes, or will take."""
        if self.body_rcv is None or isinstance(self.body_rcv.buf, Sink):
            return 0
        return int(max(self.content_length, len(self.body_rcv)))
