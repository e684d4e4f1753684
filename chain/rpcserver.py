"""A JSON-RPC server over HTTP/1.1 with kept-alive connections.

Invariant: one request, one answer; what the handler raises becomes an error object, never a broken connection. Only
`application/json` is read, so that a page in a browser cannot post here.

Source: JSON-RPC 2.0.
Not here: what the methods do (devchain.py).
"""

from __future__ import annotations

import errno
import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chain.node import NodeRefusal
from fl.protocol.errors import HemaledgerError, PortInUse

MAX_BODY_BYTES = 16 * 1024 * 1024
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
SERVER_ERROR = -32000

Handler = Callable[[str, list[Any]], Any]
"""(method, params) -> result, or raises NodeRefusal or a HemaledgerError."""


class RpcServer:
    """Listens from construction on and serves in threads until `stop`."""

    def __init__(self, host: str, port: int, handler: Handler) -> None:
        """Listen on host:port (0 picks a free port), or raise PortInUse."""
        try:
            self._server = _Server((host, port), _Connection)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise PortInUse(host, port) from error
            raise
        self._server.handler = handler
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="rpc", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
        self._server.close_connections()


class _Server(ThreadingHTTPServer):
    handler: Handler
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], connection: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, connection)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's types
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - socketserver's types
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self._open_lock:
            waiting = list(self._open)
        for connection in waiting:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - a client went away
        pass


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        """Answer one request or batch."""
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            self._reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _error(None, INVALID_REQUEST, "body too large"))
            self.close_connection = True
            return
        body = self.rfile.read(int(length))
        if self.headers.get_content_type() != "application/json":
            self._reply(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _error(None, INVALID_REQUEST, "send application/json"))
            return
        try:
            message = json.loads(body)
        except ValueError:
            self._reply(HTTPStatus.OK, _error(None, PARSE_ERROR, "this is not JSON"))
            return
        if isinstance(message, list):
            self._reply(HTTPStatus.OK, [self._answer(item) for item in message])
        else:
            self._reply(HTTPStatus.OK, self._answer(message))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keep quiet."""

    def _answer(self, message: object) -> dict[str, Any]:
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            return _error(None, INVALID_REQUEST, "this is no JSON-RPC request")
        number, params = message.get("id"), message.get("params") or []
        if not isinstance(params, list):
            return _error(number, INVALID_REQUEST, "parameters are given as a list")
        try:
            return {"jsonrpc": "2.0", "id": number, "result": self.server.handler(message["method"], params)}
        except NodeRefusal as refusal:
            return _error(number, refusal.code, refusal.message, refusal.data)
        except HemaledgerError as error:
            return _error(number, SERVER_ERROR, f"{error.name}: {error}")

    def _reply(self, status: HTTPStatus, value: object) -> None:
        body = json.dumps(value, separators=(",", ":")).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _error(number: object, code: int, message: str, data: bytes = b"") -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if data:
        error["data"] = "0x" + data.hex()
    return {"jsonrpc": "2.0", "id": number, "error": error}
