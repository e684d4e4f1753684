"""The HTTP port of an agent: /metrics for Prometheus, /healthz and /readyz for a service manager.

Invariant: it answers from what is known already, so a slow chain or vault never makes it slow. It reads no body, keeps
no connection, and answers at most `MOST_AT_ONCE` requests at a time.

Source: Prometheus, "Exposition formats"; Kubernetes, "API health endpoints" (livez, readyz).
"""

from __future__ import annotations

import errno
import json
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fl.protocol.errors import PortInUse, SettingInvalid

MOST_AT_ONCE = 8
PATIENCE_S = 5.0
"""For a client that sends its request slowly."""
JSON = "application/json"
NO_ADDRESS_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


@dataclass(frozen=True)
class Answer:
    """What one address answers."""

    status: int
    content_type: str
    body: bytes

    @classmethod
    def of(cls, value: Mapping[str, object], *, well: bool = True) -> Answer:
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        return cls(status, JSON, json.dumps(value).encode() + b"\n")


Pages = Mapping[str, Callable[[], Answer]]


class WatchPort:
    """A running port; a daemon thread serves it until `close`."""

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        """Listen; port 0 picks a free one.

        Raises:
            PortInUse: another process has the port.
            SettingInvalid: this machine has no such address.
        """
        try:
            self._server = _Server((host, port), pages, socket.AF_INET6 if ":" in host else socket.AF_INET)
        except PermissionError as error:
            raise SettingInvalid("metrics", f"this user may not use port {port}; choose one above 1023") from error
        except socket.gaierror as error:
            raise SettingInvalid("metrics", f"this machine has no address {host}") from error
        except OverflowError as error:
            raise SettingInvalid("metrics", "write ADDRESS:PORT, such as 127.0.0.1:9464") from error
        except OSError as error:
            if error.errno in NO_ADDRESS_HERE:
                raise SettingInvalid("metrics", f"this machine has no address {host}") from error
            raise PortInUse(host, port) from error
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    @property
    def address(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://[{host!s}]:{port}" if ":" in str(host) else f"http://{host!s}:{port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], pages: Pages, family: socket.AddressFamily) -> None:
        self.address_family = family
        self.pages = pages
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request, client_address) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        if not self._places.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request, client_address) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request, client_address) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Say nothing of a client that went away."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    timeout = PATIENCE_S
    server: _Server

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        page = self.server.pages.get(self.path.partition("?")[0])
        try:
            answer = page() if page else Answer(HTTPStatus.NOT_FOUND, JSON, b'{"status": "not found"}\n')
        except Exception:
            self._send(Answer(HTTPStatus.INTERNAL_SERVER_ERROR, JSON, b'{"status": "failed"}\n'), with_body=with_body)
            raise
        self._send(answer, with_body=with_body)

    def _send(self, answer: Answer, *, with_body: bool) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def version_string(self) -> str:
        return "hemaledger"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
        """Write nothing: a scrape every few seconds is no event."""
