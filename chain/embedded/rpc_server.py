"""A JSON-RPC server over HTTP/1.1 with persistent connections.

Invariant: every request gets one answer or error and never breaks the chain. Only `application/json` for a known `Host`
is read, so that a web page cannot post here, neither from its own site nor through DNS rebinding.

Source: JSON-RPC 2.0; RFC 9112.
"""

from __future__ import annotations

import errno
import ipaddress
import json
import logging
import re
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chain.rpc.deadline import Deadline, TimedSocket
from chain.rpc.node import NodeRefusal
from fl.protocol import strict_json
from fl.protocol.errors import EncodingError, HemaledgerError, PortInUse
from fl.protocol.strict_json import JsonValue

MAX_BODY_BYTES = 4 * 1024 * 1024
"""More than the largest transaction that gas allows."""
MAX_BATCH = 200
MAX_CONNECTIONS = 256
"""Above this number, the connection that was idle for longest is closed."""
IDLE_S = 300.0
"""How long a connection may stay without a request."""
REQUEST_S = 20.0
"""How long a request may take to arrive after its first byte, and an answer to be sent."""
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
LOG = logging.getLogger("hemaledger.chain")

Handler = Callable[[str, list[Any]], Any]
"""(method, params) -> result, or raises NodeRefusal or a HemaledgerError."""


class RpcServer:
    """Listens when constructed, and serves in threads until `stop`."""

    def __init__(self, host: str, port: int, handler: Handler, names: frozenset[str] = frozenset()) -> None:
        """Listen on host:port (0 picks a free port), or raise PortInUse.

        `names` are the host names under which clients reach this server, beside localhost and IP addresses.
        """
        try:
            self._server = _Server((host, port), _Connection)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise PortInUse(host, port) from error
            raise
        self._server.handler = handler
        self._server.names = names | {"localhost", host.lower()}
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="rpc", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
        self._server.close_connections()


class _Server(ThreadingHTTPServer):
    handler: Handler
    names: frozenset[str]
    request_queue_size = 128
    daemon_threads = True

    def __init__(self, address: tuple[str, int], connection: type[BaseHTTPRequestHandler]) -> None:
        self._open: dict[socket.socket, None] = {}
        """Connections that wait for a request, the longest idle first."""
        self._working: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, connection)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's types
        with self._open_lock:
            self._open[request] = None
            if len(self._open) + len(self._working) > MAX_CONNECTIONS:
                _shut(next(iter(self._open)))
        super().process_request(request, client_address)

    def working(self, request: socket.socket) -> None:
        """Note that a complete request arrived."""
        with self._open_lock:
            self._open.pop(request, None)
            self._working.add(request)

    def waiting(self, request: socket.socket) -> None:
        with self._open_lock:
            self._working.discard(request)
            self._open[request] = None

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - socketserver's types
        with self._open_lock:
            self._open.pop(request, None)
            self._working.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        with self._open_lock:
            for connection in (*self._open, *self._working):
                _shut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - a client went away
        pass


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self._deadline = Deadline()
        self._timed = TimedSocket(self.connection, self._deadline)
        self.rfile.close()
        self.rfile = self._timed.makefile()

    def handle_one_request(self) -> None:
        """Wait for a first byte, then read the request within REQUEST_S."""
        self.server.waiting(self.request)
        self._deadline.start(IDLE_S)
        try:
            if not self.rfile.peek(1):  # type: ignore[attr-defined]  # a BufferedReader, see setup
                self.close_connection = True
                return
        except OSError:
            self.close_connection = True
            return
        self._deadline.start(REQUEST_S)
        super().handle_one_request()

    def do_POST(self) -> None:
        """Answer one request or batch."""
        refusal = self._refusal()
        if refusal is not None:
            status, why = refusal
            self.close_connection = True
            self._reply(status, _error(None, INVALID_REQUEST, why))
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.working(self.request)
        if self.headers.get_content_type() != "application/json":
            self._reply(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _error(None, INVALID_REQUEST, "send application/json"))
            return
        try:
            message = strict_json.loads(body, "request", MAX_BODY_BYTES)
        except EncodingError as error:
            self._reply(HTTPStatus.OK, _error(None, PARSE_ERROR, str(error)))
            return
        if isinstance(message, list):
            self._reply(HTTPStatus.OK, self._batch(message))
        else:
            self._reply(HTTPStatus.OK, self._answer(message))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Keep quiet."""

    def _refusal(self) -> tuple[HTTPStatus, str] | None:
        """Return why this request is refused unread, or None."""
        hosts, lengths = self.headers.get_all("Host", []), self.headers.get_all("Content-Length", [])
        if len(hosts) != 1 or not _is_known(hosts[0], self.server.names):
            return HTTPStatus.BAD_REQUEST, "this Host name is unknown; add it with hemaledger chain run --name"
        if "Transfer-Encoding" in self.headers or len(lengths) != 1 or not re.fullmatch("[0-9]{1,12}", lengths[0]):
            return HTTPStatus.LENGTH_REQUIRED, "send exactly one Content-Length"
        if int(lengths[0]) > MAX_BODY_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request may have at most {MAX_BODY_BYTES} bytes"
        return None

    def _batch(self, messages: list[JsonValue]) -> object:
        if not 0 < len(messages) <= MAX_BATCH:
            return _error(None, INVALID_REQUEST, f"a batch has 1 to {MAX_BATCH} requests")
        return [self._answer(message) for message in messages]

    def _answer(self, message: object) -> dict[str, Any]:
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            return _error(None, INVALID_REQUEST, "this is not a JSON-RPC request")
        number, params = message.get("id"), message.get("params") or []
        number = number if isinstance(number, str | int | float) else None
        if not isinstance(params, list):
            return _error(number, INVALID_REQUEST, "the parameters must be a list")
        try:
            return {"jsonrpc": "2.0", "id": number, "result": self.server.handler(message["method"], params)}
        except NodeRefusal as refusal:
            return _error(number, refusal.code, refusal.message, refusal.data)
        except HemaledgerError as error:
            return _error(number, SERVER_ERROR, f"{error.name}: {error}")
        except Exception:
            LOG.exception("A request caused an internal error")
            return _error(number, INTERNAL_ERROR, "the request caused an internal error of the chain; see its log")

    def _reply(self, status: HTTPStatus, value: object) -> None:
        body = json.dumps(value, separators=(",", ":")).encode()
        self._deadline.start(REQUEST_S)
        self.connection.settimeout(REQUEST_S)
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _is_known(host: str, names: frozenset[str]) -> bool:
    """Return whether a Host header is a known name or an IP address; DNS rebinding needs another name."""
    name = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?", host.strip())
    if name is None:
        return False
    try:
        ipaddress.ip_address(name[1].strip("[]"))
    except ValueError:
        return name[1].lower() in names
    return True


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _error(number: object, code: int, message: str, data: bytes = b"") -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if data:
        error["data"] = "0x" + data.hex()
    return {"jsonrpc": "2.0", "id": number, "error": error}
