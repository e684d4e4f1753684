"""The merged log of the consortium's contracts, read once and then only forward.

Invariant: entries are in ledger order (block, log index) and none is ever taken back. When blocks that were read are
gone, the reader goes back to its last entry's block and reads on from there; when that one is gone too, ChainReorg or
WrongChain is raised, never another history returned. With k confirmations the newest k - 1 blocks are not read, so a
reorg of fewer than k blocks is never seen. No entry is the node's invention: each was signed by its sender
(authorship.py).

Source: PROTOCOL.md 8 (finality: act after k confirmations, record block hashes).
Not here: what the records mean (fl/protocol).
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from chain.authorship import check_author
from chain.contracts import events
from chain.log_ranges import LogRanges
from chain.rpc import shapes
from chain.rpc.node import HEADER_ONLY, NEWS, Node, NodeRefusal
from chain.rpc.shapes import RAW, Block, Log
from chain.transactions.signed import SignedCall, of_json, of_raw
from fl.protocol.errors import ChainReorg, EncodingError, RecordForged
from fl.protocol.names import Address
from fl.protocol.records import Entry, Position, Record

CALLS_PER_BATCH = 100


@dataclass(frozen=True)
class LogSource:
    """Which logs are read."""

    contracts: Mapping[Address, str]
    """Address -> "KeyAuthority" or "FederationLedger"."""
    chain_id: int
    confirmations: int = 1


class LogReader:
    """A growing list of entries; safe to use from several threads."""

    def __init__(self, node: Node, source: LogSource, recheck: Callable[[], None]) -> None:
        """Begin before block 0; `recheck` raises WrongChain when the contracts are gone."""
        self._node = node
        self._source = source
        self._recheck = recheck
        self._lock = threading.Lock()
        self.awaits = source.confirmations == 1
        """Whether the node may wait for blocks itself; False once it said that it does not know how."""
        self._ranges = LogRanges(node, self._contracts())
        self._entries: list[Entry] = []
        self._positions: list[Position] = []
        self._scanned = -1
        self._scanned_hash: str | None = None
        self._turns: dict[Address, int] = {}
        """The nonce of each account's newest record: a transaction makes one record, and comes once."""

    def head(self) -> int:
        """Return the number of the newest block that counts."""
        return self._node.number("eth_blockNumber") - self._source.confirmations + 1

    def behind(self, after: Position | None, wait_s: float = 0.0) -> list[Entry]:
        """Read what is new and return the entries behind `after`.

        A node that can (`awaits`) is given up to `wait_s` for a new block to come first.

        Raises:
            ChainReorg: the block of an entry that was read is gone.
            WrongChain: the node serves another chain now.
            RecordForged: a log's sender did not sign what it says.
            ChainUnavailable: the node does not answer, or not in the form of JSON-RPC and of the contracts.
        """
        try:
            if not self._read_at_once(wait_s):
                with self._lock:
                    self._advance()
        except (EncodingError, ValueError) as error:
            raise self._node.unavailable("its logs do not have the form of these contracts") from error
        return self.known(after)

    def known(self, after: Position | None) -> list[Entry]:
        """Return the entries behind `after` that were read already; nothing is asked."""
        with self._lock:
            start = 0 if after is None else bisect_right(self._positions, after)
            return self._entries[start:]

    def _read_at_once(self, wait_s: float) -> bool:
        """Wait and read in one exchange; False when this node or the first read needs the long way.

        The lock is not held meanwhile: when another thread read on first, what it read is enough.
        """
        with self._lock:
            scanned, known_hash = self._scanned, self._scanned_hash
        if not self.awaits or known_hash is None:
            return False
        milliseconds = int(1000 * min(wait_s, self._node.settings.timeout_s / 2))
        try:
            news = self._node.attempt(NEWS, hex(scanned), self._contracts(), milliseconds)
        except NodeRefusal:
            self.awaits = False
            return False
        last, newest, logs = self._node.parsed(shapes.news, news)
        with self._lock:
            if self._scanned == scanned:
                if last is None or last.hash != known_hash:
                    self._go_back()
                    return False
                self._add(logs, {newest.number: newest.timestamp})
                self._scanned, self._scanned_hash = newest.number, newest.hash
        return True

    def _advance(self) -> None:
        target = self._check_anchor()
        while self._scanned < target:
            logs, block = self._ranges.read(self._scanned + 1, target)
            self._add(logs, {block.number: block.timestamp})
            self._scanned, self._scanned_hash = block.number, block.hash

    def _check_anchor(self) -> int:
        """Return the newest block that counts; go back to where the chain is still the one that was read.

        A node that does not have the last block lags, or its chain was reset: `recheck` tells.
        """
        if self._scanned_hash is None:
            return self.head()
        number, found = self._node.batch(
            ("eth_blockNumber", []), ("eth_getBlockByNumber", [hex(self._scanned), HEADER_ONLY])
        )
        block = self._node.parsed(shapes.block, found)
        if block is None or block.hash != self._scanned_hash:
            self._go_back()
        return self._node.parsed(shapes.quantity, number) - self._source.confirmations + 1

    def _go_back(self) -> None:
        """Begin again behind the block of the last entry, or raise ChainReorg when that one is gone."""
        self._recheck()
        if not self._entries:
            self._scanned, self._scanned_hash = -1, None
            return
        last = self._entries[-1]
        kept = self._block(last.position.block)
        if kept is None or bytes.fromhex(kept.hash[2:]) != last.block_hash:
            raise ChainReorg(last.position.block)
        self._scanned, self._scanned_hash = kept.number, kept.hash

    def _block(self, number: int) -> Block | None:
        """Return a block that was read before; only a node that tells of no news may lag."""
        if not self.awaits:
            return self._ranges.block(number)
        return self._node.parsed(shapes.block, self._node.request("eth_getBlockByNumber", hex(number), HEADER_ONLY))

    def _contracts(self) -> list[str]:
        return ["0x" + address.hex() for address in self._source.contracts]

    def _add(self, logs: Sequence[Log], known_times: Mapping[int, int]) -> None:
        kept = sorted(logs, key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16)))
        times, calls = self._timestamps(kept, known_times), self._calls(kept)
        added: list[Entry] = []
        turns = dict(self._turns)
        for log in kept:
            contract = Address(bytes.fromhex(log["address"][2:]))
            if contract not in self._source.contracts:
                raise self._node.unavailable("it gave logs of other contracts than it was asked for")
            record = events.decode_log(self._source.contracts[contract], log)
            if record is not None:
                call = calls[log["transactionHash"]]
                check_author(record, contract, call, self._source.chain_id)
                _take_turn(turns, record, call)
                added.append(events.entry(record, log, times[int(log["blockNumber"], 16)]))
        self._turns = turns
        self._entries += added
        self._positions += [entry.position for entry in added]

    def _timestamps(self, logs: Sequence[Log], known: Mapping[int, int]) -> dict[int, int]:
        """Return the time of each block; nodes that do not put it into the log are asked for the blocks."""
        stamped = (log for log in logs if "blockTimestamp" in log)
        times = {int(log["blockNumber"], 16): int(log["blockTimestamp"], 16) for log in stamped} | dict(known)
        missing = sorted({int(log["blockNumber"], 16) for log in logs} - times.keys())
        for start in range(0, len(missing), CALLS_PER_BATCH):
            part = missing[start : start + CALLS_PER_BATCH]
            found = self._node.batch(*(("eth_getBlockByNumber", [hex(number), HEADER_ONLY]) for number in part))
            for number, answer in zip(part, found, strict=True):
                block = self._node.parsed(shapes.block, answer) or self._ranges.block(number)
                times[number] = block.timestamp
        return times

    def _calls(self, logs: Sequence[Log]) -> dict[str, SignedCall]:
        """Return the signed transaction behind each log, by its hash; what no log brings along is asked for."""
        calls = {log["transactionHash"]: of_raw(bytes.fromhex(log[RAW][2:])) for log in logs if RAW in log}
        missing = sorted({log["transactionHash"] for log in logs} - calls.keys())
        for start in range(0, len(missing), CALLS_PER_BATCH):
            part = missing[start : start + CALLS_PER_BATCH]
            found = self._node.batch(*(("eth_getTransactionByHash", [each]) for each in part))
            if None in found:
                raise self._node.unavailable("it does not have a transaction yet whose log it gave")
            calls |= {each: of_json(transaction) for each, transaction in zip(part, found, strict=True)}
        for tx_hash, call in calls.items():
            if call.hash.hex() != tx_hash[2:].lower():
                raise self._node.unavailable(f"it gave another transaction for {tx_hash}")
        return calls


def _take_turn(turns: dict[Address, int], record: Record, call: SignedCall) -> None:
    """Note an account's newest nonce; raise RecordForged when its transactions do not come in order, each once."""
    if call.nonce <= turns.get(call.account, -1):
        why = "its transaction was told of before, or comes before one that was"
        raise RecordForged(type(record).__name__, record.sender, why)
    turns[call.account] = call.nonce
