"""An event of the contracts as an entry of the log over all records.

Source: PROTOCOL.md 8T; fl/protocol/tlog/entry.py has the bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chain.contracts import events
from fl.protocol.names import Address
from fl.protocol.ports import Anchor
from fl.protocol.records import Entry
from fl.protocol.tlog.entry import LogEntry


def of_log(anchor: Anchor, log: Mapping[str, Any], timestamp: int) -> LogEntry:
    """Return the log's entry of one JSON-RPC log in a block of that time (seconds since 1970)."""
    return LogEntry(
        consortium=anchor.consortium,
        chain_id=anchor.chain_id,
        contract=Address(_bytes(log["address"])),
        block=int(log["blockNumber"], 16),
        index=int(log["logIndex"], 16),
        time=timestamp,
        block_hash=_bytes(log["blockHash"]),
        transaction=_bytes(log["transactionHash"]),
        topics=tuple(_bytes(each) for each in log["topics"]),
        data=_bytes(log["data"]),
    )


def of_entry(anchor: Anchor, entry: Entry) -> LogEntry:
    """Return the log's entry of a record, for ledgers without raw logs.

    It is the same as that of `of_log` unless a text of the record has bytes that are not UTF-8.

    Raises:
        EncodingError: a field does not fit its Solidity type.
    """
    topics, data = events.encode_log(entry.record)
    return LogEntry(
        consortium=anchor.consortium,
        chain_id=anchor.chain_id,
        contract=entry.contract,
        block=entry.position.block,
        index=entry.position.index,
        time=entry.timestamp,
        block_hash=entry.block_hash,
        transaction=entry.transaction,
        topics=topics,
        data=data,
    )


def with_leaf(anchor: Anchor, entry: Entry) -> Entry:
    """Return `entry` with its leaf; raises as `of_entry`."""
    return replace(entry, leaf=of_entry(anchor, entry).leaf())


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
