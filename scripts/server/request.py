"""One HTTP request: limits for its size and time, and the answer to a refused request.

Invariant: a body that is too large is counted and dropped, so that its sender gets a page. No body goes into a file.

Source: RFC 9112, 6 (bodies); waitress, `parser.py` and `task.py`.
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
    """Limits for one visitor, and for all visitors together."""

    connections: int = 2000
    per_address: int = 1000
    """Connections of one network address. A trusted proxy may have all; this then limits each visitor's requests."""
    idle_s: float = 60.0
    """Between two requests."""
    header_s: float = 10.0
    """For all headers of a request, from its first byte; for the first request, from the connection."""
    body_s: float = 60.0
    """For the whole body."""
    answer_s: float = 60.0
    """For the visitor to receive a whole answer."""
    header_bytes: int = 16 * 1024
    body_bytes: int = SiteConfig.image_cap + 2 * FORM_OVERHEAD
    large: Mapping[str, int] = field(default_factory=dict)
    """Path -> largest body, for paths with a limit of their own."""
    thrown_away: int = 1024 * 1024 * 1024
    """The server reads so many bytes of a body that is too large, so that its sender gets a page."""
    all_bodies: int = 128 * 1024 * 1024
    """Bytes of unfinished bodies in all connections."""
    threads: int = 22
    """Four more than expensive work can occupy (`Places.threads` in webui/config.py): other pages always get one."""


class BodiesFull(Error):  # type: ignore[misc]  # waitress brings no types
    """All memory for bodies is in use."""

    code = 503
    reason = "Service Unavailable"


class Refusal(ErrorTask):  # type: ignore[misc]  # waitress brings no types
    """The answer to a malformed or refused request: a page with a link back."""

    def execute(self) -> None:
        """Send the page and close the connection."""
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
    """A buffer that counts bytes and keeps none."""

    def __init__(self, size: int) -> None:
        self._size = size

    def append(self, data: bytes) -> None:
        self._size += len(data)

    def __len__(self) -> int:
        """Return the number of bytes so far. The application reads it as the length."""
        return self._size

    def getfile(self) -> BytesIO:
        """Return an empty file. The application refuses the request because of its length."""
        return BytesIO()

    def close(self) -> None:
        """Do nothing; there is nothing to free."""


class TimedParser(HTTPRequestParser):  # type: ignore[misc]
    """A request that remembers when it began."""

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.began = time.monotonic()
        self.headers_at: float | None = None
        self.admitted = False
        self.counted = False
        """Whether the server compared it with the visitor's other requests."""

    def received(self, data: bytes) -> int:
        """Parse bytes, and note when the headers are complete."""
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
        """Return the largest allowed body in bytes."""
        bounds: Bounds = self.adj.bounds
        return int(bounds.large.get(self.path, bounds.body_bytes))

    def coming(self) -> int:
        """Return the memory in bytes that its body uses or will use."""
        if self.body_rcv is None or isinstance(self.body_rcv.buf, Sink):
            return 0
        return int(max(self.content_length, len(self.body_rcv)))
