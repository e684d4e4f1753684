"""The RPC server answers whatever comes, in bounds, and goes on."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from chain.embedded import rpc_server as rpcserver
from chain.embedded.rpc_server import RpcServer

PATIENCE_S = 120.0


def handler(method: str, params: list[Any]) -> Any:
    if method == "fault":
        raise KeyError(method)
    return [method, params]


@pytest.fixture
def server() -> Iterator[RpcServer]:
    running = RpcServer("127.0.0.1", 0, handler, frozenset({"chain.hospital.lan"}))
    running.start()
    yield running
    running.stop()


class Client:
    """A socket that says exactly what it is given."""

    def __init__(self, server: RpcServer) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), PATIENCE_S)
        self._file = self.socket.makefile("rb")

    def post(self, body: bytes, *, host: str = "127.0.0.1", more: str = "") -> tuple[int, Any]:
        head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self.socket.sendall(f"{head}{more}\r\n".encode("latin-1") + body)
        return self.read()

    def read(self) -> tuple[int, Any]:
        status = int(self._file.readline().split()[1])
        length = 0
        while line := self._file.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return status, json.loads(self._file.read(length))

    def ended(self) -> bool:
        return self._file.read(1) == b""


def call(method: str = "m", params: object = None, number: object = 1) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params or []}).encode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"id":1,"method":"m","params":[Infinity,false]}', -32700),
        (b'{"id":1,"method":"m","params":[NaN]}', -32700),
        (b'{"id":1,"method":"m","params":[1e999]}', -32700),
        (b"[" * 200_000 + b"]" * 200_000, -32700),
        (b'{"id":1,"method":"m","params":' + b"[" * 99_000 + b"]" * 99_000 + b"}", -32700),
        (b'{"id":1,"id":2,"method":"m"}', -32700),
        (b"\xff\xfe", -32700),
        (b'{"id":1,"method":"\\ud800"}', -32700),
        (b"", -32700),
        (b"7", -32600),
        (b"null", -32600),
        (b"[]", -32600),
        (b'{"id":1,"method":7}', -32600),
        (b'{"id":1,"method":"m","params":"x"}', -32600),
        (b"[" + b",".join([b"1"] * 201) + b"]", -32600),
        (b'{"id":1,"method":"fault"}', -32603),
    ],
)
def test_whatever_comes_is_answered_and_the_connection_goes_on(server: RpcServer, body: bytes, code: int) -> None:
    client = Client(server)
    status, answer = client.post(body)
    assert (status, answer["error"]["code"]) == (200, code)
    assert client.post(call())[1]["result"] == ["m", []]


@pytest.mark.parametrize("number", [{}, [[]], [1], True, 1.5, "x", 10**70])
def test_an_odd_id_breaks_nothing(server: RpcServer, number: object) -> None:
    status, answer = Client(server).post(call(number=number))
    assert (status, answer["result"]) == (200, ["m", []])
    assert answer["id"] == (number if not isinstance(number, dict | list) else None)


def test_requests_that_follow_at_once_are_all_answered(server: RpcServer) -> None:
    client = Client(server)
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    bodies = [call(number=number) for number in range(5)]
    client.socket.sendall(b"".join(head + str(len(body)).encode() + b"\r\n\r\n" + body for body in bodies))
    assert [client.read()[1]["id"] for _ in bodies] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3:8545", "[::1]:8545", "LocalHost:1", "chain.hospital.lan:8545"])
def test_known_hosts_are_served(server: RpcServer, host: str) -> None:
    assert Client(server).post(call(), host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "", "a b", "127.0.0.1.evil.example", "[", "x" * 5000, "\xff\xfe", "localhost:x", "127.1@e"]
)
def test_a_foreign_host_is_refused(server: RpcServer, host: str) -> None:
    client = Client(server)
    status, answer = client.post(call(), host=host)
    assert (status, answer["error"]["code"]) == (400, -32600)
    assert client.ended()


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ("Host: localhost\r\n", 400),
        ("Content-Length: 5\r\n", 411),
        ("Transfer-Encoding: chunked\r\n", 411),
    ],
)
def test_a_header_that_two_readers_take_apart_is_refused(server: RpcServer, more: str, status: int) -> None:
    assert Client(server).post(call(), more=more)[0] == status


@pytest.mark.parametrize(
    ("length", "status"), [("-1", 411), ("\xb2", 411), ("", 411), ("5000000", 413), ("9" * 13, 411)]
)
def test_an_odd_length_is_refused(server: RpcServer, length: str, status: int) -> None:
    client = Client(server)
    client.socket.sendall(f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode("latin-1"))
    assert client.read()[0] == status
    assert client.ended()


@pytest.mark.parametrize(
    "begun", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"]
)
def test_who_sends_nothing_more_is_let_go(server: RpcServer, begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpcserver, "IDLE_S", 0.2)
    monkeypatch.setattr(rpcserver, "REQUEST_S", 0.2)
    client = Client(server)
    client.socket.sendall(begun)
    assert client.ended()


def test_idle_connections_keep_nobody_out(server: RpcServer) -> None:
    idle = [Client(server) for _ in range(rpcserver.MAX_CONNECTIONS + 20)]
    assert Client(server).post(call())[0] == 200
    assert idle[0].ended()
    assert idle[-1].post(call())[0] == 200
