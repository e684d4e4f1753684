"""Waits for a transaction's receipt, and helps a transaction that is lost, stuck or behind a gap.

Invariant: a helped call keeps its nonce, so it is included once or never. Only when another transaction surely took
that nonce is it raised (`Overtaken`) that the call must be signed again: its block counts, and two looks agree.

Source: EIP-1559; transaction pools of nodes (a replacement has the same nonce and a higher bid; a transaction waits
until all nonces before its own are there).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from eth_utils.crypto import keccak

from chain.finality import Finality
from chain.rpc import shapes
from chain.rpc.node import Node, NodeRefusal
from chain.rpc.pace import Pace
from chain.rpc.transport import Call
from chain.transactions.unfinished import Sending, Unfinished
from fl.protocol.errors import BidAtLimit, ChainUnavailable, FeeAboveLimit, TransactionTimeout

STUCK_BLOCKS = 4
"""After so many blocks without it, a transaction is helped."""
MOST_GAP = 16
"""How many missing nonces are filled at once."""

Found = dict[str, Any] | None
"""A receipt, if there is one."""
SECOND_LOOK_S = 1.0
"""After so many seconds one node is asked again."""
Replace = Callable[[Sending], bool]
"""Signs a call again with a higher bid; False where gas is free."""
Fill = Callable[[int], bytes]
"""Returns a signed transaction that does nothing but take a nonce."""


class Overtaken(Exception):
    """Another transaction has the nonce of this one, which can never be included."""


class Waiting:
    """Waits for one account's transactions; safe to use from several threads."""

    def __init__(self, node: Node, finality: Finality, timeout_s: float, poll_s: float) -> None:
        self._node = node
        self._finality = finality
        self._timeout_s = timeout_s
        self._poll_s = poll_s
        self._pace = Pace(node)

    def offer(self, raw: bytes, tx_hash: bytes) -> Found:
        """Send, and ask for the receipt in the same exchange: a chain that mines at once has it already.

        Raises:
            NodeRefusal: the node did not take it.
            ChainUnavailable: no answer; the transaction may have arrived.
        """
        try:
            sent, receipt = self._node.attempt_batch(
                ("eth_sendRawTransaction", [_hex(raw)]), ("eth_getTransactionReceipt", [_hex(tx_hash)])
            )
        except ChainUnavailable:
            known = self.receipt(tx_hash)  # the answer was lost; the transaction may have arrived
            if known is None:
                raise
            return known
        sent()
        try:
            return self._parse(receipt(), tx_hash)
        except NodeRefusal:  # some nodes refuse to answer about waiting transactions
            return None

    def offer_again(self, raw: bytes, tx_hash: bytes) -> Found:
        try:
            return self.offer(raw, tx_hash)
        except NodeRefusal:  # it waits already, or was included at once; the next look will show
            return None

    def is_known(self, tx_hash: bytes) -> bool:
        """Return whether the node has a transaction, waiting or included."""
        return self._node.request("eth_getTransactionByHash", _hex(tx_hash)) is not None

    def receipt(self, tx_hash: bytes) -> Found:
        return self._parse(self._node.request("eth_getTransactionReceipt", _hex(tx_hash)), tx_hash)

    def included(self, sending: Sending) -> Found:
        """Return the receipt of whichever transaction of a call was included."""
        for signed in reversed(sending.signed):
            if (found := self.receipt(signed.hash)) is not None:
                return found
        return None

    def count(self, account: bytes, tag: str) -> int:
        """Return how many transactions of an account are included (`latest`), or included and waiting (`pending`)."""
        return self._node.number("eth_getTransactionCount", _hex(account), tag)

    def is_overtaken(self, account: bytes, sending: Sending) -> bool:
        """Return whether another transaction took the nonce for good: in a block that counts, and so at two looks.

        The second look is at another URL, or at the same one a while later if there is no other: a node that lags, or
        that is alone with its history, may not show a transaction that is included.
        """
        if not self._is_taken(account, sending):
            return False
        if not self._node.change("it does not show a transaction whose nonce is used"):
            time.sleep(self._pace.pause(max(self._poll_s, SECOND_LOOK_S)))
        return self._is_taken(account, sending)

    def _is_taken(self, account: bytes, sending: Sending) -> bool:
        """Return whether the nonce is used in a block that counts, and not by this call, as one node shows it."""
        tag = "latest" if self._finality.at_once else hex(max(self._finality.head(self._node), 0))
        return self.count(account, tag) > sending.nonce and self.included(sending) is None

    def wait(self, sending: Sending, receipt: Found, rescue: Rescue | None = None) -> dict[str, Any]:
        """Return the receipt when it counts.

        If a reorg removes the transaction from its block, or another URL is used, it is sent again as it is.

        Raises:
            TransactionTimeout: it was not included, or does not count, in time.
            FeeAboveLimit, BidAtLimit: so it was, because it would cost more than the limit.
            Overtaken: it can never be included.
            ChainUnavailable: the node did not answer in all that time.
        """
        began, until, pause_s = time.monotonic(), None, self._poll_s
        using, since = self._node.using, -1
        while receipt is None or not self._counts(receipt):
            if until is None:
                until, pause_s = began + self._patience_s(), self._pace.pause(self._poll_s)
            if time.monotonic() >= until:
                raise sending.held_by or TransactionTimeout(sending.newest.hash, round(until - began, 3))
            time.sleep(pause_s)
            try:
                was, receipt = receipt is not None, self.included(sending)
                if receipt is not None:
                    continue
                if was or self._node.using != using:
                    using = self._node.using
                    receipt = self.offer_again(sending.newest.raw, sending.newest.hash)
                elif rescue is not None:
                    since = self._helped(sending, rescue, since)
            except ChainUnavailable:
                if time.monotonic() >= until:
                    raise
        return receipt

    def _helped(self, sending: Sending, rescue: Rescue, since: int) -> int:
        """Help a transaction that waits for too many blocks; return from which block it is waited for."""
        head = self._node.number("eth_blockNumber")
        if since < 0 or head - since < STUCK_BLOCKS:
            return head if since < 0 else since
        rescue.help(sending)
        return head

    def _patience_s(self) -> float:
        try:
            return self._timeout_s + self._pace.block_s * (2 * self._finality.depth + 4 * STUCK_BLOCKS)
        except ChainUnavailable:
            return self._timeout_s

    def _counts(self, receipt: dict[str, Any]) -> bool:
        return self._finality.at_once or self._finality.head(self._node) >= int(receipt["blockNumber"], 16)

    def _parse(self, answer: object, tx_hash: bytes) -> Found:
        return self._node.parsed(lambda value: shapes.receipt(value, tx_hash), answer)


