"""What a transaction pays: a bid of EIP-1559, or one gas price on networks without it.

Invariant: no bid is above the limit that a person set. Without one the limit is MOST_TIMES the network's usual price
(the median base fee of the last blocks, and the tip), at least LEAST_LIMIT: so neither a rising price nor a transaction
that stays out for another reason makes bids rise without end. A raised bid is at least an eighth above the one before,
which is what nodes ask of a replacement.

Source: EIP-1559; execution-apis (eth_feeHistory); the price bump of transaction pools (geth, Besu: 10 %; Erigon, older
clients: up to 12.5 %).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from chain.rpc import shapes
from chain.rpc.node import HEADER_ONLY, Node, NodeRefusal
from fl.protocol.errors import BidAtLimit, FeeAboveLimit

USUAL_TIP = 10**9
"""Wei per gas, if the node names none."""
GWEI = 10**9
MOST_TIMES = 20
"""The most that is bid without a person's limit, in usual prices."""
LEAST_LIMIT = 10 * GWEI
"""Where blocks are empty the usual price is nearly nothing, and any load multiplies it."""
HISTORY = 1024
"""How many blocks say what is usual; nodes answer about so many at most."""
VALID_S = 600.0


@dataclass(frozen=True)
class Bid:
    """Wei per gas."""

    cap: int
    """At most this is paid; on networks without EIP-1559, exactly this."""
    tip: int | None
    """To whoever makes the block; None on networks without EIP-1559."""

    @property
    def fields(self) -> dict[str, int]:
        """Return the fields of a transaction."""
        if self.tip is None:
            return {"gasPrice": self.cap}
        return {"maxFeePerGas": self.cap, "maxPriorityFeePerGas": self.tip}

    def raised(self) -> Bid:
        return Bid(_eighth_more(self.cap), None if self.tip is None else _eighth_more(self.tip))

    def at_most(self, limit: int | None) -> Bid:
        if limit is None or self.cap <= limit:
            return self
        return Bid(limit, None if self.tip is None else min(self.tip, limit))


@dataclass
class Fees:
    """Bids for one account on one node."""

    node: Node
    free: bool
    limit: int | None = None
    """The most wei per gas; None: MOST_TIMES the usual price."""
    tip: int | None = None
    """Wei per gas; None: what the node suggests."""
    legacy: bool = field(default=False)
    """Whether the network was seen to lack EIP-1559."""
    _ceiling: int = field(default=LEAST_LIMIT, init=False)
    _until: float = field(default=0.0, init=False)
    """When the limit is computed again, on the monotonic clock."""

    def bid(self) -> Bid:
        """Return a bid for now.

        Raises:
            FeeAboveLimit: a block costs more than the limit now.
        """
        if self.free:
            return Bid(0, None if self.legacy else 0)
        newest, suggested = self.node.attempt_batch(
            ("eth_getBlockByNumber", ["latest", HEADER_ONLY]), ("eth_maxPriorityFeePerGas", [])
        )
        block = self.node.parsed(shapes.block, self.node.results([newest])[0])
        if block is None:
            raise self.node.unavailable("it does not have a newest block")
        if block.base_fee is None or self.legacy:
            return self._legacy()
        try:
            tip = self.node.parsed(shapes.quantity, suggested()) if self.tip is None else self.tip
        except NodeRefusal:  # a node may not know the method
            tip = USUAL_TIP
        limit = self._limit(block.base_fee, tip)
        _check(block.base_fee, limit)
        return Bid(2 * block.base_fee + tip, tip).at_most(limit)

    def above(self, last: Bid) -> Bid:
        """Return a bid that replaces `last`.

        Raises:
            FeeAboveLimit: as `bid`.
            BidAtLimit: a higher bid would be above the limit.
        """
        least, now = last.raised(), self.bid()
        limit = self._limit(now.cap, now.tip or 0)
        better = Bid(max(least.cap, now.cap), None if least.tip is None else max(least.tip, now.tip or 0))
        better = better.at_most(limit)
        if better.cap < least.cap or (better.tip or 0) < (least.tip or 0):
            raise BidAtLimit(in_gwei(last.cap), in_gwei(limit))
        return better

    def _limit(self, price: int, tip: int) -> int:
        """Return the most wei per gas; a network without a history is judged by its `price` of now."""
        if self.limit is not None:
            return self.limit
        if time.monotonic() >= self._until:
            usual = self._usual()
            self._ceiling = max(MOST_TIMES * ((price if usual is None else usual) + tip), LEAST_LIMIT)
            self._until = time.monotonic() + VALID_S
        return self._ceiling

    def _usual(self) -> int | None:
        """Return the median base fee of the last blocks, in wei; None if the node does not say."""
        try:
            found = self.node.attempt("eth_feeHistory", hex(HISTORY), "latest", [])
        except NodeRefusal:
            return None
        return self.node.parsed(_median_fee, found)

    def _legacy(self) -> Bid:
        price = self.node.number("eth_gasPrice")
        _check(price, self._limit(price, 0))
        return Bid(price, None)


def _check(price: int, limit: int) -> None:
    if price > limit:
        raise FeeAboveLimit(in_gwei(price), in_gwei(limit))


def _median_fee(history: Any) -> int | None:  # noqa: ANN401 - JSON
    """Return the median of the base fees in a fee history, None if it has none; raise ValueError for another shape."""
    fees = history.get("baseFeePerGas") if isinstance(history, dict) else None
    if not isinstance(fees, list) or len(fees) > HISTORY + 1:
        raise ValueError("no fee history")
    return int(median(map(shapes.quantity, fees))) if fees else None


def in_gwei(wei: int) -> str:
    """Return an amount for people."""
    return f"{wei / GWEI:.9f}".rstrip("0").rstrip(".")


def _eighth_more(amount: int) -> int:
    return amount + amount // 8 + 1


def fields_of(bid: dict[str, Any]) -> Bid:
    """Return the bid in a stored transaction (unfinished.py)."""
    return Bid(int(bid["cap"]), None if bid["tip"] is None else int(bid["tip"]))
