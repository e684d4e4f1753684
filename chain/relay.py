"""Sends a trustee's answers to decryption requests that were signed elsewhere, e.g. in a browser; and its first key.

Invariant: it sends only approvals, refusals and first member keys, only to this consortium's key authority, and without
value. `read` returns exactly the record that the ledger will make of a transaction, with its signer as the sender.

Source: EIP-2718, EIP-1559 (type 2); contracts/authority/IRequests.sol.
Not here: whether the answer is correct (webui/federation/decryption_requests.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from eth_abi import decode
from eth_abi.exceptions import DecodingError
from eth_keys.exceptions import BadSignature
from eth_utils.abi import function_abi_to_4byte_selector
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException

from chain.accounts import typed_transaction
from chain.contracts import artifacts, events
from chain.contracts.lookup import check_deployment
from chain.ledger import LedgerSettings, receipt_of
from chain.rpc.node import connect
from chain.transactions import keystore
from chain.transactions.sender import FREE_GAS_LIMIT, Sender
from fl.protocol.errors import EncodingError
from fl.protocol.names import Address, Digest, Refusal
from fl.protocol.ports import Anchor, TransactionTerms
from fl.protocol.records import DecryptionApproved, DecryptionRefused, KeyRegistered, Receipt

TRANSACTION_CAP = 4096
"""The largest transaction of an answer, in bytes."""
PAID_GAS_LIMIT = 200_000
"""More than an approval needs; unused gas costs nothing."""
KEY_GAS_LIMIT = 1_500_000
"""More than a first member key needs where the chain has no precompiled check of P-256."""
_TYPE = 2
_WHAT = "signed answer"
Answer = DecryptionApproved | DecryptionRefused


class EthereumRelay:
    """Implements the Relay port; safe to use from several threads."""

    def __init__(self, settings: LedgerSettings) -> None:
        """Connect; raises as EthereumLedger."""
        self._anchor = settings.anchor
        self._free_gas = settings.transactions.free_gas
        self._node = connect(replace(settings.node, chain_id=settings.anchor.chain_id))
        check_deployment(self._node, settings.anchor)
        nobody = keystore.generate()
        self._sender = Sender(self._node, settings.anchor.chain_id, nobody, settings.transactions)

    def key_terms(self, account: Address) -> TransactionTerms:
        terms = self.terms(account)
        return replace(terms, gas=max(terms.gas, KEY_GAS_LIMIT))

    def send_key(self, transaction: bytes, record: KeyRegistered) -> Receipt:
        """Send the transaction that records exactly `record`; raises as `send`."""
        check_key(transaction, self._anchor, record)
        return self._relay(transaction, record)

    def terms(self, account: Address) -> TransactionTerms:
        nonce = self._node.number("eth_getTransactionCount", "0x" + account.hex(), "pending")
        fees = self._sender.fees()
        gas = FREE_GAS_LIMIT if self._free_gas else PAID_GAS_LIMIT
        return TransactionTerms(nonce, gas, fees["maxFeePerGas"], fees["maxPriorityFeePerGas"])

    def read(self, transaction: bytes) -> Answer:
        return read_answer(transaction, self._anchor)

    def send(self, transaction: bytes) -> Receipt:
        """Send a transaction, and wait until it is included.

        Raises:
            EncodingError: as `read`.
            AnswerOutdated: the account sent another transaction after signing this one; nothing was included.
            RefusedError: the contract refuses it; nothing was included.
            RecordForged, ChainUnavailable, TransactionTimeout: as Ledger.append.
        """
        return self._relay(transaction, self.read(transaction))

    def _relay(self, transaction: bytes, answer: Answer | KeyRegistered) -> Receipt:
        to, data = self._anchor.authority, events.encode_call(answer)
        request = {"from": "0x" + answer.sender.hex(), "to": "0x" + to.hex(), "data": "0x" + data.hex()}
        return receipt_of(self._node, self._anchor, answer, self._sender.relay(transaction, request))


def read_answer(transaction: bytes, anchor: Anchor) -> Answer:
    """Return the approval or refusal that a raw signed transaction to `anchor.authority` records.

    Raises:
        EncodingError: the transaction is not of type 2, goes to another contract or chain, has value, or is not an
            approveDecryption or refuseDecryption call in canonical encoding.
    """
    return _answer(*_parsed(transaction, anchor))


def check_key(transaction: bytes, anchor: Anchor, record: KeyRegistered) -> None:
    """Raise EncodingError unless a raw signed transaction to `anchor.authority` records exactly `record`."""
    data, signer = _parsed(transaction, anchor)
    if signer != record.sender:
        raise EncodingError(_WHAT, "another account signed it")
    if data != events.encode_call(record):
        raise EncodingError(_WHAT, "it does not register this key")


def _parsed(transaction: bytes, anchor: Anchor) -> tuple[bytes, Address]:
    """Return call data and signer of a raw signed transaction to the key authority."""
    if len(transaction) > TRANSACTION_CAP or transaction[:1] != bytes([_TYPE]):
        raise EncodingError(_WHAT, "it is not a transaction of type 2")
    try:
        fields, signer = typed_transaction(transaction)
    except (RLPException, BadSignature, ValidationError, ValueError, TypeError, OverflowError) as error:
        raise EncodingError(_WHAT, "it is not a signed transaction") from error
    wanted = {"chainId": anchor.chain_id, "to": anchor.authority, "value": 0}
    for name, value in wanted.items():
        found = fields[name]
        if (bytes(found) if isinstance(value, bytes) else found) != value:
            raise EncodingError(_WHAT, f"its field {name} has the wrong value")
    if fields["accessList"]:
        raise EncodingError(_WHAT, "it has an access list")
    return bytes(fields["data"]), signer


def _answer(data: bytes, signer: Address) -> Answer:
    for kind in (DecryptionApproved, DecryptionRefused):
        function = artifacts.load("KeyAuthority").entry("function", events.FUNCTIONS[kind])
        if data[:4] != function_abi_to_4byte_selector(function):  # type: ignore[arg-type]
            continue
        try:
            request, said = decode([item["type"] for item in function["inputs"]], data[4:])
            record = _said(kind, signer, request, said)
        except (DecodingError, ValueError, OverflowError) as error:
            raise EncodingError(_WHAT, "its call does not fit the contract") from error
        if events.encode_call(record) != data:
            raise EncodingError(_WHAT, "its call is not in canonical encoding")
        return record
    raise EncodingError(_WHAT, "it neither approves nor refuses a request")


def _said(kind: type[Answer], signer: Address, request: int, said: Any) -> Answer:  # noqa: ANN401 - bytes or a number
    if kind is DecryptionApproved:
        return DecryptionApproved(signer, request, Digest(said))
    return DecryptionRefused(signer, request, Refusal(said))
