"""500 idle and 100 slow connections: does the site still answer everybody else?

Prints the p50 and p95 of `/healthz`, a sign-in page and the home page without and with the crowd, from one run.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import click

from scripts.bench._table import keep, show
from scripts.server.log import quieten
from scripts.server.request import Bounds
from scripts.server.server import Server, raise_file_limit
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.site_accounts import site_config
from webui.app import create_app
from webui.ports.federation import Services

PATHS = ("/healthz", "/sign-in", "/static/site.css")


@click.command()
@click.option("--port", type=int, help="Port of a running site on this machine. Default: start one.")
@click.option("--idle", type=int, default=500, show_default=True)
@click.option("--slow", type=int, default=100, show_default=True)
@click.option("--requests", type=int, default=200, show_default=True)
def main(port: int | None, idle: int, slow: int, requests: int) -> None:
    """Measure the server of `hemaledger serve`, alone and in a crowd, in one run."""
    raise_file_limit(idle + slow)
    if port is not None:
        measure(port, idle, slow, requests)
        return
    with tempfile.TemporaryDirectory() as folder, started(Path(folder)) as started_port:
        measure(started_port, idle, slow, requests)


def measure(port: int, idle: int, slow: int, requests: int) -> None:
    alone = {path: timed(port, path, requests) for path in PATHS}
    with crowd(port, idle, slow) as connections:
        among = {path: timed(port, path, requests) for path in PATHS}
        left = sum(still_open(each) for each in connections)
    rows = [(path, *percentiles(alone[path]), *percentiles(among[path])) for path in PATHS]
    show(f"{idle} idle and {slow} slow connections ({left} still open at the end)", HEADER, rows)
    keep("site", {path: {"alone_ms": percentiles(alone[path]), "among_ms": percentiles(among[path])} for path in PATHS})


@contextmanager
def started(folder: Path) -> Iterator[int]:
    """Run a site without a ledger in its own process, and yield its port."""
    code = f"from scripts.bench.site import run; run({str(folder)!r})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None:
                raise RuntimeError
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def run(folder: str) -> None:
    """Serve a site without a federation, and print its port."""
    home = Home(Path(folder))
    silent = cast("Services", SimpleNamespace(clock=now, predictions=None, audits=None, records=None, requests=None))
    app = create_app(site_config(home, "Bench", "UTC", tls=False), silent)
    server = Server(app, Bounds(connections=raise_file_limit(Bounds.connections)), None, host="127.0.0.1", port=0)
    print(server.effective_port, flush=True)
    quieten(time.monotonic)
    server.run()


HEADER = ("path", "p50 alone, ms", "p95 alone, ms", "p50 in the crowd, ms", "p95 in the crowd, ms")


def timed(port: int, path: str, count: int) -> list[float]:
    """Return milliseconds of `count` requests, each over a new connection."""
    milliseconds = []
    for _ in range(count):
        began = time.perf_counter()
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", path)
        connection.getresponse().read()
        connection.close()
        milliseconds.append(1000 * (time.perf_counter() - began))
    return milliseconds


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]


@contextmanager
def crowd(port: int, idle: int, slow: int) -> Iterator[list[socket.socket]]:
    """Open idle connections and three kinds of slow ones: half a header, half a body, an unread answer."""
    starts = (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nslow",
        b"GET /static/vendor/bootstrap/bootstrap.min.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8,
    )
    with ExitStack() as stack:
        connections = []
        for number in range(idle + slow):
            each = stack.enter_context(socket.socket())
            if number >= idle and number % len(starts) == len(starts) - 1:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            each.connect(("127.0.0.1", port))
            if number >= idle:
                each.sendall(starts[number % len(starts)])
            connections.append(each)
        yield connections


def still_open(connection: socket.socket) -> bool:
    """Return whether the site has not closed this connection."""
    connection.settimeout(0)
    try:
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


if __name__ == "__main__":
    main()
