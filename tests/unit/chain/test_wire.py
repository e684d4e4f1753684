"""The short way to a node on this machine, beside the long one through web3: the same answers, the same complaints."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chain import wire
from chain.provider import Provider
from chain.rpcserver import RpcServer
from chain.wire import Broken, Direct, Wire


def echo(method: str, params: list[object]) -> object:
    return [method, params]


def both(url: str, timeout_s: float = 10.0) -> list[Wire]:
    return [wire.connect(url, timeout_s), Provider(url, timeout_s, trust_env=False)]


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
    assert isinstance(wire.connect(url, 1.0), Direct) == direct


def test_both_ways_give_the_same_answers_in_order(server: RpcServer) -> None:
    for each in both(f"http://127.0.0.1:{server.port}"):
        assert each.one(("eth_a", [1, {"b": 2}]))["result"] == ["eth_a", [1, {"b": 2}]]
        answers = each.many([("eth_a", [1]), ("eth_b", [])])
        assert [answer["result"] for answer in answers] == [["eth_a", [1]], ["eth_b", []]]


def test_a_connection_that_the_node_closed_is_opened_again(server: RpcServer) -> None:
    port = server.port
    direct = wire.connect(f"http://127.0.0.1:{port}", 10.0)
    assert direct.one(("eth_a", []))["result"] == ["eth_a", []]
    server.stop()
    with pytest.raises(Broken, match="refused or broke"):
        direct.one(("eth_a", []))
    again = RpcServer("127.0.0.1", port, echo)
    again.start()
    assert direct.one(("eth_b", []))["result"] == ["eth_b", []]
    again.stop()


@pytest.mark.parametrize(
    ("path", "why"),
    [("500/{}", "HTTP 500"), ("200/hello", "does not speak JSON-RPC"), ("200/", "does not speak JSON-RPC")],
)
def test_both_ways_complain_alike_of_what_is_no_node(strange: str, path: str, why: str) -> None:
    for each in both(f"{strange}/{path}"):
        with pytest.raises(Broken, match=why):
            each.one(("eth_a", []))


def test_both_ways_say_when_no_answer_comes() -> None:
    release = threading.Event()

    def never(_method: str, _params: list[object]) -> object:
        return release.wait(30)

    server = RpcServer("127.0.0.1", 0, never)
    server.start()
    try:
        for each in both(f"http://127.0.0.1:{server.port}", 0.2):
            with pytest.raises(Broken, match=r"no answer within 0\.2 s"):
                each.one(("eth_a", []))
    finally:
        release.set()
        server.stop()


def test_an_answer_that_is_no_list_is_handed_on(strange: str) -> None:
    assert wire.connect(f"{strange}/200/{{}}", 1.0).many([("eth_a", [])]) == {}
