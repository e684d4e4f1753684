"""The Ledger port over Ethereum: records are appended by calling the contracts and replayed from their events.

Invariant: this adapter has no rules; they are in the contracts and in fl/protocol. `append` and `replay` translate the
same logs in the same way.

Source: fl/protocol/ports.py (Ledger); PROTOCOL.md 8.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chain.authorship import makes
from chain.contracts import events, log_entry
from chain.contracts.lookup import check_deployment, ledgers_of
from chain.finality import Finality
from chain.log_ranges import stamp_of
from chain.log_reader import LogReader, LogSource
from chain.rpc import shapes
from chain.rpc.node import HEADER_ONLY, Node, NodeSettings, connect
from chain.rpc.pace import Pace
from chain.transactions.keystore import AccountKey
from chain.transactions.sender import Sender, TransactionSettings
from fl.protocol.errors import ContractRefused, RecordForged, SenderMismatch, SettingInvalid
from fl.protocol.names import NO_ADDRESS, Address
from fl.protocol.ports import Anchor
from fl.protocol.records import Entry, Position, Receipt, Record

SLOW_BLOCKS = 2
"""Blocks may take twice their mean time for a while."""


@dataclass(frozen=True)
class LedgerSettings:
    """Where a consortium's ledger is."""

    node: NodeSettings
    anchor: Anchor
    transactions: TransactionSettings = field(default_factory=TransactionSettings)


