"""What the servers of the log and of a witness share: small answers, small bodies, few connections.

Invariant: a request costs at most REQUEST_CAP bytes of memory and BODY_S seconds of a connection. No address of a
client is written anywhere.

Source: RFC 9110; PEP 3333.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIEnvironment

from fl.protocol.tlog.witness_call import REQUEST_CAP
from fl.roles.witness import Answer
from scripts.server.request import Bounds
from scripts.server.server import Server, check_port, raise_file_limit

CONNECTIONS, PER_ADDRESS = 256, 32
BODY_S = 10.0
LOG = logging.getLogger("hemaledger.log")
NOT_FOUND = Answer(HTTPStatus.NOT_FOUND, b"there is no such address\n")
WELL = Answer(HTTPStatus.OK, b'{"status":"ok"}', "application/json")


@dataclass(frozen=True)
class LogApplication:
    """A WSGI application over a function of method, path and body."""

    pages: Callable[[str, str, Callable[[], bytes]], Answer]
    """(method, path, body) -> answer; the body is read when it is asked for."""
    forever: Callable[[str], bool] = lambda _path: False
    """Whether what is at a path never changes."""

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        asked = "GET" if method == "HEAD" else method
        length = environ.get("CONTENT_LENGTH") or "0"
        try:
            if not length.isdecimal() or int(length) > REQUEST_CAP:
                answer = Answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b"the request is too long\n")
            elif (asked, path) == ("GET", "/healthz"):
                answer = WELL
            else:
                answer = self.pages(asked, path, lambda: environ["wsgi.input"].read(int(length)))
        except Exception:
            LOG.exception("a request failed")
            answer = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, b"this server has an error\n")
        status = HTTPStatus(answer.status)
        fresh = "public, max-age=31536000, immutable" if self.forever(path) and status == HTTPStatus.OK else "no-store"
        headers = [("Content-Type", answer.type), ("Content-Length", str(len(answer.body))), ("Cache-Control", fresh)]
        headers += [("X-Content-Type-Options", "nosniff")]
        headers += [("Retry-After", str(answer.retry_s))] if answer.retry_s else []
        start(f"{status.value} {status.phrase}", headers)
        return [b"" if method == "HEAD" else answer.body]


def listen(app: LogApplication, host: str, port: int) -> Server:
    """Return a server that listens; `run` serves until `shut`."""
    bounds = Bounds(
        connections=raise_file_limit(CONNECTIONS),
        per_address=PER_ADDRESS,
        body_s=BODY_S,
        body_bytes=REQUEST_CAP,
        thrown_away=2 * REQUEST_CAP,
        all_bodies=32 * REQUEST_CAP,
        threads=8,
    )
    return Server(app, bounds, None, host=host, port=port)


@contextmanager
def serving(app: LogApplication, host: str, port: int | None) -> Iterator[str | None]:
    """Serve in a thread as long as the block runs, and yield the address; None without a port.

    Raises:
        PortInUse: another process has the port.
    """
    if port is None:
        yield None
        return
    check_port(host, port)
    server = listen(app, host, port)
    thread = threading.Thread(target=server.run, name="log pages", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.effective_port}"
    finally:
        server.shut()
