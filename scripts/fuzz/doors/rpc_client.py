"""A lying or broken node: readers and writers of the ledger get damaged answers.

The first byte of an input chooses the exchange that gets the rest as its answer. A real chain answers the others.
"""

from __future__ import annotations

import functools
import http.client
import shutil
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chain.deploy import deploy
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import NodeSettings
from chain.transactions.keystore import AccountKey
from chain.transactions.sender import TransactionSettings
from fl.protocol.names import Role
from fl.protocol.records import MemberRegistered
from scripts.demo.child_process import ChainProcess
from scripts.fuzz._door import Door, refuses_well
from scripts.wiring.home import Home

TIMEOUT_S = 2.0
RECEIPT_S = 0.1
KEPT = 256
"""How many answers of the real chain are cached. A round with good answers needs a tenth of them."""
KEY = AccountKey(b"\x06" * 32)
MEMBERS = tuple(AccountKey(bytes([number]) * 32).address for number in (7, 8))


class _Chain:
    """The real chain. A repeated request gets its first answer, so that an append succeeds each time."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self.answer = functools.lru_cache(KEPT)(self._ask)

    def _ask(self, body: bytes) -> bytes:
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_S)
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        answer = connection.getresponse().read()
        connection.close()
        return answer


@dataclass
class _Lies:
    """The answer of the fake node, and the number of exchanges since it was chosen."""

    chain: _Chain
    exchange: int = -1
    answer: bytes = b""
    count: int = 0
    last: list[bytes] = field(default_factory=list)
    """The real answers since then."""

    def choose(self, exchange: int, answer: bytes) -> None:
        """Start again; this exchange will get this answer."""
        self.exchange, self.answer, self.count = exchange, answer, 0
        self.last.clear()

    def reply(self, body: bytes) -> bytes:
        """Return the lie for the chosen exchange, else the real answer."""
        turn, self.count = self.count, self.count + 1
        if turn == self.exchange:
            return self.answer
        self.last.append(self.chain.answer(body))
        return self.last[-1]


def open_door(folder: Path) -> Door:
    """Start a chain, found a consortium on it, and return the door."""
    shutil.rmtree(folder / "home", ignore_errors=True)
    chain = ChainProcess(Home(folder / "home"))
    host, port = chain.url.removeprefix("http://").rstrip("/").split(":")
    anchor = deploy(NodeSettings(chain.url), TransactionSettings(), KEY, bytes(32))
    EthereumLedger(LedgerSettings(NodeSettings(chain.url), anchor), KEY).append(_member(0))
    lies = _Lies(_Chain(host, int(port)))
    server = _serve(lies)
    node = NodeSettings(f"http://127.0.0.1:{server.server_address[1]}", timeout_s=TIMEOUT_S)
    lying = LedgerSettings(node, anchor, TransactionSettings(timeout_s=RECEIPT_S))
    _use(lying)
    seeds = [bytes([turn]) + answer for turn, answer in enumerate(lies.last)]

    def knock(data: bytes) -> None:
        lies.choose(data[0] % len(seeds) if data else 0, data[1:])
        refuses_well(lambda: _use(lying))

    return Door(knock, seeds)


def _use(settings: LedgerSettings) -> None:
    """Open the ledger, read it, wait for news, and append, as every agent does."""
    ledger = EthereumLedger(settings, KEY)
    entries = ledger.replay()
    ledger.wait(entries[-1].position if entries else None, 0.0)
    ledger.append(_member(1))


def _member(number: int) -> MemberRegistered:
    return MemberRegistered(KEY.address, MEMBERS[number], Role.HOSPITAL, f"Hospital {number}")


def _serve(lies: _Lies) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body of an answer are two packets

        def do_POST(self) -> None:
            body = lies.reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Write no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
