"""Parsers for a node's answers; each raises ValueError for an answer of another shape.

Invariant: a parsed value has every field that callers read, with the right type and length. Whether its content is true
is checked elsewhere.

Source: JSON-RPC of Ethereum (execution-apis): quantities, data, logs, receipts, blocks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Log = dict[str, Any]
RAW = "rawTransaction"
"""An extra field of a log: its signed transaction, which the embedded chain adds (block_feed.py)."""
HASH, ADDRESS = 32, 20
MAX_TOPICS = 4
LAST_TIME = 253_402_300_799
"""The last second of the year 9999; later dates cannot be represented."""
LAST_NUMBER = 2**63 - 1
"""Blocks and logs are counted in 64 bits, and databases store no more."""
_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


@dataclass(frozen=True)
class Block:
    """The fields of a block that are used."""

    number: int
    hash: str
    timestamp: int
    base_fee: int | None
    """In wei per gas; None on networks without EIP-1559."""


def quantity(value: object) -> int:
    """Return a number; leading zeros are accepted, because some nodes send them."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise ValueError("not a quantity")
    return int(value, 16)


def data(value: object, length: int | None = None) -> bytes:
    """Return bytes, of exactly `length` if given."""
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise ValueError("not data")
    raw = bytes.fromhex(value[2:])
    if length not in (None, len(raw)):
        raise ValueError("data of the wrong length")
    return raw


def block(value: object) -> Block | None:
    """Return a block, or None if the node has none."""
    if value is None:
        return None
    fields = _object(value)
    fee = fields.get("baseFeePerGas")
    return Block(
        number=_at_most(LAST_NUMBER, fields.get("number")),
        hash=_hex(fields, "hash", HASH),
        timestamp=_at_most(LAST_TIME, fields.get("timestamp")),
        base_fee=None if fee is None else quantity(fee),
    )


def logs(value: object) -> list[Log]:
    """Return logs, without those that a reorg removed."""
    return [_log(each) for each in map(_object, _list(value)) if each.get("removed") is not True]


def receipt(value: object, tx_hash: bytes) -> dict[str, Any] | None:
    """Return the receipt of an included transaction, or None while it waits."""
    if value is None or _object(value).get("blockNumber") is None:
        return None
    fields = _object(value)
    if data(fields.get("transactionHash"), HASH) != tx_hash:
        raise ValueError("the receipt of another transaction")
    created = fields.get("contractAddress")
    return {
        "status": quantity(fields.get("status")),
        "blockNumber": hex(_at_most(LAST_NUMBER, fields.get("blockNumber"))),
        "gasUsed": quantity(fields.get("gasUsed")),
        "contractAddress": None if created is None else data(created, ADDRESS),
        "logs": logs(fields.get("logs")),
    }


def news(value: object) -> tuple[Block | None, Block, list[Log]]:
    """Return a hemaledger_news answer: the block asked for, the newest one, and the logs between them."""
    fields = _object(value)
    newest = block(fields.get("newest"))
    if newest is None:
        raise ValueError("no newest block")
    return block(fields.get("last")), newest, logs(fields.get("logs"))


def _log(fields: Mapping[str, Any]) -> Log:
    topics = _list(fields.get("topics"))
    if len(topics) > MAX_TOPICS:
        raise ValueError("too many topics")
    found: Log = {
        "address": _hex(fields, "address", ADDRESS),
        "topics": ["0x" + data(each, HASH).hex() for each in topics],
        "data": _hex(fields, "data"),
        "blockNumber": hex(_at_most(LAST_NUMBER, fields.get("blockNumber"))),
        "logIndex": hex(_at_most(LAST_NUMBER, fields.get("logIndex"))),
        "blockHash": _hex(fields, "blockHash", HASH),
        "transactionHash": _hex(fields, "transactionHash", HASH),
    }
    if fields.get("blockTimestamp") is not None:
        found["blockTimestamp"] = hex(_at_most(LAST_TIME, fields["blockTimestamp"]))
    if RAW in fields:
        found[RAW] = _hex(fields, RAW)
    return found


def _at_most(most: int, value: object) -> int:
    number = quantity(value)
    if number > most:
        raise ValueError("the number is too large")
    return number


def _hex(fields: Mapping[str, Any], name: str, length: int | None = None) -> str:
    return "0x" + data(fields.get(name), length).hex()


def _object(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError("not an object")  # noqa: TRY004 - one error for every shape
    return value


def _list(value: object) -> Sequence[Any]:
    if not isinstance(value, list):
        raise ValueError("not a list")  # noqa: TRY004 - as above
    return value