class EthereumLedger:
    """The ledger for one account, or read-only without a key; safe to use from several threads."""

    def __init__(self, settings: LedgerSettings, key: AccountKey | None = None) -> None:
        """Connect and check that the node serves this consortium.

        Raises:
            ChainUnavailable: nothing answers at the URL.
            WrongChain: another chain id, a reset chain, or contracts of another consortium.
        """
        self._anchor = settings.anchor
        self._fresh = False
        """Whether `wait` has just read the entries that `replay` will return."""
        self._poll_s = settings.transactions.poll_s
        self._node = connect(replace(settings.node, chain_id=settings.anchor.chain_id))
        check_deployment(self._node, settings.anchor)
        contracts = {settings.anchor.authority: "KeyAuthority"}
        contracts |= dict.fromkeys(ledgers_of(self._node, settings.anchor.contract), "FederationLedger")
        source = LogSource(contracts, settings.anchor, settings.transactions.confirmations)
        self._reader = LogReader(self._node, source)
        self._finality = Finality(settings.transactions.confirmations)
        self._pace = Pace(self._node)
        self._looked = 0.0
        """When the node was last asked for news, on the monotonic clock."""
        self._key = key
        self._sender = Sender(self._node, settings.anchor.chain_id, key, settings.transactions) if key else None

    @property
    def anchor(self) -> Anchor:
        return self._anchor

    @property
    def account(self) -> Address:
        return self._sender.account if self._sender else NO_ADDRESS

    @property
    def read_to(self) -> int:
        """Return the newest block whose entries were read; -1 before the first read."""
        return self._reader.read_to

    @property
    def lag_s(self) -> float:
        """Return how many seconds after its block a record counts, at most; 0 if it counts at once.

        Raises:
            ChainUnavailable: the block time is not known, and the node does not answer.
        """
        depth = self._finality.depth
        return 0.0 if depth <= 1 else SLOW_BLOCKS * depth * self._pace.block_s

    def newest_block(self) -> tuple[int, int]:
        """Ask the node for its newest block; return number and time (seconds since 1970).

        Raises:
            ChainUnavailable: it does not answer, or has no block.
        """
        return newest_block(self._node)

    def sign_note(self, digest: bytes) -> bytes:
        """Return this account's signature of 32 bytes that are no transaction's: r ‖ s ‖ v, 65 bytes.

        Raises:
            SettingInvalid: the ledger was opened without a key.
        """
        if self._key is None:
            raise SettingInvalid("account", "the ledger was opened without a key, so it is read-only")
        return self._key.sign_digest(digest)

    def append(self, record: Record) -> Receipt:
        """Sign and append `record`, and wait until it is included and has the confirmations of the settings.

        Fields that the contract computes are ignored; the receipt's record contains them.

        Raises:
            SettingInvalid: the ledger was opened without a key.
            SenderMismatch: `record.sender` is not this account.
            RefusedError: a rule forbids it (TamperedError for ModelDigestMismatch); nothing was included.
            EncodingError: a field does not fit its type on the chain.
            RecordForged: the node's receipt shows another record.
            ChainUnavailable: the chain did not answer; nothing or the whole record was included.
            TransactionTimeout: no receipt came in time.
        """
        if self._sender is None:
            raise SettingInvalid("account", "the ledger was opened without a key, so it is read-only")
        if record.sender != self._sender.account:
            raise SenderMismatch(self._sender.account, record.sender)
        contract = events.CONTRACT_OF[type(record)]
        to = self._anchor.authority if contract == "KeyAuthority" else self._anchor.contract
        self._fresh = False
        return receipt_of(self._node, self.anchor, record, self._sender.send(to, events.encode_call(record)))

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        """Return every entry behind `after`: of the key authority, of this ledger and of its predecessors.

        Raises:
            ChainReorg: a block that was read earlier is gone.
            RecordForged: the node shows a record that its sender did not sign.
            WrongChain: the node serves another chain now.
            ChainUnavailable: it does not answer.
        """
        if self._fresh and (known := self._reader.known(after)):
            self._fresh = False
            return known
        return self._reader.behind(after)

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        """Block until an entry behind `after` exists; False when `timeout_s` passed first.

        The embedded chain reports a new block at once. Other nodes are asked a few times in each block's time, over
        all calls together, so a call with a short timeout may end without asking.

        Raises:
            ChainReorg, WrongChain, ChainUnavailable: as `replay`.
        """
        deadline = time.monotonic() + timeout_s
        news = bool(self._reader.known(after))
        while not news:
            left_s = max(deadline - time.monotonic(), 0.0)
            if self._reader.awaits:
                news = bool(self._reader.behind(after, left_s))
            elif (due_s := self._due_s()) > left_s:
                time.sleep(left_s)
                break
            else:
                time.sleep(due_s)
                self._looked = time.monotonic()
                news = bool(self._reader.behind(after))
            if news or time.monotonic() >= deadline:
                break
        self._fresh = news
        return news

    def _due_s(self) -> float:
        """Return the seconds until the node is worth asking again."""
        pause_s = self._pace.pause(self._poll_s)
        return max(self._looked + pause_s - time.monotonic(), 0.0)


def newest_block(node: Node) -> tuple[int, int]:
    """Return number and time (seconds since 1970) of a node's newest block.

    Raises:
        ChainUnavailable: it does not answer, or has no block.
    """
    block = node.parsed(shapes.block, node.request("eth_getBlockByNumber", "latest", HEADER_ONLY))
    if block is None:
        raise node.unavailable("it has no newest block")
    return block.number, block.timestamp


def receipt_of(node: Node, anchor: Anchor, record: Record, receipt: dict[str, Any]) -> Receipt:
    """Return the record in a transaction's receipt.

    Raises:
        ContractRefused: the receipt holds no such record.
        RecordForged: it holds another record than the one sent.
    """
    kind = type(record)
    for log in receipt["logs"]:
        made = events.decode_log(events.CONTRACT_OF[kind], log)
        if not isinstance(made, kind):
            continue
        if made.sender != record.sender or not makes(events.encode_call(record), made):
            raise RecordForged(kind.__name__, record.sender, "the receipt shows another record than the one sent")
        stamp = stamp_of(node, log)
        leaf = log_entry.of_log(anchor, log, stamp).leaf()
        return Receipt(events.entry(made, log, stamp, leaf), receipt["gasUsed"])
    raise ContractRefused(f"the transaction made no {kind.__name__} record")