class Rescue:
    """Helps the waiting transactions of an account whose key is here."""

    def __init__(self, waiting: Waiting, unfinished: Unfinished, account: bytes, replace: Replace, fill: Fill) -> None:
        self._waiting = waiting
        self._unfinished = unfinished
        self._account = account
        self._replace = replace
        self._fill = fill

    def help(self, sending: Sending) -> None:
        """Send again what is lost, fill a gap before it, or bid more.

        Raises:
            Overtaken: another transaction took the nonce.
        """
        if self._waiting.count(self._account, "latest") > sending.nonce:
            if self._waiting.is_overtaken(self._account, sending):
                raise Overtaken
            return
        newest = sending.newest
        if missing := range(self._waiting.count(self._account, "pending"), sending.nonce):
            self._close_gap(missing)
        if not self._waiting.is_known(newest.hash):
            self._waiting.offer_again(newest.raw, newest.hash)
        elif not missing:
            self._bid_more(sending)

    def _bid_more(self, sending: Sending) -> None:
        try:
            if self._replace(sending):
                self._waiting.offer_again(sending.newest.raw, sending.newest.hash)
                sending.held_by = None
        except (FeeAboveLimit, BidAtLimit) as error:  # it waits until gas is cheaper
            sending.held_by = error

    def _close_gap(self, missing: range) -> None:
        """Offer a transaction for each missing nonce: the one that was signed for it, else one that does nothing."""
        ours = {each.nonce: each.newest.raw for each in self._unfinished.all()}
        for nonce in missing[:MOST_GAP]:
            try:
                raw = ours.get(nonce) or self._fill(nonce)
                self._waiting.offer(raw, keccak(raw))
            except NodeRefusal:  # another process filled it
                continue
            except FeeAboveLimit:  # it waits until gas is cheaper
                return


def ask_nonce(account: bytes, tag: str) -> Call:
    return "eth_getTransactionCount", [_hex(account), tag]


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
