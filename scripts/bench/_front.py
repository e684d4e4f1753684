"""An HTTP proxy in front of an Ethereum node that misbehaves as providers do: real sockets, real answers, and faults.

Invariant: without a fault it passes every request and answer as it is.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

UPSTREAM_S = 30.0
Request = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the proxy answers itself; status 0 closes the connection without an answer."""

    status: int
    body: object = None
    headers: tuple[tuple[str, str], ...] = ()


DOWN = Reply(0)
Fault = Callable[[list[Request]], Reply | None]
"""Looks at the requests in one HTTP request; None passes them on."""


@dataclass
class Front:
    """One proxy. `fault` and `changed` may be replaced while it runs."""

    upstream: str
    fault: Fault = lambda _requests: None
    changed: Callable[[Request, Any], Any] = lambda _request, result: result
    """Gets each request with its result, and returns what the client sees."""
    asked: list[str] = field(default_factory=list)
    """The methods of all requests, also of those that were not passed on."""
    faults: int = 0

    def answer(self, body: bytes) -> Reply:
        message = json.loads(body)
        requests = message if isinstance(message, list) else [message]
        self.asked += [each["method"] for each in requests]
        reply = self.fault(requests)
        if reply is not None:
            self.faults += 1
            return reply
        found = json.loads(self._pass(body))
        answers = found if isinstance(found, list) else [found]
        by_id = {each["id"]: each for each in requests}
        for each in answers:
            if "result" in each:
                each["result"] = self.changed(by_id[each["id"]], each["result"])
        return Reply(200, found)

    def _pass(self, body: bytes) -> bytes:
        request = urllib.request.Request(self.upstream, body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=UPSTREAM_S) as response:  # noqa: S310 - http, to this machine
            found: bytes = response.read()
        return found


@contextmanager
def front(upstream: str) -> Iterator[tuple[Front, str]]:
    """Run a proxy on a free port of this machine; yield it and its URL."""
    proxy = Front(upstream)

    class Connection(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            reply = proxy.answer(self.rfile.read(int(self.headers["Content-Length"])))
            if not reply.status:
                self.close_connection = True
                return
            body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in (*reply.headers, ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Connection)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="front", daemon=True)
    thread.start()
    try:
        yield proxy, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def busy_each(number: int, *headers: tuple[str, str], status: int = 429) -> Fault:
    """Return a fault that refuses every so-manieth HTTP request."""
    counted = [0]

    def fault(_requests: list[Request]) -> Reply | None:
        counted[0] += 1
        return Reply(status, {"error": "slow down"}, headers) if counted[0] % number == 0 else None

    return fault


def narrow(most: int, message: str = "query returned more than 10000 results") -> Fault:
    """Return a fault that refuses logs of more than so many blocks."""

    def fault(requests: list[Request]) -> Reply | None:
        for each in requests:
            where = each["params"][0] if each["method"] == "eth_getLogs" else {}
            if "fromBlock" in where and int(where["toBlock"], 16) - int(where["fromBlock"], 16) + 1 > most:
                return Reply(200, {"jsonrpc": "2.0", "id": each["id"], "error": {"code": -32005, "message": message}})
        return None

    return fault


def small_batches(most: int) -> Fault:
    """Return a fault that refuses batches of more than so many requests."""

    def fault(requests: list[Request]) -> Reply | None:
        error = {"code": -32600, "message": "batch too large"}
        return Reply(200, {"jsonrpc": "2.0", "id": None, "error": error}) if len(requests) > most else None

    return fault


def down(_requests: list[Request]) -> Reply:
    """Close every connection."""
    return DOWN
