"""A rehearsal of a public network: blocks at fixed intervals, fees, waiting transactions, and replaced blocks.

It knows Ethereum's own methods only, so programs treat it as any other node. Nothing is stored: it is for tests and
benchmarks, and its chain ends with the process.

Invariant: clients see a reorg whole: either every old block or every new one. A replaced transaction waits again, as
on a real network, unless it is dropped.

Source: Hardhat's JSON-RPC methods (evm_snapshot, evm_revert, hardhat_setPrevRandao, hardhat_setNextBlockBaseFeePerGas).
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chain.embedded.hardhat import NodeProcess
from chain.embedded.rpc_server import RpcServer
from chain.rpc.node import HEADER_ONLY, NodeRefusal
from fl.protocol.names import Address

KEPT = 64
"""How many of the newest blocks can be replaced."""
NOT_FOUND, INVALID = -32601, -32602
FINAL = "finalized"
STEERED = ("evm_", "hardhat_", "debug_", "hemaledger_")
"""What changes the node is not for clients, and a foreign node does not know our own methods."""


@dataclass(frozen=True)
class Network:
    """How the network behaves."""

    block_s: float
    """Seconds between two blocks; 0: a block for each transaction, at once."""
    final_depth: int = 2
    """How many blocks lie on top of the newest finalized one."""
    founding: bool = False
    """Whether it begins with a block for each transaction, until `start`."""


@dataclass
class IntervalChain:
    """A running network; a context manager. `url` serves JSON-RPC."""

    node: NodeProcess
    network: Network
    base_fee: int | None = None
    """Wei per gas in the following blocks; None: the node's own, which is zero."""
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _runs: threading.Event = field(default_factory=threading.Event)
    """Whether blocks come at intervals now."""
    _sent: dict[str, str] = field(default_factory=dict)
    """Every transaction that a client sent, by hash, in order."""
    _points: list[tuple[int, str]] = field(default_factory=list)
    """The newest blocks' numbers with a snapshot behind each."""
    _salt: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def head(self) -> int:
        return int(self.node.request("eth_blockNumber"), 16)

    def fund(self, account: Address, wei: int) -> None:
        self.node.request("hardhat_setBalance", "0x" + account.hex(), hex(wei))

    def lose(self, tx_hash: str) -> None:
        """Forget a transaction that waits, as a node does that is started again."""
        with self._lock:
            self._sent.pop(tx_hash, None)
            self.node.request("hardhat_dropTransaction", tx_hash)

    def mine(self) -> int:
        """Make a block of what waits; return its number."""
        with self._lock:
            if self.base_fee is not None:
                self.node.request("hardhat_setNextBlockBaseFeePerGas", hex(self.base_fee))
            number = int(self.node.sequence(*self._block())[-2], 16)
            self._points = [*self._points[1 - KEPT :], (number, self.node.request("evm_snapshot"))]
            return number

    def reorg(self, depth: int, *, drop: bool = False) -> int:
        """Replace the newest `depth` blocks by one more; return the first new block's number.

        Their transactions are included again in the first of them, or lost with `drop`.
        """
        with self._lock:
            first = self.head - depth + 1
            point = next(name for number, name in self._points if number == first - 1)
            replaced = self._transactions(first)
            self.node.request("evm_revert", point)
            self._points = [(number, name) for number, name in self._points if number < first - 1]
            self._points.append((first - 1, self.node.request("evm_snapshot")))
            for name in replaced:
                if drop:
                    self._sent.pop(name, None)
            self._offer_again()
            for _ in range(depth + 1):
                self.mine()
            return first

    def reorg_from(self, block: int, *, drop: bool = False) -> int:
        """Replace every block from number `block` on; as `reorg`."""
        with self._lock:
            return self.reorg(self.head - block + 1, drop=drop)

    def handle(self, method: str, params: list[Any]) -> Any:  # noqa: ANN401 - JSON
        """Answer one request of a client."""
        if method.startswith(STEERED):
            raise NodeRefusal({"code": NOT_FOUND, "message": f"the method {method} does not exist"})
        with self._lock:
            if method == "eth_sendRawTransaction":
                return self._take(params)
            if method == "eth_getBlockByNumber" and params and params[0] == FINAL:
                params = [hex(max(self.head - self.network.final_depth, 0)), *params[1:]]
            return self.node.request(method, *params)

    def close(self) -> None:
        self._stop.set()
        self.node.stop()

    def start(self) -> None:
        """Make blocks at intervals from now on, if there are intervals."""
        if self.network.block_s:
            self._runs.set()
            threading.Thread(target=self._run, name="blocks", daemon=True).start()

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            due += self.network.block_s
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            with self._lock:
                if not self._stop.is_set():
                    self.mine()

    def _take(self, params: list[Any]) -> str:
        name: str = self.node.request("eth_sendRawTransaction", *params)
        self._sent[name] = params[0]
        if not self._runs.is_set():
            self.mine()
        return name

    def _block(self) -> list[tuple[str, list[Any]]]:
        """Return the requests that make a block with a hash that no other block has."""
        newest = self.node.request("eth_getBlockByNumber", "latest", HEADER_ONLY)
        at = max(int(time.time()), int(newest["timestamp"], 16))
        return [
            ("evm_setNextBlockTimestamp", [at]),
            ("hardhat_setPrevRandao", ["0x" + next(self._salt).to_bytes(32, "big").hex()]),
            ("evm_mine", []),
            ("eth_blockNumber", []),
            ("eth_chainId", []),
        ]

    def _transactions(self, first: int) -> list[str]:
        """Return the hashes of the transactions in blocks from `first` on."""
        blocks = (self.node.request("eth_getBlockByNumber", hex(n), HEADER_ONLY) for n in range(first, self.head + 1))
        return [name for block in blocks for name in block["transactions"]]

    def _offer_again(self) -> None:
        """Send the node what it lost when it went back."""
        for name, raw in self._sent.items():
            if self.node.request("eth_getTransactionByHash", name) is None:
                try:
                    self.node.request("eth_sendRawTransaction", raw)
                except NodeRefusal:  # another transaction has its place
                    continue


@contextmanager
def interval_chain(project: Path, folder: Path, network: Network) -> Iterator[tuple[IntervalChain, str]]:
    """Run a network on a free port of this machine; yield it and its URL."""
    node = NodeProcess(project, folder / "node.log", lambda: None)
    chain = IntervalChain(node, network)
    server = RpcServer("127.0.0.1", 0, chain.handle)
    try:
        chain.mine()
        server.start()
        if not network.founding:
            chain.start()
        yield chain, f"http://127.0.0.1:{server.port}"
    finally:
        server.stop()
        chain.close()
