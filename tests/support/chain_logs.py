"""Logs as the contracts emit them."""

from __future__ import annotations

from typing import Any

from chain.contracts import events
from fl.protocol.records import Record


def encode_log(record: Record) -> dict[str, Any]:
    """Return `topics` and `data` of the log that the contract emits for `record`."""
    kind = type(record)
    inputs = events.event_abi(kind)["inputs"]
    values = {item["name"]: events.to_abi(getattr(record, events.snake(item["name"]))) for item in inputs}
    indexed = [item for item in inputs if item["indexed"]]
    plain = [item for item in inputs if not item["indexed"]]
    words = events._encode(kind, indexed, [values[item["name"]] for item in indexed])
    topics = [events.topic(kind), *(words[start : start + events.WORD] for start in range(0, len(words), events.WORD))]
    data = events._encode(kind, plain, [values[item["name"]] for item in plain])
    return {"topics": ["0x" + item.hex() for item in topics], "data": "0x" + data.hex()}
