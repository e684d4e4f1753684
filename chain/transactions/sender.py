"""Sends signed transactions: nonce, fees, sending, and waiting for the receipt.

Invariant: a dry run finds most refusals before anything is sent. A refusal is always raised as the error of the same
name. After an error, either nothing or the whole transaction was included.

Source: EIP-1559 (fees), EIP-7825 (gas cap of one transaction).
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from chain.contracts import reverts as refusals
from chain.rpc import shapes
from chain.rpc.node import HEADER_ONLY, NOT_TAKEN, Answer, Node, NodeRefusal
from chain.rpc.transport import Call
from chain.transactions.keystore import AccountKey
from fl.protocol.errors import (
    AccountEmpty,
    AnswerOutdated,
    ChainUnavailable,
    ContractRefused,
    FeeDemanded,
    HemaledgerError,
    TransactionRefused,
    TransactionTimeout,
)
from fl.protocol.names import Address

FREE_GAS_LIMIT = 2**24
"""The most gas that a transaction may request; a high limit costs nothing where gas is free."""

NONCE_ATTEMPTS = 50
NONCE_SIGNS = ("nonce", "replacement")
POOR_SIGNS = ("insufficient funds", "insufficient balance", "enough funds", "exceeds allowance", "upfront cost")
FEE_SIGNS = ("underpriced", "base fee", "basefee", "fee too low", "gas price", "gasprice", "fee cap", "minimum gas")
USUAL_TIP = 10**9
"""Wei per gas, if the node names none."""
KNOWN_SIGNS = ("already known", "known transaction", "already imported")

Found = dict[str, Any] | None
"""A receipt, if there is one."""


@dataclass(frozen=True)
class TransactionSettings:
    """How to pay for transactions, and how long to wait for them."""

    free_gas: bool = True
    """True on the embedded chain and on other chains without fees; False pays the market's price."""
    confirmations: int = 1
    """How many blocks, including a transaction's own, are needed until it counts."""
    timeout_s: float = 60.0
    """How long to wait for a receipt."""
    poll_s: float = 0.02
    """How often to look; 1 s is enough on public networks."""


