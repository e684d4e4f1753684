"""What is new on the embedded chain, told at once to everybody who waits for it.

Invariant: an answer is of one moment: the logs are all of the blocks behind the one asked for, up to the newest one
that it names. Only blocks that are in the journal are told.

Source: a method of our own, `hemaledger_news`; other nodes are asked with the standard ones (log_reader.py).
Not here: mining (chain.py).
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
"""So many blocks' logs are kept at hand; older ones are asked of the node."""

Log = dict[str, Any]
Question = tuple[int, frozenset[str], float]
"""The newest block known, contracts (lower case), seconds to wait."""


@dataclass(frozen=True)
class FeedBlock:
    """A block with its logs, as JSON-RPC has them, and RAW."""

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
    """Asks the node for a block's header."""
    logs: Callable[[int, int], list[Log]]
    """Asks the node for the logs from one block to another; RAW may be missing."""
    _blocks: list[FeedBlock] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _ended: bool = False

    def add(self, block: FeedBlock) -> None:
        """Tell of the next block, with its logs; or of the one that the chain starts again with."""
        with self._changed:
            self._blocks = [*self._blocks[1 - KEPT :], block]
            self._changed.notify_all()

    def end(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def answer(self, params: list[Any]) -> dict[str, Any]:
        """Wait for a block behind the one given, but not for long; return what is new.

        `last` is the block given as it is on this chain now, null where there is none; `newest` may be the same.
        """
        known, contracts, wait_s = _parse(params)
        with self._changed:
            self._changed.wait_for(lambda: self._blocks[-1].number > known or self._ended, min(wait_s, LONGEST_S))
            blocks = self._blocks
        newest, first = blocks[-1], blocks[0]
        if first.number <= known <= newest.number:
            last: Mapping[str, Any] | None = blocks[known - first.number].header()
            found = [log for block in blocks[known - first.number + 1 :] for log in block.logs]
        else:
            last = self.block(known) if known <= newest.number else None
            found = self.logs(known + 1, newest.number) if known < newest.number else []
        mine = [log for log in found if log["address"].lower() in contracts]
        return {"last": last, "newest": newest.header(), "logs": mine}


def _parse(params: list[Any]) -> Question:
    try:
        number, contracts, milliseconds = params
        wait_s = min(max(milliseconds, 0), 1000 * LONGEST_S) / 1000
        return quantity(number), frozenset("0x" + data(each, ADDRESS).hex() for each in contracts), wait_s
    except (ValueError, TypeError) as error:
        message = "give a block's number, contracts and milliseconds"
        raise NodeRefusal({"code": INVALID_PARAMS, "message": message}) from error
