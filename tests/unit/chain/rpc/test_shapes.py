"""Numbers that no date and no database can hold are no answer of a node."""

from __future__ import annotations

from typing import Any

import pytest

from chain.rpc import shapes

BLOCK = {"number": "0x5", "hash": "0x" + "ab" * 32, "timestamp": "0x6b49d200"}
LOG = {
    "address": "0x" + "11" * 20,
    "topics": [],
    "data": "0x",
    "blockNumber": "0x5",
    "logIndex": "0x0",
    "blockHash": "0x" + "ab" * 32,
    "transactionHash": "0x" + "cd" * 32,
    "blockTimestamp": "0x6b49d200",
}
LAST = {name: hex(shapes.LAST_NUMBER) for name in ("number", "blockNumber", "logIndex")}
LAST |= {name: hex(shapes.LAST_TIME) for name in ("timestamp", "blockTimestamp")}


@pytest.mark.parametrize(("parse", "good"), [(shapes.block, BLOCK), (lambda log: shapes.logs([log]), LOG)])
def test_numbers_have_a_last_one(parse: Any, good: dict[str, Any]) -> None:
    assert parse(good)
    for name in LAST.keys() & good.keys():
        assert parse({**good, name: LAST[name]})
        with pytest.raises(ValueError, match="too large"):
            parse({**good, name: hex(int(LAST[name], 16) + 1)})
