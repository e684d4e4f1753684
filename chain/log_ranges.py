"""Reads the logs of a range of blocks, in pieces as large as the node serves.

Invariant: the result holds all logs of the range. If the node lacks a block of the range, it is asked again, and then
ChainUnavailable is raised: the empty answer of a lagging node would lose records for good.

Source: providers refuse ranges in many ways ("query returned more than 10000 results", "block range too large", -32005,
HTTP 400 or 413), so every refusal halves the range. EIP-234: with `blockHash`, a node without that block answers with
an error.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chain.rpc import shapes
from chain.rpc.node import HEADER_ONLY, Node, NodeRefusal
from chain.rpc.shapes import Block, Log

MOST_BLOCKS = 5000
NEAR_BLOCKS = 8
"""The newest blocks are read one by one, by hash, because another node may answer behind a load balancer."""
CALM = 10
"""After this many answers in a row the range is doubled."""
PAUSE_S = 0.2


@dataclass
class LogRanges:
    """Reads ranges and remembers how many blocks the node serves at a time."""

    node: Node
    contracts: Sequence[str]
    blocks: int = MOST_BLOCKS
    _calm: int = field(default=0, init=False)

    def read(self, first: int, target: int) -> tuple[list[Log], Block]:
        """Return the logs from `first` up to a block not behind `target`, and that block.

        Raises:
            ChainUnavailable: the node refuses even one block, or lacks a block of the range.
        """
        far = target - NEAR_BLOCKS
        if first > far:
            blocks = [self._one_block(number) for number in range(first, target + 1)]
            return [log for logs, _ in blocks for log in logs], blocks[-1][1]
        while True:
            upto = min(far, first + self.blocks - 1)
            try:
                logs = self._logs({"fromBlock": hex(first), "toBlock": hex(upto)})
            except NodeRefusal as refusal:
                self._halve(upto - first + 1, refusal)
                continue
            self._grow()
            if any(not first <= int(log["blockNumber"], 16) <= upto for log in logs):
                raise self.node.unavailable("it sent logs of the wrong blocks")
            return logs, self.block(upto)

    def block(self, number: int) -> Block:
        """Return a block of the chain; ask a lagging node again within the time for one answer."""
        deadline = time.monotonic() + self.node.settings.timeout_s
        while True:
            block = self.node.parsed(shapes.block, self.node.request("eth_getBlockByNumber", hex(number), HEADER_ONLY))
            if block is not None and block.number == number:
                return block
            late = f"it does not have block {number} yet"
            if time.monotonic() >= deadline:
                raise self.node.unavailable(late)
            if not self.node.change(late):
                time.sleep(PAUSE_S)

    def _one_block(self, number: int) -> tuple[list[Log], Block]:
        deadline = time.monotonic() + self.node.settings.timeout_s
        while True:
            block = self.block(number)
            try:
                logs = self._logs({"blockHash": block.hash})
            except NodeRefusal as refusal:
                if time.monotonic() >= deadline:
                    raise self.node.unavailable(
                        f"it refused the logs of block {number}: {refusal.message}"
                    ) from refusal
                time.sleep(PAUSE_S)
                continue
            if any((log["blockHash"], int(log["blockNumber"], 16)) != (block.hash, number) for log in logs):
                raise self.node.unavailable("it sent logs of the wrong blocks")
            return logs, block

    def _logs(self, where: dict[str, Any]) -> list[Log]:
        answer = self.node.attempt("eth_getLogs", {**where, "address": list(self.contracts)})
        return self.node.parsed(shapes.logs, answer)

    def _halve(self, asked: int, refusal: NodeRefusal) -> None:
        self._calm = 0
        if asked == 1:
            raise self.node.unavailable(f"it refused eth_getLogs: {refusal.message}") from refusal
        self.blocks = asked // 2

    def _grow(self) -> None:
        self._calm += 1
        if self._calm >= CALM:
            self._calm, self.blocks = 0, min(2 * self.blocks, MOST_BLOCKS)


def stamp_of(node: Node, log: Log) -> int:
    """Return the time of a log's block, in seconds since 1970; ask the node if the log does not say it."""
    if "blockTimestamp" in log:
        return int(log["blockTimestamp"], 16)
    return LogRanges(node, ()).block(int(log["blockNumber"], 16)).timestamp
