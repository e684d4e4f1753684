"""How fast a network makes blocks, and so how often it is worth asking.

Source: block headers (timestamps in seconds).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from chain.rpc import shapes
from chain.rpc.node import HEADER_ONLY, Node, NodeRefusal

SAMPLE = 16
"""How many block times are averaged."""
LONGEST_S, ON_DEMAND_S = 60.0, 2.0
"""A network whose blocks come more slowly makes them on demand, and is asked as often as one of this block time."""
VALID_S = 600.0
PARTS = 10
"""A block time is asked for so many times: the news is a tenth of it late, in the mean a twentieth."""
LEAST_PAUSE_S, MOST_PAUSE_S = 0.02, 1.5


@dataclass
class Pace:
    """The block time of a node's network, measured when it is first needed."""

    node: Node
    _block_s: float = field(default=0.0, init=False)
    _until: float = field(default=0.0, init=False)

    @property
    def block_s(self) -> float:
        """Return the seconds between two blocks; 0 if a block is made as soon as there is something to put in it.

        Raises:
            ChainUnavailable: the node does not answer.
        """
        if time.monotonic() >= self._until:
            self._block_s = measure(self.node)
            self._until = time.monotonic() + VALID_S
        return self._block_s

    def pause(self, at_least_s: float) -> float:
        """Return how long to wait between two looks."""
        if not (block_s := self.block_s):
            return at_least_s
        return max(at_least_s, min(max(block_s / PARTS, LEAST_PAUSE_S), MOST_PAUSE_S))


def measure(node: Node) -> float:
    """Return the mean seconds between the newest blocks; 0 for the embedded chain, which makes blocks on demand."""
    newest = node.parsed(shapes.block, node.request("eth_getBlockByNumber", "latest", HEADER_ONLY))
    if newest is None or newest.number == 0:
        return 0.0
    try:
        node.news(newest.number, (), 0)
    except NodeRefusal:
        blocks = min(SAMPLE, newest.number)
    else:
        return 0.0
    before = node.request("eth_getBlockByNumber", hex(newest.number - blocks), HEADER_ONLY)
    older = node.parsed(shapes.block, before)
    if older is None:
        return 0.0
    mean_s = (newest.timestamp - older.timestamp) / blocks
    return max(mean_s, 0.0) if mean_s <= LONGEST_S else ON_DEMAND_S
