"""Sends signed transactions: nonce, fees, sending, and waiting for the receipt.

Invariant: a dry run finds most refusals before anything is sent. A refusal is always raised as the error of the same
name. After an error, either nothing or the whole transaction was included. A call that was sent is never sent with
another nonce while it can still be included, also not after a restart (unfinished.py).

Source: EIP-1559 (fees), EIP-7825 (gas cap of one transaction).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from chain.contracts import reverts as refusals
from chain.finality import Finality
from chain.rpc import shapes
from chain.rpc.node import NOT_TAKEN, Answer, Node, NodeRefusal
from chain.rpc.transport import Call
from chain.transactions.fees import Bid, Fees
from chain.transactions.keystore import AccountKey
from chain.transactions.unfinished import Sending, Signed, Unfinished
from chain.transactions.waiting import Found, Overtaken, Rescue, Waiting, ask_nonce
from fl.protocol.errors import (
    AccountEmpty,
    AnswerOutdated,
    ContractRefused,
    FeeDemanded,
    HemaledgerError,
    TransactionRefused,
)
from fl.protocol.names import Address

FREE_GAS_LIMIT = 2**24
"""The most gas that a transaction may request; a high limit costs nothing where gas is free."""
EMPTY_GAS = 21_000
"""What a transaction without a call costs."""

NONCE_ATTEMPTS = 50
OVERTAKEN_ATTEMPTS = 5
PAUSE_S = 0.05
TYPE_SIGNS = ("transaction type", "tx type", "1559", "unsupported type", "typed transaction")
"""Words with which a network without EIP-1559 refuses its transactions."""
TAKEN_SIGN = "replacement"
NONCE_SIGNS = ("nonce", TAKEN_SIGN)
POOR_SIGNS = ("insufficient funds", "insufficient balance", "enough funds", "exceeds allowance", "upfront cost")
FEE_SIGNS = ("underpriced", "base fee", "basefee", "fee too low", "gas price", "gasprice", "fee cap", "minimum gas")
KNOWN_SIGNS = ("already known", "known transaction", "already imported", "already in the mempool")


@dataclass(frozen=True)
class TransactionSettings:
    """How to pay for transactions, and how long to wait for them."""

    free_gas: bool = True
    """True on the embedded chain and on other chains without fees; False pays the market's price."""
    confirmations: int = 1
    """When a transaction counts, as finality.py has it: how many blocks, its own included, or FINALIZED."""
    timeout_s: float = 60.0
    """How long to wait for a receipt, beside the time of the blocks that it needs."""
    poll_s: float = 0.02
    """How often to look where blocks come at once; else it follows from the block time."""
    max_fee: int | None = None
    """The most wei per gas; None: a multiple of the network's usual price (fees.py)."""
    tip: int | None = None
    """Wei per gas for whoever makes the block; None: what the node suggests."""
    unfinished: Path | None = field(default=None, compare=False)
    """The folder in which this account's unfinished transactions survive a restart; None: they do not."""


