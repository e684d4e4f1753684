"""A node that lies or is broken: a reader and a writer of the ledger get damaged answers in place of a real chain's.

The first byte of an input says which exchange is answered with the rest; the others are answered by the chain.
"""

from __future__ import annotations

import http.client
import shutil
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chain.deploy import deploy
from chain.keystore import AccountKey, generate
from chain.ledger import EthereumLedger, LedgerSettings
from chain.node import NodeSettings
from chain.sender import TransactionSettings
from fl.protocol.names import Role
from fl.protocol.records import MemberRegistered
from scripts._chain_process import ChainProcess
from scripts._home import Home
from scripts.fuzz._door import Door, refuses_well

TIMEOUT_S = 2.0
EXCHANGES = 12
"""More than opening a ledger, reading it and appending to it takes."""
KEY = AccountKey(b"\x06" * 32)


@dataclass
class _Lies:
    """What the fake node answers, and what the real one answered so far."""

    chain: tuple[str, int]
    exchange: int = -1
    answer: bytes = b""
    count: int = 0
    real: list[bytes] = field(default_factory=list)

    def reply(self, body: bytes) -> bytes:
        """Return the lie when it is its turn, the chain's own answer else."""
        turn, self.count = self.count, self.count + 1
        if turn == self.exchange:
            return self.answer
        connection = http.client.HTTPConnection(*self.chain, timeout=TIMEOUT_S)
        connection.request("POST", "/", body, {"Content-Type": "application/json"})
        found = connection.getresponse().read()
        connection.close()
        self.real.append(found)
        return found


def open_door(folder: Path) -> Door:
    """Start a chain, found a consortium on it, and return the door."""
    shutil.rmtree(folder / "home", ignore_errors=True)
    chain = ChainProcess(Home(folder / "home"))
    host, port = chain.url.removeprefix("http://").rstrip("/").split(":")
    anchor = deploy(NodeSettings(chain.url), TransactionSettings(), KEY, bytes(32))
    settings = LedgerSettings(NodeSettings(chain.url, timeout_s=TIMEOUT_S), anchor)
    ledger = EthereumLedger(settings, KEY)
    ledger.append(MemberRegistered(KEY.address, generate().address, Role.HOSPITAL, "H"))
    lies = _Lies((host, int(port)))
    server = _serve(lies)
    lying = replace(settings, node=NodeSettings(f"http://127.0.0.1:{server.server_address[1]}", timeout_s=TIMEOUT_S))
    refuses_well(lambda: _use(lying))
    seeds = [bytes([turn]) + answer for turn, answer in enumerate(lies.real[:EXCHANGES])]

    def knock(data: bytes) -> None:
        lies.exchange, lies.answer, lies.count = (data[0] % EXCHANGES if data else 0), data[1:], 0
        refuses_well(lambda: _use(lying))

    return Door(knock, seeds)


def _use(settings: LedgerSettings) -> None:
    """Open the ledger, read all of it, and read on, as every agent does."""
    ledger = EthereumLedger(settings, KEY)
    entries = ledger.replay()
    ledger.wait(entries[-1].position if entries else None, 0.0)
    ledger.append(MemberRegistered(KEY.address, KEY.address, Role.HOSPITAL, "refused: the operator itself"))


def _serve(lies: _Lies) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = lies.reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