class Sender:
    """Sends the transactions of one account; safe to use from several threads."""

    def __init__(self, node: Node, chain_id: int, key: AccountKey, settings: TransactionSettings) -> None:
        self._node = node
        self._chain_id = chain_id
        self._key = key
        self._settings = settings
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
        """
        request = {"from": _hex(self.account), "data": _hex(data)}
        if to is not None:
            request["to"] = _hex(to)
        with self._lock:
            gas, nonce = self._dry_run(request)
            raw, tx_hash, receipt = self._submit(to, data, gas, nonce)
        receipt = self._await(raw, tx_hash, receipt)
        if not receipt["status"]:
            raise self._reason(request, receipt)
        return receipt

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
            receipt = self._offer(raw, tx_hash)
        except NodeRefusal as refusal:
            message = refusal.message.lower()
            if any(sign in message for sign in NONCE_SIGNS):
                raise AnswerOutdated("Your account sent something else to the ledger") from refusal
            if not any(sign in message for sign in KNOWN_SIGNS):
                raise self._translate(refusal) from refusal
        receipt = self._await(raw, tx_hash, receipt)
        if not receipt["status"]:
            raise self._reason(request, receipt)
        return receipt

    def fees(self) -> dict[str, int]:
        """Return `maxFeePerGas` and `maxPriorityFeePerGas` of a transaction now, in wei."""
        return self._fees()

    def _dry_run(self, request: dict[str, str]) -> tuple[int, int]:
        """Return the gas limit and the nonce to use, or raise the contract's refusal."""
        trial: Call = ("eth_call", [request, "pending"]) if self._settings.free_gas else ("eth_estimateGas", [request])
        gas, nonce = self._node.attempt_batch(trial, self._ask_nonce())
        try:
            if self._settings.free_gas:
                gas()
                limit = FREE_GAS_LIMIT
            else:
                estimate = self._node.parsed(shapes.quantity, gas())
                limit = min(estimate + estimate // 4, FREE_GAS_LIMIT)
        except NodeRefusal as refusal:
            raise self._translate(refusal, FREE_GAS_LIMIT) from refusal
        return limit, self._number(nonce)

    def _ask_nonce(self) -> Call:
        return "eth_getTransactionCount", [_hex(self.account), "pending"]

    def _number(self, answer: Answer) -> int:
        try:
            return self._node.parsed(shapes.quantity, answer())
        except NodeRefusal as refusal:
            raise self._node.unavailable(f"it refused to count transactions: {refusal.message}") from refusal

    def _submit(self, to: Address | None, data: bytes, gas: int, nonce: int) -> tuple[bytes, bytes, Found]:
        """Sign and send; try again with the next nonce if another process used this one.

        Returns the signed transaction, its hash, and its receipt if there is one already.
        """
        fees = self._fees()
        last: NodeRefusal | None = None
        for _ in range(NONCE_ATTEMPTS):
            raw, tx_hash = self._key.sign(
                {
                    "chainId": self._chain_id,
                    "nonce": nonce,
                    "gas": gas,
                    "value": 0,
                    "to": to if to is not None else b"",
                    "data": data,
                    **fees,
                }
            )
            try:
                return raw, tx_hash, self._offer(raw, tx_hash)
            except NodeRefusal as refusal:
                message = refusal.message.lower()
                if any(sign in message for sign in KNOWN_SIGNS):
                    return raw, tx_hash, None
                if not any(sign in message for sign in NONCE_SIGNS):
                    raise self._translate(refusal, gas) from refusal
                last = refusal
            nonce = self._number(*self._node.attempt_batch(self._ask_nonce()))
        raise self._node.unavailable("other processes keep sending with this account") from last

    def _offer(self, raw: bytes, tx_hash: bytes) -> Found:
        """Send, and ask for the receipt in the same exchange: a chain that mines at once has it already."""
        try:
            sent, receipt = self._node.attempt_batch(
                ("eth_sendRawTransaction", [_hex(raw)]), ("eth_getTransactionReceipt", [_hex(tx_hash)])
            )
        except ChainUnavailable:
            known = self._receipt(tx_hash)  # the answer was lost; the transaction may have arrived
            if known is None:
                raise
            return known
        sent()
        try:
            return self._parse(receipt(), tx_hash)
        except NodeRefusal:  # some nodes refuse to answer about waiting transactions
            return None

    def _fees(self) -> dict[str, int]:
        if self._settings.free_gas:
            return {"maxFeePerGas": 0, "maxPriorityFeePerGas": 0}
        tip, newest = self._node.attempt_batch(
            ("eth_maxPriorityFeePerGas", []), ("eth_getBlockByNumber", ["latest", HEADER_ONLY])
        )
        try:
            priority = self._node.parsed(shapes.quantity, tip())
        except NodeRefusal:  # a node may not know the method
            priority = USUAL_TIP
        block = self._node.parsed(shapes.block, self._node.results([newest])[0])
        if block is None:
            raise self._node.unavailable("it does not have a newest block")
        return {"maxFeePerGas": 2 * block.base_fee + priority, "maxPriorityFeePerGas": priority}

    def _await(self, raw: bytes, tx_hash: bytes, receipt: Found) -> dict[str, Any]:
        """Return the receipt when it has enough confirmations.

        If a reorg removes the transaction from its block, send it again and wait again.
        """
        deadline = time.monotonic() + self._settings.timeout_s
        while receipt is None or not self._confirmed(receipt):
            if time.monotonic() >= deadline:
                raise TransactionTimeout(tx_hash, self._settings.timeout_s)
            time.sleep(self._settings.poll_s)
            try:
                included, receipt = receipt is not None, self._receipt(tx_hash)
                if included and receipt is None:
                    receipt = self._offer_again(raw, tx_hash)
            except ChainUnavailable:
                if time.monotonic() >= deadline:
                    raise
        return receipt

    def _offer_again(self, raw: bytes, tx_hash: bytes) -> Found:
        try:
            return self._offer(raw, tx_hash)
        except NodeRefusal:  # it waits already, or was included at once; the next look will show
            return None

    def _receipt(self, tx_hash: bytes) -> Found:
        return self._parse(self._node.request("eth_getTransactionReceipt", _hex(tx_hash)), tx_hash)

    def _parse(self, answer: object, tx_hash: bytes) -> Found:
        return self._node.parsed(lambda value: shapes.receipt(value, tx_hash), answer)

    def _confirmed(self, receipt: dict[str, Any]) -> bool:
        if self._settings.confirmations <= 1:
            return True
        head = self._node.number("eth_blockNumber")
        return head - int(receipt["blockNumber"], 16) + 1 >= self._settings.confirmations

    def _reason(self, request: dict[str, str], receipt: dict[str, Any]) -> HemaledgerError:
        """Return why an included transaction failed, by repeating its call on the same block."""
        try:
            self._node.attempt("eth_call", request, receipt["blockNumber"])
        except NodeRefusal as refusal:
            return self._translate(refusal)
        return ContractRefused("the transaction failed, but would succeed now; try again")

    def _translate(self, refusal: NodeRefusal, gas: int = 0) -> HemaledgerError:
        """Return the error that a refusal stands for; `gas` is the gas limit of the transaction."""
        message = refusal.message.lower()
        if refusal.data:
            return refusals.leaf(refusal.data)
        if "revert" in message:
            return ContractRefused(refusal.message)
        if gas and self._settings.free_gas and any(sign in message for sign in (*FEE_SIGNS, *POOR_SIGNS)):
            return FeeDemanded(self._node.settings.url, refusal.message)
        if gas and any(sign in message for sign in POOR_SIGNS):
            return AccountEmpty(self.account, gas * self._fees()["maxFeePerGas"])
        if refusal.code == NOT_TAKEN:
            return TransactionRefused(refusal.message)
        return self._node.unavailable(f"it refused the transaction: {refusal.message}")


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()
