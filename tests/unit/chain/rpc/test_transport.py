"""The short way to a node on this machine, beside the long one: the same answers, the same complaints."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from web3 import Web3
from web3.exceptions import BadResponseFormat, Web3RPCError
from web3.types import RPCEndpoint

from chain.embedded.rpc_server import RpcServer
from chain.rpc import transport as wire
from chain.rpc.direct import Direct
from chain.rpc.http import Provider
from chain.rpc.node import Node, NodeRefusal, NodeSettings
from chain.rpc.transport import Broken, RateLimited, Refused, TooMuch, Wire
from chain.rpc.wires import wire_to
from fl.protocol.errors import ChainUnavailable


def echo(method: str, params: list[object]) -> object:
    return [method, params]


PATIENCE_S = 10.0


def both(url: str) -> list[Wire]:
    return [wire_to(url), Provider(url, trust_env=False)]


@pytest.fixture
def server() -> Iterator[RpcServer]:
    running = RpcServer("127.0.0.1", 0, echo)
    running.start()
    yield running
    running.stop()


class Strange(BaseHTTPRequestHandler):
    """Answers what its path says."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, body = self.path.lstrip("/").split("/", 1)
        self.send_response(int(status))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def strange() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Strange)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("http://127.0.0.1:8545", True),
        ("http://localhost:8545", True),
        ("http://[::1]:8545", True),
        ("https://127.0.0.1:8545", False),
        ("http://user:word@127.0.0.1:8545", False),
        ("http://127.0.0.1:8545/?key=1", False),
        ("http://10.0.0.1:8545", False),
        ("http://example.org", False),
    ],
)
def test_only_plain_http_to_this_machine_goes_the_short_way(url: str, *, direct: bool) -> None:
    assert isinstance(wire_to(url), Direct) == direct


def test_both_ways_give_the_same_answers_in_order(server: RpcServer) -> None:
    for each in both(f"http://127.0.0.1:{server.port}"):
        assert each.one(("eth_a", [1, {"b": 2}]), PATIENCE_S)["result"] == ["eth_a", [1, {"b": 2}]]
        answers = each.many([("eth_a", [1]), ("eth_b", [])], PATIENCE_S)
        assert answers is not None
        assert [answer["result"] for answer in answers] == [["eth_a", [1]], ["eth_b", []]]


def test_a_connection_that_the_node_closed_is_opened_again(server: RpcServer) -> None:
    port = server.port
    direct = wire_to(f"http://127.0.0.1:{port}")
    assert direct.one(("eth_a", []), PATIENCE_S)["result"] == ["eth_a", []]
    server.stop()
    with pytest.raises(Broken, match="refused or broke"):
        direct.one(("eth_a", []), PATIENCE_S)
    again = RpcServer("127.0.0.1", port, echo)
    again.start()
    assert direct.one(("eth_b", []), PATIENCE_S)["result"] == ["eth_b", []]
    again.stop()


@pytest.mark.parametrize(
    ("path", "why"),
    [("500/{}", "HTTP 500"), ("200/hello", "does not speak JSON-RPC"), ("200/", "does not speak JSON-RPC")],
)
def test_both_ways_complain_alike_of_what_is_no_node(strange: str, path: str, why: str) -> None:
    for each in both(f"{strange}/{path}"):
        with pytest.raises(Broken, match=why):
            each.one(("eth_a", []), PATIENCE_S)


def test_both_ways_say_when_no_answer_comes() -> None:
    release = threading.Event()

    def never(_method: str, _params: list[object]) -> object:
        return release.wait(30)

    server = RpcServer("127.0.0.1", 0, never)
    server.start()
    try:
        for each in both(f"http://127.0.0.1:{server.port}"):
            with pytest.raises(Broken, match=r"no answer within 0\.2 s"):
                each.one(("eth_a", []), 0.2)
    finally:
        release.set()
        server.stop()


