"""Tells waiting clients at once about new blocks of the embedded chain.

Invariant: an answer is consistent: it holds all logs after the block asked for, up to the newest block that it names.
Only blocks that are in the journal appear in it.

Source: `hemaledger_news` is our own method; for other nodes the standard methods are used (log_reader.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chain.rpc.node import NodeRefusal
from chain.rpc.shapes import ADDRESS, data, quantity

INVALID_PARAMS = -32602
LONGEST_S = 5.0
"""How long a client may wait in one request."""
KEPT = 1000
"""How many blocks' logs stay in memory; older logs are read from the node."""

Log = dict[str, Any]
Question = tuple[int, frozenset[str], float]
"""The newest block that the client knows, contracts (lower case), seconds to wait."""


@dataclass(frozen=True)
class FeedBlock:
    """A block with its JSON-RPC logs, each with RAW."""

    number: int
    hash: str
    timestamp: int
    logs: list[Log]

    def header(self) -> dict[str, str]:
        return {"number": hex(self.number), "hash": self.hash, "timestamp": hex(self.timestamp)}


@dataclass
class News:
    """The newest blocks; safe to use from several threads."""

    block: Callable[[int], Mapping[str, Any] | None]
    """Reads a block's header from the node."""
    logs: Callable[[int, int], list[Log]]
    """Reads the logs from one block to another from the node; RAW may be missing."""
    _blocks: list[FeedBlock] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _ended: bool = False

    def add(self, block: FeedBlock) -> None:
        """Announce the next block, or the newest one after a restart."""
        with self._changed:
            self._blocks = [*self._blocks[1 - KEPT :], block]
            self._changed.notify_all()

    def end(self) -> None:
        """Wake all waiting clients for good."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def answer(self, params: list[Any]) -> dict[str, Any]:
        """Wait a short time for a block after the given one; return what is new.

        `last` is the given block as it is on this chain now, or null; `newest` may be the same block.
        """
        known, contracts, wait_s = _parse(params)
        with self._changed:
            self._changed.wait_for(lambda: self._blocks[-1].number > known or self._ended, min(wait_s, LONGEST_S))
            blocks = self._blocks
        newest, first = blocks[-1], blocks[0]
        if first.number <= known <= newest.number:
            last: Mapping[str, Any] | None = blocks[known - first.number].header()
            logs = [log for block in blocks[known - first.number + 1 :] for log in block.logs]
        else:
            last = self.block(known) if known <= newest.number else None
            logs = self.logs(known + 1, newest.number) if known < newest.number else []
        wanted = [log for log in logs if log["address"].lower() in contracts]
        return {"last": last, "newest": newest.header(), "logs": wanted}


def _parse(params: list[Any]) -> Question:
    try:
        number, contracts, milliseconds = params
        wait_s = min(max(milliseconds, 0), 1000 * LONGEST_S) / 1000
        return quantity(number), frozenset("0x" + data(each, ADDRESS).hex() for each in contracts), wait_s
    except (ValueError, TypeError) as error:
        message = "the parameters are a block's number, contracts and milliseconds"
        raise NodeRefusal({"code": INVALID_PARAMS, "message": message}) from error
