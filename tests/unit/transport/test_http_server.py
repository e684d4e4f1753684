"""The way to another hospital's server: whatever the server does, the caller gets an answer or one error."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from fl.protocol.errors import ServerSilent
from fl.transport import bounded_http
from fl.transport.http_server import STATUS_CAP, HttpServer
from tests.support.private_ca import signed_certificate

Answer = Callable[[socket.socket, threading.Event], object]
STATUS = b'{"model_digest":"' + b"ab" * 32 + b'","round":7,"waiting":2}'


@contextmanager
def answering(answer: Answer, certificate: Path | None = None) -> Iterator[HttpServer]:
    """Serve one connection with `answer`; with a certificate over TLS."""
    stop, scheme = threading.Event(), "https" if certificate else "http"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                if certificate is not None:
                    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                    context.load_cert_chain(certificate)
                    connection = context.wrap_socket(connection, server_side=True)
                with connection:
                    connection.recv(65536)
                    answer(connection, stop)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield HttpServer("South", f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", 0.3, 0.3)
        stop.set()
        thread.join()


def whole(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> Answer:
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: " + str(len(body)).encode() + b"\r\n" + more + b"\r\n"
    return lambda connection, _: connection.sendall(head + body)


def drip(connection: socket.socket, stop: threading.Event) -> None:
    """Send a body of which a byte comes every twentieth of a second: it would last for minutes."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n")
    with suppress(OSError):
        while not stop.wait(0.05):
            connection.sendall(b" ")


def drip_head(connection: socket.socket, stop: threading.Event) -> None:
    """Send a head that never ends, in the same way."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    with suppress(OSError):
        while not stop.wait(0.05):
            connection.sendall(b"x")


def test_a_server_says_how_it_is() -> None:
    with answering(whole(STATUS)) as server:
        found = server.health()
    assert (found.round, found.waiting, found.model_digest) == (7, 2, bytes.fromhex("ab" * 32))


@pytest.mark.parametrize(
    "answer",
    [
        whole(b"[]"),
        whole(b'{"round": 7}'),
        whole(b" " * (STATUS_CAP + 1)),
        whole(STATUS, b"500 Internal Server Error"),
        whole(b"", b"302 Found", b"Location: http://127.0.0.1:1/\r\n"),
        lambda connection, _: connection.sendall(b"not HTTP\r\n\r\n"),
        lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        lambda _, stop: stop.wait(5),
        drip,
        drip_head,
    ],
    ids=["list", "incomplete", "long", "error", "redirect", "no HTTP", "cut off", "silent", "drip", "drip in the head"],
)
def test_what_is_no_status_is_silence(answer: Answer) -> None:
    with answering(answer) as server, pytest.raises(ServerSilent):
        server.health()


def test_nobody_there_is_silence() -> None:
    with pytest.raises(ServerSilent):
        HttpServer("South", "http://127.0.0.1:1", 0.3, 0.3).ask(b"question")


def test_over_tls_the_certificate_counts_and_a_slow_server_is_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = signed_certificate(tmp_path) / "server.pem"
    with answering(whole(STATUS), certificate) as server, pytest.raises(ServerSilent):
        server.health()
    monkeypatch.setattr(bounded_http, "DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "ca.pem"))
    with answering(whole(STATUS), certificate) as server:
        assert server.health().round == 7
    for answer in (drip, drip_head):
        with answering(answer, certificate) as server, pytest.raises(ServerSilent, match="too long"):
            server.health()
