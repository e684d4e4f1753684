"""Reads from a node what a proof needs: raw events, raw transactions, and the tries of a block.

Invariant: nothing is returned that does not fit the entry or the block's own roots: a node that errs or lies makes no
proof that would fail later.

Source: fl/protocol/ports.py (ChainSource). Not every node has eth_getBlockReceipts, so receipts are asked one by one.
"""

from __future__ import annotations

from typing import Any

import rlp
from eth_utils.crypto import keccak

from chain.contracts import events, log_entry
from chain.proofs.headers import QBFT, header_of_json, parse_header
from chain.proofs.trie import WrongBytesError, proof_of, root_of
from chain.rpc import shapes
from chain.rpc.node import Node
from chain.transactions.signed import raw_of_json
from fl.protocol.names import Address
from fl.protocol.ports import Anchor
from fl.protocol.records import ConsortiumFounded, Entry
from fl.protocol.tlog.entry import LogEntry
from fl.protocol.tlog.extra import ReceiptBinding

MOST_TRANSACTIONS = 2_000
"""The most transactions of a block whose tries are made."""
CALLS_PER_BATCH = 100


class NodeSource:
    """Implements ChainSource over a node."""

    def __init__(self, node: Node, anchor: Anchor, consensus: str = "none") -> None:
        self._node = node
        self._anchor = anchor
        self._consensus = consensus

    def event(self, entry: Entry) -> LogEntry:
        where = {"blockHash": "0x" + entry.block_hash.hex(), "address": "0x" + entry.contract.hex()}
        for log in self._node.parsed(shapes.logs, self._node.request("eth_getLogs", where)):
            if int(log["logIndex"], 16) == entry.position.index:
                event = log_entry.of_log(self._anchor, log, entry.timestamp)
                if event.leaf() == entry.leaf:
                    return event
        raise self._node.unavailable(f"it does not show the event {entry.position.index} of its block again")

    def transaction(self, entry: Entry) -> bytes:
        answer = self._node.request("eth_getTransactionByHash", "0x" + entry.transaction.hex())
        raw = self._node.parsed(raw_of_json, answer)
        if keccak(raw) != entry.transaction:
            raise self._node.unavailable("it shows another transaction than that of the record")
        return raw

    def binding(self, entry: Entry) -> ReceiptBinding:
        block = self._node.request("eth_getBlockByHash", "0x" + entry.block_hash.hex(), True)  # noqa: FBT003 - JSON
        return self._node.parsed(lambda found: self._tied(entry, found), block)

    def _tied(self, entry: Entry, block: Any) -> ReceiptBinding:  # noqa: ANN401 - JSON
        """Return the parts for an entry of a block with its transactions, or raise ValueError."""
        raw = header_of_json(_object(block))
        header = parse_header(raw, self._consensus)
        sent = block.get("transactions")
        if header.hash != entry.block_hash or not isinstance(sent, list) or len(sent) > MOST_TRANSACTIONS:
            raise ValueError("another block, or one with too many transactions")
        transactions = [raw_of_json(_object(each)) for each in sent]
        hashes = [bytes(keccak(each)) for each in transactions]
        receipts = self._receipts(hashes)
        encoded = [_receipt(each) for each in receipts]
        if root_of(transactions) != header.transactions_root or root_of(encoded) != header.receipts_root:
            raise ValueError("its transactions or receipts are not those of its header")
        place = hashes.index(entry.transaction)
        indices = [int(log["logIndex"], 16) for log in receipts[place]["logs"]]
        event = indices.index(entry.position.index)
        return ReceiptBinding(raw, place, event, proof_of(encoded, place), proof_of(transactions, place))

    def _receipts(self, hashes: list[bytes]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for start in range(0, len(hashes), CALLS_PER_BATCH):
            part = hashes[start : start + CALLS_PER_BATCH]
            answers = self._node.batch(*(("eth_getTransactionReceipt", ["0x" + each.hex()]) for each in part))
            found += map(_object, answers)
        return found


def _receipt(receipt: dict[str, Any]) -> bytes:
    """Return the bytes of a receipt in its trie, or raise ValueError."""
    try:
        kind = int(receipt.get("type", "0x0"), 16)
        logs = [
            [_bytes(log["address"]), [_bytes(each) for each in log["topics"]], _bytes(log["data"])]
            for log in receipt["logs"]
        ]
        numbers = [int(receipt[name], 16) for name in ("status", "cumulativeGasUsed")]
        body = rlp.encode([*numbers, _bytes(receipt["logsBloom"]), logs])
        return (bytes([kind]) if kind else b"") + bytes(body)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("a receipt without one of its fields") from error


def _object(value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one error for every form
    return value


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def founding_of(node: Node, authority: Address) -> bytes | None:
    """Return the raw transaction that created the key authority at an address; None if nothing founded there."""
    topic = "0x" + events.topic(ConsortiumFounded).hex()
    where = {"fromBlock": "0x0", "toBlock": "latest", "address": "0x" + authority.hex(), "topics": [topic]}
    logs = node.parsed(shapes.logs, node.request("eth_getLogs", where))
    if not logs:
        return None
    return node.parsed(raw_of_json, node.request("eth_getTransactionByHash", logs[0]["transactionHash"]))


def qbft_validators(node: Node) -> tuple[Address, ...]:
    """Return the validators that the newest block of a QBFT chain names; none on any other chain."""
    block = node.parsed(_object, node.request("eth_getBlockByNumber", "latest", False))  # noqa: FBT003 - JSON
    try:
        header = parse_header(header_of_json(block), QBFT)
    except WrongBytesError:
        return ()
    return header.validators if "0x" + header.hash.hex() == block.get("hash") else ()
