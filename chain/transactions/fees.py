"""What a transaction pays: a bid of EIP-1559, or one gas price on networks without it.

Invariant: no bid is above the limit that a person set. A raised bid is at least an eighth above the one before, which
is what nodes ask of a replacement.

Source: EIP-1559; the price bump of transaction pools (geth, Besu: 10 %; Erigon, older clients: up to 12.5 %).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chain.rpc import shapes
from chain.rpc.node import HEADER_ONLY, Node, NodeRefusal
from fl.protocol.errors import FeeAboveLimit

USUAL_TIP = 10**9
"""Wei per gas, if the node names none."""
GWEI = 10**9


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
    """The most wei per gas; None: no limit."""
    tip: int | None = None
    """Wei per gas; None: what the node suggests."""
    legacy: bool = field(default=False)
    """Whether the network was seen to lack EIP-1559."""

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
        self._check(block.base_fee)
        return Bid(2 * block.base_fee + tip, tip).at_most(self.limit)

    def above(self, last: Bid) -> Bid | None:
        """Return a bid that replaces `last`; None if it would be above the limit.

        Raises:
            FeeAboveLimit: as `bid`.
        """
        least, now = last.raised(), self.bid()
        better = Bid(max(least.cap, now.cap), None if least.tip is None else max(least.tip, now.tip or 0))
        better = better.at_most(self.limit)
        enough = better.cap >= least.cap and (better.tip or 0) >= (least.tip or 0)
        return better if enough else None

    def _legacy(self) -> Bid:
        price = self.node.number("eth_gasPrice")
        self._check(price)
        return Bid(price, None)

    def _check(self, price: int) -> None:
        if self.limit is not None and price > self.limit:
            raise FeeAboveLimit(in_gwei(price), in_gwei(self.limit))


def in_gwei(wei: int) -> str:
    """Return an amount for people."""
    return f"{wei / GWEI:.9f}".rstrip("0").rstrip(".")


def _eighth_more(amount: int) -> int:
    return amount + amount // 8 + 1


def fields_of(bid: dict[str, Any]) -> Bid:
    """Return the bid in a stored transaction (unfinished.py)."""
    return Bid(int(bid["cap"]), None if bid["tip"] is None else int(bid["tip"]))
