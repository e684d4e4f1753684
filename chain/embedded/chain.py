"""The embedded chain: Hardhat's node behind a journal that survives kill -9 of every process.

Clients speak JSON-RPC to this process, which owns the node. A raw transaction is sent to the node, then journalled,
then mined in its own block, then answered. At a start, the journal is replayed to the same block hashes. Gas is free.

Invariant: every answered transaction is in the journal, every journalled transaction is on the chain, and only this
process mines. So a restart gives the same chain with the same head hash, or it fails (JournalTampered).

Source: Hardhat's JSON-RPC methods (evm_mine, evm_setNextBlockTimestamp); journal.py says what is detected.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chain.embedded import methods
from chain.embedded.admission import Admission
from chain.embedded.block_feed import FeedBlock, Log, News
from chain.embedded.folder_lock import lock
from chain.embedded.hardhat import NodeProcess
from chain.embedded.journal import BlockJournal, Transaction
from chain.embedded.rpc_server import RpcServer
from chain.embedded.trials import Trials
from chain.rpc.node import HEADER_ONLY, NEWS, NodeRefusal
from chain.rpc.shapes import RAW
from chain.transactions.signed import REJECTED, of_raw, parse
from fl.protocol.errors import ChainUnavailable, StorageFull, WrongChain
from fl.protocol.names import Address

NOT_FOUND = -32601


@dataclass(frozen=True)
class DevChainSettings:
    """Where an embedded chain is stored and served."""

    project: Path
    """The folder with hardhat.config.js and node_modules."""
    folder: Path
    """The chain's own folder: journal, heads, lock, the node's log."""
    clock: Callable[[], float]
    """Seconds since 1970; the time of blocks comes from it and never goes back."""
    port: int = 8545
    """0 picks a free one."""
    host: str = "127.0.0.1"
    names: frozenset[str] = frozenset()
    """Host names under which clients reach it, beside localhost and IP addresses."""
    consortia: int | None = None
    """How many accounts may found a consortium here (admission.py); None: any number."""


class DevChain:
    """A running embedded chain; a context manager."""

    def __init__(self, settings: DevChainSettings) -> None:
        """Lock the folder, listen, start the node, replay the journal, answer.

        Raises:
            ChainRunning: another process serves this folder.
            PortInUse: the port is taken.
            ToolMissing: Hardhat or Node is not installed.
            JournalTampered: the journal was cut or edited.
            JournalUnreadable: it cannot be read.
            WrongChain: Hardhat's configuration changed after this chain began.
            StorageFull: the folder cannot be written.
            ChainUnavailable: the node did not start.
        """
        self._settings = settings
        self._mutex = threading.Lock()
        self._trials = Trials()
        self._admission = Admission(self._trials, self._try, settings.consortia)
        self._trial = threading.Lock()
        """Trials run one at a time, so that other requests wait for at most one of them."""
        self._news = News(self._header, self._logs)
        self._announced: int | None = None
        self._nonces: dict[Address, int] = {}
        self.ended = threading.Event()
        """Set when the node died or `close` was called."""
        self._lock_file = lock(settings.folder)
        self._server: RpcServer | None = None
        self._node: NodeProcess | None = None
        try:
            self._journal = BlockJournal(settings.folder)
            self._server = RpcServer(settings.host, settings.port, self._handle, settings.names)
            self._node = NodeProcess(settings.project, settings.folder / "node.log", self.ended.set)
            self._last_timestamp = self._begin()
            self._replay()
            number, block_hash = self.head
            self._news.add(FeedBlock(number, block_hash, self._last_timestamp, []))
            self._server.start()
        except BaseException:
            self.close()
            raise

    @property
    def url(self) -> str:
        return f"http://{self._settings.host}:{self._server.port if self._server else 0}"

    @property
    def head(self) -> tuple[int, str]:
        """Return number and hash of the newest block."""
        block = self._ask("eth_getBlockByNumber", "latest", HEADER_ONLY)
        return int(block["number"], 16), block["hash"]

    def close(self) -> None:
        """Stop server and node; answered transactions stay in the journal."""
        if self._server is not None:
            self._server.stop()
        if self._node is not None:
            self._node.stop()
        os.close(self._lock_file)
        self._server, self._node, self._lock_file = None, None, os.open(os.devnull, os.O_RDONLY)
        self.ended.set()
        self._news.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        node = self._node
        if node is None:
            raise ChainUnavailable(self.url, "it is stopped")
        return node.request(method, *params)

    def _sequence(self, *calls: tuple[str, Sequence[Any]]) -> list[Any]:
        """Return the results of several requests in order; the first refusal stops them."""
        node = self._node
        if node is None:
            raise ChainUnavailable(self.url, "it is stopped")
        return node.sequence(*calls)

    def _handle(self, method: str, params: list[Any]) -> Any:  # noqa: ANN401 - JSON
        """Answer one request of a client."""
        if method == "eth_sendRawTransaction":
            return self._include(params)
        if method == NEWS:
            return self._news.answer(params)
        if method not in methods.SERVED:
            message = f"this chain does not serve {method}: only signed transactions change it"
            raise NodeRefusal({"code": NOT_FOUND, "message": message})
        if method in methods.TRIALS:
            bounded = self._trials.bounded(params)
            with self._trial:
                with self._mutex:
                    self._tick()
                return self._ask(method, *bounded)
        return self._ask(method, *params)

    def _include(self, params: list[Any]) -> str:
        """Record, mine and answer one raw transaction; one at a time."""
        raw, call = parse(params)
        sender, nonce = call.account, call.nonce
        tx_hash = "0x" + call.hash.hex()
        with self._mutex:
            self._check_nonce(sender, nonce, tx_hash)
            timestamp = self._tick()
            self._admission.check(call, len(raw), self._settings.clock())
            self._ask("eth_sendRawTransaction", "0x" + raw.hex())
            number = len(self._journal.transactions) + 1
            try:
                self._journal.append(Transaction(number, timestamp, raw))
            except StorageFull:
                self._ask("hardhat_dropTransaction", tx_hash)
                raise
            block = self._mine(timestamp, tx_hash, raw)
            self._journal.seal(block.hash)
            self._nonces[sender] = nonce + 1
            self._trials.note(call)
            self._admission.note(call, made_record=bool(block.logs))
            self._news.add(block)
        return tx_hash

    def _try(self, request: dict[str, Any]) -> object:
        """Return the result of a call in the next block, or raise NodeRefusal."""
        return self._ask("eth_call", request, "pending")

    def _mine(self, timestamp: int, tx_hash: str, raw: bytes) -> FeedBlock:
        """Mine the journalled transaction and return its block; abandon a node that cannot."""
        try:
            _, header, logs = self._sequence(
                ("evm_mine", ()),
                ("eth_getBlockByNumber", ("latest", HEADER_ONLY)),
                ("eth_getLogs", ({"fromBlock": "latest", "toBlock": "latest"},)),
            )
        except (NodeRefusal, ChainUnavailable):
            self._abandon()
            raise
        if header["transactions"] != [tx_hash]:
            self._abandon()
            raise ChainUnavailable(self.url, "the node did not include the transaction; start the chain again")
        self._last_timestamp, self._announced = timestamp, None
        with_raw = [{**log, RAW: "0x" + raw.hex()} for log in logs]
        return FeedBlock(int(header["number"], 16), header["hash"], timestamp, with_raw)

    def _abandon(self) -> None:
        """Stop a node that may differ from the journal; the next start replays the journal."""
        self.ended.set()
        if self._node is not None:
            self._node.stop()

    def _tick(self) -> int:
        """Set the time of the next block, so that dry runs use it; return it."""
        now = max(int(self._settings.clock()), self._last_timestamp)
        if now != self._announced:
            self._ask("evm_setNextBlockTimestamp", now)
            self._announced = now
        return now

    def _check_nonce(self, sender: Address, nonce: int, tx_hash: str) -> None:
        """Refuse a transaction that the node would only queue: every journal entry is mined at once."""
        expected = self._nonces.get(sender, 0)
        if nonce == expected:
            return
        if nonce < expected and self._ask("eth_getTransactionReceipt", tx_hash) is not None:
            raise NodeRefusal({"code": REJECTED, "message": "already known"})
        side = "low" if nonce < expected else "high"
        raise NodeRefusal({"code": REJECTED, "message": f"nonce too {side}: expected {expected}, got {nonce}"})

    def _begin(self) -> int:
        """Compare the node's genesis with the journal's, or record it; return its timestamp."""
        chain_id = int(self._ask("eth_chainId"), 16)
        block = self._ask("eth_getBlockByNumber", "0x0", HEADER_ONLY)
        if not self._journal.genesis:
            self._journal.found(chain_id, block["hash"])
        elif (self._journal.chain_id, self._journal.genesis) != (chain_id, block["hash"]):
            where = self._settings.folder
            raise WrongChain(
                self.url, f"its genesis block differs from that of {where}; hardhat.config.js or Hardhat changed"
            )
        return int(block["timestamp"], 16)

    def _replay(self) -> None:
        """Send the whole journal to the node, and compare the recorded hashes."""
        for transaction in self._journal.transactions:
            try:
                call = of_raw(transaction.raw)
                self._ask("evm_setNextBlockTimestamp", transaction.timestamp)
                self._ask("eth_sendRawTransaction", "0x" + transaction.raw.hex())
            except (NodeRefusal, ValueError) as error:
                raise self._journal.mismatch(transaction.number) from error
            self._ask("evm_mine")
            self._last_timestamp = transaction.timestamp
            self._nonces[call.account] = call.nonce + 1
            self._trials.note(call)
            self._admission.note_old(call)
        self._compare_heads()

    def _compare_heads(self) -> None:
        """Compare the newest hash, which depends on all others; after a mismatch, find the first wrong block."""
        heads, count = self._journal.heads, len(self._journal.transactions)
        if heads and self._block_hash(len(heads)) != heads[-1]:
            wrong = next(n for n, head in enumerate(heads, start=1) if self._block_hash(n) != head)
            raise self._journal.mismatch(wrong)
        number, newest = self.head
        if number != count:
            raise self._journal.mismatch(count)
        if count > len(heads):
            self._journal.seal(newest)

    def _block_hash(self, number: int) -> str | None:
        block = self._header(number)
        return block["hash"] if block else None

    def _header(self, number: int) -> dict[str, Any] | None:
        block: dict[str, Any] | None = self._ask("eth_getBlockByNumber", hex(number), HEADER_ONLY)
        return block

    def _logs(self, first: int, last: int) -> list[Log]:
        logs: list[Log] = self._ask("eth_getLogs", {"fromBlock": hex(first), "toBlock": hex(last)})
        return logs


def serve(settings: DevChainSettings, ready: Callable[[str], None], stop: threading.Event) -> None:
    """Run an embedded chain in the foreground until `stop` is set; `ready` gets its URL.

    Raises:
        ChainUnavailable: the node died; start the chain again, no answered transaction is lost.
        Others as DevChain.
    """
    with DevChain(settings) as chain:
        ready(chain.url)
        while not stop.wait(0.2):
            if chain.ended.is_set():
                raise ChainUnavailable(chain.url, f"Hardhat's node ended; see {settings.folder / 'node.log'}")
