"""The merged log of the consortium's contracts, read once, forward only.

Invariant: entries are in ledger order (block, log index) and are never taken back. When blocks without entries vanish,
the reader continues from its last entry's block. When that block is gone too, it raises ChainReorg or WrongChain; it
never returns another history. With k confirmations it does not read the newest k - 1 blocks, so it never sees a reorg
of fewer than k blocks. A node cannot invent entries: each sender's signature is checked (authorship.py).

Source: PROTOCOL.md 8 (finality: act after k confirmations, record block hashes).
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chain.authorship import check_author
from chain.contracts import events, log_entry
from chain.contracts.lookup import check_deployment
from chain.finality import Finality
from chain.log_ranges import LogRanges
from chain.rpc import shapes
from chain.rpc.node import HEADER_ONLY, Node, NodeRefusal
from chain.rpc.shapes import RAW, Block, Log
from chain.transactions.signed import SignedCall, of_json, of_raw
from fl.protocol.errors import ChainReorg, EncodingError, RecordForged
from fl.protocol.names import Address
from fl.protocol.ports import Anchor
from fl.protocol.records import Entry, Position, Record

CALLS_PER_BATCH = 100


@dataclass(frozen=True)
class LogSource:
    """Which logs to read."""

    contracts: Mapping[Address, str]
    """Address -> "KeyAuthority" or "FederationLedger"."""
    anchor: Anchor
    confirmations: int = 1
    """As finality.py has it."""


class LogReader:
    """A growing list of entries; safe to use from several threads."""

    def __init__(self, node: Node, source: LogSource) -> None:
        """Start before block 0."""
        self._node = node
        self._source = source
        self._lock = threading.Lock()
        self._finality = Finality(source.confirmations)
        self.awaits = self._finality.at_once
        """Whether the node can wait for new blocks itself; False after it refused to."""
        self._ranges = LogRanges(node, self._contracts())
        self._entries: list[Entry] = []
        self._positions: list[Position] = []
        self._scanned = -1
        self._scanned_hash: str | None = None
        self._turns: dict[Address, int] = {}
        """The nonce of each account's newest record: a transaction makes one record and occurs once."""

    @property
    def read_to(self) -> int:
        """Return the newest block whose entries were read; -1 before the first read."""
        return self._scanned

    def head(self) -> int:
        """Return the number of the newest block that counts."""
        return self._finality.head(self._node)

    def behind(self, after: Position | None, wait_s: float = 0.0) -> list[Entry]:
        """Read new entries and return those behind `after`.

        If the node can wait (`awaits`), it may wait up to `wait_s` for a new block.

        Raises:
            ChainReorg: the block of an entry is gone.
            WrongChain: the node serves another chain now.
            RecordForged: the sender of a record did not sign it.
            ChainUnavailable: the node does not answer, or not with valid JSON-RPC and valid logs.
        """
        try:
            if not self._read_at_once(wait_s):
                with self._lock:
                    self._advance()
        except (EncodingError, ValueError) as error:
            raise self._node.unavailable("its logs do not fit these contracts") from error
        return self.known(after)

    def known(self, after: Position | None) -> list[Entry]:
        """Return the entries behind `after` that were read already, without asking the node."""
        with self._lock:
            start = 0 if after is None else bisect_right(self._positions, after)
            return self._entries[start:]

    def _read_at_once(self, wait_s: float) -> bool:
        """Wait and read in one exchange; False if the node cannot, or if this is the first read.

        The lock is free during the exchange; if another thread reads first, its entries are enough.
        """
        with self._lock:
            scanned, known_hash = self._scanned, self._scanned_hash
        if not self.awaits or known_hash is None:
            return False
        milliseconds = int(1000 * min(wait_s, self._node.settings.timeout_s / 2))
        try:
            news = self._node.news(scanned, self._contracts(), milliseconds)
        except NodeRefusal:
            self.awaits = False
            return False
        last, newest, logs = self._node.parsed(shapes.news, news)
        with self._lock:
            if self._scanned == scanned:
                if last is None or last.hash != known_hash:
                    return False
                self._add(logs, {newest.number: newest.timestamp})
                self._note_scanned(newest)
        return True

    def _advance(self) -> None:
        target = self._check_anchor()
        while self._scanned < target:
            logs, block = self._ranges.read(self._scanned + 1, target)
            if not self._is_anchored():  # a reorg came in between; the next look follows or names it
                return
            self._add(logs, {block.number: block.timestamp})
            self._note_scanned(block)

    def _note_scanned(self, block: Block) -> None:
        self._scanned, self._scanned_hash = block.number, block.hash
        self._node.note_read(block.number)

    def _is_anchored(self) -> bool:
        """Return whether the newest block that was read is still there, so that what came behind it continues it."""
        if self._scanned_hash is None:
            return True
        block = self._block(self._scanned)
        return block is not None and block.hash == self._scanned_hash

    def _check_anchor(self) -> int:
        """Return the newest block that counts; after a reorg, first go back to a block that still exists.

        If the last block is missing, the node lags or its chain was reset; `_go_back` finds out. Another URL is asked
        first: a node that lags, or that is alone with its history, is no reorg.
        """
        if self._scanned_hash is None:
            return self.head()
        while True:
            newest, found = self._node.attempt_batch(
                self._finality.question, ("eth_getBlockByNumber", [hex(self._scanned), HEADER_ONLY])
            )
            counts = self._finality.newest(self._node, newest)
            block = self._node.parsed(shapes.block, self._node.results([found])[0])
            if block is not None and block.hash == self._scanned_hash:
                return counts
            shows = "does not have" if block is None else "shows another"
            if not self._node.change(f"it {shows} block {self._scanned}, which was read"):
                self._go_back()
                return counts

    def _go_back(self) -> None:
        """Continue behind the last entry's block, or raise ChainReorg when that block is gone."""
        check_deployment(self._node, self._source.anchor)
        if not self._entries:
            self._scanned, self._scanned_hash = -1, None
            return
        last = self._entries[-1]
        block = self._block(last.position.block)
        if block is None or bytes.fromhex(block.hash[2:]) != last.block_hash:
            raise ChainReorg(last.position.block)
        self._scanned, self._scanned_hash = block.number, block.hash

    def _block(self, number: int) -> Block | None:
        """Return a block that was read before; nodes other than the embedded chain may lag."""
        if not self.awaits:
            return self._ranges.block(number)
        return self._node.parsed(shapes.block, self._node.request("eth_getBlockByNumber", hex(number), HEADER_ONLY))

    def _contracts(self) -> list[str]:
        return ["0x" + address.hex() for address in self._source.contracts]

    def _add(self, logs: Sequence[Log], known_times: Mapping[int, int]) -> None:
        ordered = sorted(logs, key=lambda log: (int(log["blockNumber"], 16), int(log["logIndex"], 16)))
        times, calls = self._timestamps(ordered, known_times), self._calls(ordered)
        added: list[Entry] = []
        turns = dict(self._turns)
        for log in ordered:
            contract = Address(bytes.fromhex(log["address"][2:]))
            if contract not in self._source.contracts:
                raise self._node.unavailable("it sent logs of other contracts")
            record = events.decode_log(self._source.contracts[contract], log)
            if record is not None:
                call = calls[log["transactionHash"]]
                check_author(record, contract, call, self._source.anchor.chain_id)
                _take_turn(turns, record, call)
                time = times[int(log["blockNumber"], 16)]
                leaf = log_entry.of_log(self._source.anchor, log, time).leaf()
                added.append(events.entry(record, log, time, leaf))
        self._turns = turns
        self._entries += added
        self._positions += [entry.position for entry in added]

    def _timestamps(self, logs: Sequence[Log], known: Mapping[int, int]) -> dict[int, int]:
        """Return the time of each block; read the blocks of logs that do not say it."""
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
        """Return the signed transaction of each log, by its hash; read those that the logs do not contain."""
        calls = {log["transactionHash"]: of_raw(bytes.fromhex(log[RAW][2:])) for log in logs if RAW in log}
        missing = sorted({log["transactionHash"] for log in logs} - calls.keys())
        for start in range(0, len(missing), CALLS_PER_BATCH):
            part = missing[start : start + CALLS_PER_BATCH]
            found = self._node.batch(*(("eth_getTransactionByHash", [each]) for each in part))
            if None in found:
                raise self._node.unavailable("it sent a log, but does not have its transaction yet")
            calls |= {each: of_json(transaction) for each, transaction in zip(part, found, strict=True)}
        for tx_hash, call in calls.items():
            if call.hash.hex() != tx_hash[2:].lower():
                raise self._node.unavailable(f"it sent another transaction instead of {tx_hash}")
        return calls


def _take_turn(turns: dict[Address, int], record: Record, call: SignedCall) -> None:
    """Note an account's newest nonce; raise RecordForged unless its transactions come in order, each once."""
    if call.nonce <= turns.get(call.account, -1):
        why = "the node showed its transaction before, or shows it too late"
        raise RecordForged(type(record).__name__, record.sender, why)
    turns[call.account] = call.nonce