@contextmanager
def listener(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Give every connection to `serve`, after its request came."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=talk, args=(connection,), daemon=True).start()

        def talk(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                connection.recv(65536)
                serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"])
def test_an_answer_that_comes_a_byte_at_a_time_ends_in_time(start: bytes) -> None:
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(start)
        while not ended.wait(0.1):
            connection.sendall(b"H")

    with listener(drip) as url:
        try:
            for each in both(url):
                with pytest.raises(Broken, match=r"no answer within 0\.6 s"):
                    each.one(("eth_a", []), 0.6)
        finally:
            ended.set()


def answers(head: str, body: bytes) -> Callable[[socket.socket], None]:
    text = f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return lambda connection: connection.sendall(text.encode() + body)


@pytest.mark.parametrize("body", ["{}", "[]", "[5]", '[{"id":7,"result":1}]', '[{"id":[],"result":1}]', "5"])
def test_an_answer_that_is_no_batch_is_none(body: str) -> None:
    with listener(answers("200 OK", body.encode())) as url:
        for each in both(url):
            assert each.many([("eth_a", [])], PATIENCE_S) is None


@pytest.mark.parametrize(
    "body", ['"x"', "[]", "NaN", '{"id":2,"result":1}', '{"id":1,"result":Infinity}', '{"id":1,"id":1}', "[" * 99_000]
)
def test_what_is_no_answer_is_no_json_rpc(body: str) -> None:
    with listener(answers("200 OK", body.encode())) as url:
        for each in both(url):
            with pytest.raises(Broken, match="does not speak JSON-RPC"):
                each.one(("eth_a", []), PATIENCE_S)


def test_a_redirect_is_not_followed() -> None:
    with listener(answers("307 Elsewhere\r\nLocation: http://127.0.0.1:1/", b"")) as url:
        for each in both(url):
            with pytest.raises(Refused, match="HTTP 307"):
                each.one(("eth_a", []), PATIENCE_S)


def test_a_packed_answer_is_not_unpacked_beyond_what_is_read() -> None:
    bomb = gzip.compress(b" " * (200 * 1024 * 1024), 1)
    with listener(answers("200 OK\r\nContent-Encoding: gzip", bomb)) as url:
        tracemalloc.start()
        for each in both(url):
            with pytest.raises(Broken):
                each.one(("eth_a", []), PATIENCE_S)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 5 * wire.ANSWER_CAP


def test_an_answer_beyond_the_cap_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chain.rpc.transport.ANSWER_CAP", 1000)
    with listener(answers("200 OK", b" " * 1001)) as url:
        for each in both(url):
            with pytest.raises(TooMuch, match="larger than 1000 bytes"):
                each.one(("eth_a", []), PATIENCE_S)


@pytest.mark.parametrize(("header", "pause_s"), [("Retry-After: 7", 7.0), ("Retry-After: soon", 1.0), ("X: y", 1.0)])
def test_a_busy_node_says_how_long(header: str, pause_s: float) -> None:
    with listener(answers(f"429 Slow\r\n{header}", b"{}")) as url:
        for each in both(url):
            with pytest.raises(RateLimited) as busy:
                each.one(("eth_a", []), PATIENCE_S)
            assert busy.value.pause_s == pause_s


@pytest.mark.parametrize(
    "url", ["", "8545", "ftp://127.0.0.1", "http://", "http://[::1", "http://a:99999", "http://a:b"]
)
def test_what_is_no_url_is_said(url: str) -> None:
    with pytest.raises(Broken, match="not a URL"):
        wire_to(url)


def test_an_idle_connection_that_a_remote_node_closed_is_opened_again(server: RpcServer) -> None:
    port, remote = server.port, Provider(f"http://127.0.0.1:{server.port}", trust_env=False)
    assert remote.one(("eth_a", []), PATIENCE_S)["result"] == ["eth_a", []]
    server.stop()
    again = RpcServer("127.0.0.1", port, echo)
    again.start()
    assert remote.one(("eth_b", []), PATIENCE_S)["result"] == ["eth_b", []]
    again.stop()


def test_web3_speaks_through_the_provider_for_remote_nodes() -> None:
    def node(method: str, _params: list[object]) -> object:
        answers = {"eth_chainId": "0x7a69", "eth_blockNumber": "0x10", "eth_getBalance": "0x5"}
        if method not in answers:
            raise NodeRefusal({"code": -32601, "message": f"{method} is not served"})
        return answers[method]

    server = RpcServer("127.0.0.1", 0, node)
    server.start()
    try:
        web3 = Web3(Provider(f"http://127.0.0.1:{server.port}", trust_env=False))
        assert (web3.eth.chain_id, web3.eth.block_number) == (31337, 16)
        with web3.batch_requests() as batch:
            batch.add(web3.eth.get_balance(web3.to_checksum_address("0x" + "11" * 20)))
            batch.add(web3.eth.get_balance(web3.to_checksum_address("0x" + "22" * 20)))
            assert [int(str(each)) for each in batch.execute()] == [5, 5]
        with pytest.raises(Web3RPCError, match="is not served"):
            web3.eth.get_block("latest")
    finally:
        server.stop()


def test_web3_is_told_when_a_batch_gets_no_batch() -> None:
    other = answers("200 OK", b'[{"jsonrpc":"2.0","id":77,"result":"0x1"}]')
    with listener(other) as url, pytest.raises(BadResponseFormat):
        Provider(url, trust_env=False).make_batch_request([(RPCEndpoint("eth_chainId"), [])])


def test_a_busy_node_that_names_no_pause_gets_one() -> None:
    asked: list[int] = []

    def busy(connection: socket.socket) -> None:
        asked.append(1)
        answers("429 Slow\r\nRetry-After: 0", b"{}")(connection)

    with listener(busy) as url, pytest.raises(ChainUnavailable, match="fewer requests"):
        Node(NodeSettings(url, timeout_s=1.0)).attempt("eth_chainId")
    assert len(asked) <= 3
