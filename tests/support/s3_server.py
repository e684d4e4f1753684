"""A store that speaks S3, on loopback, and a bad line to it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

BUCKET, REGION = "vault", "us-east-1"
KEYS = {"AWS_ACCESS_KEY_ID": "member", "AWS_SECRET_ACCESS_KEY": "a secret of the test"}


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the endpoint of a running store with the empty bucket `BUCKET`, and give this process the keys to it.

    All servers of one process share what they hold, also after a stop: each begins with nothing.
    """
    server = pytest.importorskip("moto.server")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        reset(f"{host}:{port}")
        client(endpoint).create_bucket(Bucket=BUCKET)
        yield endpoint
    finally:
        running.stop()


def reset(place: str) -> None:
    """Delete what earlier servers of this process hold."""
    connection = HTTPConnection(place, timeout=30)
    connection.request("POST", "/moto-api/reset")
    assert connection.getresponse().status == 200
    connection.close()


def client(endpoint: str) -> Any:
    """Return a client of another library, for what somebody else may do in the store."""
    return pytest.importorskip("boto3").client("s3", endpoint_url=endpoint, region_name=REGION)


def address(endpoint: str, prefix: str = "one") -> str:
    return f"s3://{BUCKET}/{prefix}?endpoint={endpoint}&region={REGION}"


class BadLine:
    """A proxy to a store that breaks what it is asked to break; `url` is its endpoint."""

    def __init__(self, endpoint: str) -> None:
        self.faults: list[str] = []
        """What goes wrong with the next requests, one each: `busy`, `full`, `half`, `lie`, `silent`; empty: nothing."""
        handler = type("Handler", (_Handler,), {"line": self, "upstream": endpoint.removeprefix("http://")})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


REFUSALS = {"busy": (503, "SlowDown"), "full": (507, "InsufficientStorage")}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    line: BadLine
    upstream: str

    def answer(self) -> None:
        fault = self.line.faults.pop(0) if self.line.faults else ""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault in REFUSALS:
            status, code = REFUSALS[fault]
            self.say(status, {}, f"<Error><Code>{code}</Code></Error>".encode())
        elif fault == "silent":
            self.hang_up()
        else:
            self.pass_on(body, fault)

    def pass_on(self, body: bytes, fault: str) -> None:
        upstream = HTTPConnection(self.upstream, timeout=30)
        upstream.request(self.command, self.path, body, dict(self.headers.items()))
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        self.say(answer.status, dict(answer.getheaders()), bytes(len(data)) if fault == "lie" else data, fault)

    def say(self, status: int, headers: dict[str, str], data: bytes, fault: str = "") -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in {"content-length", "transfer-encoding", "connection"}:
                self.send_header(name, value)
        length = headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if fault == "half" else data)
        if fault == "half":
            self.hang_up()

    def hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_PUT = do_HEAD = do_POST = answer  # noqa: N815 http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 http.server's name
        pass
