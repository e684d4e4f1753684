"""One request to another member's server over HTTP or HTTPS.

Invariant: an answer is bounded in size and in time, head and body, however slowly it comes. Redirects are not followed,
and no proxy of the environment sees a request.

Source: RFC 9110 (HTTP semantics).
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from urllib.parse import urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from fl.protocol.errors import ServerSilent

CHUNK = 16 * 1024


def exchange(name: str, method: str, url: str, body: bytes, cap: int, seconds: float) -> tuple[int, bytes]:
    """Return status and body of an answer.

    Args:
        name: How people call the server, for messages.
        method: GET or POST.
        url: Where.
        body: What is sent.
        cap: The most bytes of the answer.
        seconds: For the connection, and between two parts of the answer; the whole answer may take twice as long.

    Raises:
        ServerSilent: no answer came in time, or it is too long.
    """
    late = threading.Event()
    try:
        connection, target = _connection(url, seconds)
        with _closed_after(connection, 2 * seconds, late):
            headers = {"Content-Type": "application/octet-stream", "Accept-Encoding": "identity"}
            connection.request(method, target, body or None, headers, preload_content=False)
            answer = connection.getresponse()
            found = answer.status, _whole(name, answer, cap)
    except (HTTPException, HTTPError, OSError, ValueError) as error:
        slow = late.is_set() or isinstance(error, TimeoutError)
        raise ServerSilent(name, "it took too long" if slow else "there is no connection") from error
    if late.is_set():
        raise ServerSilent(name, "it took too long")
    return found


def _connection(url: str, seconds: float) -> tuple[HTTPConnection, str]:
    """Return a connection that is open, and what is asked for on it."""
    parts = urlsplit(url)
    host, target = parts.hostname or "", f"{parts.path or '/'}{parts.query and '?'}{parts.query}"
    if parts.scheme == "https":
        connection: HTTPConnection = HTTPSConnection(
            host, parts.port or 443, timeout=seconds, ca_certs=DEFAULT_CA_BUNDLE_PATH
        )
    else:
        connection = HTTPConnection(host, parts.port or 80, timeout=seconds)
    connection.connect()
    return connection, target


@contextmanager
def _closed_after(connection: HTTPConnection, seconds: float, late: threading.Event) -> Iterator[None]:
    """Close a connection behind the block, and cut it under the block's feet after `seconds`; `late` is set then."""

    def cut() -> None:
        late.set()
        with suppress(OSError, ValueError):
            if connection.sock is not None:
                connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        connection.close()


def _whole(name: str, answer: BaseHTTPResponse, cap: int) -> bytes:
    data = bytearray()
    while part := answer.read1(CHUNK):
        data += part
        if len(data) > cap:
            raise ServerSilent(name, "its answer is too long")
    return bytes(data)
