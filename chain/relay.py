"""Sends a trustee's answers to decryption requests that were signed elsewhere, e.g. in a browser.

Invariant: it sends only approvals and refusals, only to this consortium's key authority, and without value. `read`
returns exactly the record that the ledger will make of a transaction, with its signer as the sender.

Source: EIP-2718, EIP-1559 (type 2); contracts/authority/IRequests.sol.
Not here: whether the answer is correct (webui/federation/decryption_requests.py).
"""

from __future__ import annotations

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
from chain.rpc.node import NodeSettings, connect
from chain.transactions import keystore
from chain.transactions.sender import FREE_GAS_LIMIT, Sender
from fl.protocol.errors import EncodingError
from fl.protocol.names import Address, Digest, Refusal
from fl.protocol.ports import Anchor, TransactionTerms
from fl.protocol.records import DecryptionApproved, DecryptionRefused, Receipt

TRANSACTION_CAP = 4096
"""The largest transaction of an answer, in bytes."""
PAID_GAS_LIMIT = 200_000
"""More than an approval needs; unused gas costs nothing."""
_TYPE = 2
_WHAT = "signed answer"
Answer = DecryptionApproved | DecryptionRefused


class EthereumRelay:
    """Implements the Relay port; safe to use from several threads."""

    def __init__(self, settings: LedgerSettings) -> None:
        """Connect; raises as EthereumLedger."""
        self._anchor = settings.anchor
        self._free_gas = settings.transactions.free_gas
        self._node = connect(NodeSettings(settings.node.url, settings.anchor.chain_id, settings.node.timeout_s))
        check_deployment(self._node, settings.anchor)
        nobody = keystore.generate()
        self._sender = Sender(self._node, settings.anchor.chain_id, nobody, settings.transactions)

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
        answer = self.read(transaction)
        to, data = self._anchor.authority, events.encode_call(answer)
        request = {"from": "0x" + answer.sender.hex(), "to": "0x" + to.hex(), "data": "0x" + data.hex()}
        return receipt_of(self._node, answer, self._sender.relay(transaction, request))


def read_answer(transaction: bytes, anchor: Anchor) -> Answer:
    """Return the approval or refusal that a raw signed transaction to `anchor.authority` records.

    Raises:
        EncodingError: the transaction is not of type 2, goes to another contract or chain, has value, or is not an
            approveDecryption or refuseDecryption call in canonical encoding.
    """
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
    return _answer(bytes(fields["data"]), signer)


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