class Sender:
    """Sends the transactions of one account; safe to use from several threads."""

    def __init__(self, node: Node, chain_id: int, key: AccountKey, settings: TransactionSettings) -> None:
        self._node = node
        self._chain_id = chain_id
        self._key = key
        self._free = settings.free_gas
        self._fees = Fees(node, settings.free_gas, settings.max_fee, settings.tip)
        self._waiting = Waiting(node, Finality(settings.confirmations), settings.timeout_s, settings.poll_s)
        self._unfinished = Unfinished(settings.unfinished)
        self._rescue = Rescue(self._waiting, self._unfinished, key.address, self._replace, self._fill)
        self._lock = threading.Lock()

    @property
    def account(self) -> Address:
        return self._key.address

    def send(self, to: Address | None, data: bytes) -> dict[str, Any]:
        """Return the receipt of a transaction; `to` None creates a contract.

        Raises:
            RefusedError: the contract refuses it; so does TamperedError for ModelDigestMismatch.
            ChainUnavailable: the node did not answer; nothing or the whole transaction was included.
            TransactionTimeout: no receipt came in time.
            FeeAboveLimit, BidAtLimit: so it was, because it would cost more than the limit.
        """
        request = {"from": _hex(self.account), "data": _hex(data)}
        if to is not None:
            request["to"] = _hex(to)
        for _ in range(OVERTAKEN_ATTEMPTS):
            with self._lock:
                sending, receipt = self._resumed(to, data) or self._begun(to, data, request)
            try:
                with self._unfinished.awaited(sending):
                    receipt = self._waiting.wait(sending, receipt, self._rescue)
            except Overtaken:
                self._unfinished.forget(sending)
                continue
            self._unfinished.forget(sending)
            if not receipt["status"]:
                raise self._reason(request, receipt)
            return receipt
        raise self._node.unavailable("other programs keep sending with this account")

    def relay(self, raw: bytes, request: dict[str, str]) -> dict[str, Any]:
        """Send an answer that another account signed, and return its receipt.

        Args:
            raw: The signed transaction.
            request: Its `from`, `to` and `data`.

        Raises:
            AnswerOutdated: the account sent another transaction after signing this one.
            HemaledgerError: as `send`.
        """
        self._dry_run(request)
        tx_hash, receipt = keccak(raw), None
        try:
            receipt = self._waiting.offer(raw, tx_hash)
        except NodeRefusal as refusal:
            if _has(refusal, NONCE_SIGNS) and not self._waiting.is_known(tx_hash):
                raise AnswerOutdated("Your account sent something else to the ledger") from refusal
            if not _has(refusal, (*KNOWN_SIGNS, *NONCE_SIGNS)):
                raise self._translate(refusal) from refusal
        sending = Sending(None, b"", 0, 0, [Signed(raw, Bid(0, 0))])
        receipt = self._waiting.wait(sending, receipt)
        if not receipt["status"]:
            raise self._reason(request, receipt)
        return receipt

    def fees(self) -> dict[str, int]:
        """Return `maxFeePerGas` and `maxPriorityFeePerGas` of a transaction now, in wei."""
        bid = self._fees.bid()
        return Bid(bid.cap, bid.cap if bid.tip is None else bid.tip).fields

    def _dry_run(self, request: dict[str, str]) -> tuple[int, int]:
        """Return the gas limit and the nonce to use, or raise the contract's refusal."""
        tag = self._node.pending
        trial: Call = ("eth_call", [request, tag]) if self._free else ("eth_estimateGas", [request])
        gas, nonce = self._node.attempt_batch(trial, ask_nonce(self.account, tag))
        try:
            if self._free:
                gas()
                limit = FREE_GAS_LIMIT
            else:
                estimate = self._node.parsed(shapes.quantity, gas())
                limit = min(estimate + estimate // 4, FREE_GAS_LIMIT)
        except NodeRefusal as refusal:
            if self._node.lacks_pending(refusal):
                return self._dry_run(request)
            raise self._translate(refusal, FREE_GAS_LIMIT) from refusal
        return limit, self._number(nonce)

    def _number(self, answer: Answer) -> int:
        try:
            return self._node.parsed(shapes.quantity, answer())
        except NodeRefusal as refusal:
            raise self._node.unavailable(f"it refused to count transactions: {refusal.message}") from refusal

    def _resumed(self, to: Address | None, data: bytes) -> tuple[Sending, Found] | None:
        """Return this very call if it was sent before and can still count; offer again what else is unfinished."""
        same: tuple[Sending, Found] | None = None
        for sending in self._unfinished.abandoned():
            receipt = self._waiting.included(sending)
            passed = receipt is None and self._waiting.is_overtaken(self.account, sending)
            mine = sending.is_call(to, data) and same is None
            if (receipt is not None or passed) and not (mine and receipt is not None and receipt["status"]):
                self._unfinished.forget(sending)
                continue
            if receipt is None:
                receipt = self._waiting.offer_again(sending.newest.raw, sending.newest.hash)
            same = (sending, receipt) if mine else same
        return same

    def _begun(self, to: Address | None, data: bytes, request: dict[str, str]) -> tuple[Sending, Found]:
        """Sign and send a new call; try again with the next nonce if another process used this one."""
        gas, nonce = self._dry_run(request)
        last: NodeRefusal | None = None
        for attempt in range(NONCE_ATTEMPTS):
            bid = self._fees.bid()
            sending = Sending(to, data, gas, nonce)
            sending.signed.append(self._signed(sending, bid))
            self._unfinished.note(sending)
            try:
                return sending, self._waiting.offer(sending.newest.raw, sending.newest.hash)
            except NodeRefusal as refusal:
                if _has(refusal, KNOWN_SIGNS) or self._is_there(refusal, sending):
                    return sending, None
                self._unfinished.forget(sending)
                last = refusal
            if _has(last, TYPE_SIGNS) and not self._fees.legacy:
                self._fees.legacy = True
                continue
            if not _has(last, NONCE_SIGNS):
                raise self._translate(last, gas) from last
            time.sleep(min(PAUSE_S * attempt, 1.0))
            nonce = self._next_nonce(nonce, last)
        raise self._node.unavailable("other processes keep sending with this account") from last

    def _is_there(self, refusal: NodeRefusal, sending: Sending) -> bool:
        """Return whether a refused nonce is used by this very transaction, which came there by another way."""
        return _has(refusal, NONCE_SIGNS) and self._waiting.is_known(sending.newest.hash)

    def _next_nonce(self, refused: int, why: NodeRefusal) -> int:
        """Return the nonce to try next; the node may not count yet what it refuses to replace."""
        counted = self._number(*self._node.attempt_batch(ask_nonce(self.account, self._node.pending)))
        return max(counted, refused + 1) if _has(why, (TAKEN_SIGN,)) else counted

    def _signed(self, sending: Sending, bid: Bid) -> Signed:
        fields = {
            "chainId": self._chain_id,
            "nonce": sending.nonce,
            "gas": sending.gas,
            "value": 0,
            "to": sending.to if sending.to is not None else b"",
            "data": sending.data,
            **bid.fields,
        }
        return Signed(self._key.sign(fields)[0], bid)

    def _replace(self, sending: Sending) -> bool:
        """Sign a call again with a higher bid, and keep it; False where gas is free.

        Raises:
            FeeAboveLimit, BidAtLimit: the bid would be above the limit.
        """
        if self._free:
            return False
        bid = self._fees.above(sending.newest.bid)
        sending.signed.append(self._signed(sending, bid))
        self._unfinished.note(sending)
        return True

    def _fill(self, nonce: int) -> bytes:
        """Return a transaction to this account itself that does nothing."""
        return self._signed(Sending(self.account, b"", EMPTY_GAS, nonce), self._fees.bid()).raw

    def _reason(self, request: dict[str, str], receipt: dict[str, Any]) -> HemaledgerError:
        """Return why an included transaction failed, by repeating its call on the same block."""
        try:
            self._node.attempt("eth_call", request, receipt["blockNumber"])
        except NodeRefusal as refusal:
            return self._translate(refusal)
        return ContractRefused("the transaction failed, but would succeed now; try again")

    def _translate(self, refusal: NodeRefusal, gas: int = 0) -> HemaledgerError:
        """Return the error that a refusal stands for; `gas` is the gas limit of the transaction."""
        if refusal.data:
            return refusals.leaf(refusal.data)
        if "revert" in refusal.message.lower():
            return ContractRefused(refusal.message)
        if gas and self._free and _has(refusal, (*FEE_SIGNS, *POOR_SIGNS)):
            return FeeDemanded(self._node.using, refusal.message)
        if gas and _has(refusal, POOR_SIGNS):
            return AccountEmpty(self.account, gas * self._fees.bid().cap)
        if refusal.code == NOT_TAKEN:
            return TransactionRefused(refusal.message)
        return self._node.unavailable(f"it refused the transaction: {refusal.message}")


def _has(refusal: NodeRefusal, signs: tuple[str, ...]) -> bool:
    message = refusal.message.lower()
    return any(sign in message for sign in signs)


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
