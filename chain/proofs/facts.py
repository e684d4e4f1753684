"""What bytes of the chain say, without a node: the ChainFacts port.

Source: PROTOCOL.md 8T.6; fl/protocol/ports.py (ChainFacts).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import rlp
from eth_utils.crypto import keccak

from chain.authorship import check_author, created_by
from chain.contracts import events
from chain.proofs.headers import QBFT, Header, parse_header
from chain.proofs.trie import WrongBytesError, value_at
from chain.transactions.eip712 import signer_of
from chain.transactions.signed import SignedCall, of_signed
from fl.protocol.errors import BindingInvalid, EncodingError, ProofChanged, RecordForged
from fl.protocol.names import ADDRESS_BYTES, Address
from fl.protocol.ports import BoundEvent, Sent
from fl.protocol.records import Record
from fl.protocol.tlog.entry import LogEntry
from fl.protocol.tlog.extra import ReceiptBinding

_AUTHORITY, _LEDGER = "KeyAuthority", "FederationLedger"
_LAST_TYPED = 0x7F
_RECEIPT_PARTS, _STATUS, _LOGS = 4, 0, 3
_SUCCESS = b"\x01"


class OfflineFacts:
    """Implements ChainFacts."""

    def record_of(self, event: LogEntry, *, of_authority: bool) -> Record:
        return _record(_AUTHORITY if of_authority else _LEDGER, list(event.topics), event.data)

    def check_author(self, event: LogEntry, record: Record, transaction: bytes) -> None:
        try:
            call = of_signed(transaction)
        except ValueError as error:
            raise ProofChanged(6, "the transaction in it is not a signed transaction") from error
        if keccak(transaction) != event.transaction:
            raise ProofChanged(6, "the transaction in it is not the one that the entry names")
        try:
            check_author(record, event.contract, call, event.chain_id)
        except RecordForged as error:
            raise ProofChanged(6, f"its sender did not sign this record: {error.why}") from error

    def bound(self, binding: ReceiptBinding, chain_id: int, consensus: str) -> BoundEvent:
        try:
            header = parse_header(binding.header, consensus)
            place = binding.transaction_index
            receipt = value_at(header.receipts_root, place, binding.receipts)
            call = of_signed(value_at(header.transactions_root, place, binding.transactions))
            return _bound(header, _log(receipt, binding.event), call, chain_id)
        except WrongBytesError as error:
            raise BindingInvalid(str(error)) from error
        except (EncodingError, RecordForged) as error:
            raise BindingInvalid(error.why) from error
        except ValueError as error:
            raise BindingInvalid("the transaction in it is not a signed transaction") from error

    def sent(self, transaction: bytes) -> Sent:
        try:
            call = of_signed(transaction)
        except ValueError as error:
            raise EncodingError("transaction", "it is not a signed transaction") from error
        creates = created_by(call) if call.to is None else None
        return Sent(call.account, call.chain_id, call.nonce, call.to, creates, call.data, call.hash)

    def call_of(self, sent: Sent, *, of_authority: bool) -> tuple[type[Record], Mapping[str, object]]:
        kind = events.kind_of_call(_AUTHORITY if of_authority else _LEDGER, sent.data)
        return kind, events.decode_call(kind, sent.data)

    def sealed(self, header: bytes) -> tuple[int, bytes, frozenset[Address]]:
        try:
            found = parse_header(header, QBFT)
        except WrongBytesError as error:
            raise EncodingError("header", str(error)) from error
        return found.number, found.hash, found.sealers

    def signer(self, digest: bytes, signature: bytes) -> Address:
        return signer_of(digest, signature)


def _bound(header: Header, log: tuple[Address, list[bytes], bytes], call: SignedCall, chain_id: int) -> BoundEvent:
    contract, topics, data = log
    record = _record(_LEDGER, topics, data)
    check_author(record, contract, call, chain_id)
    return BoundEvent(record, contract, header.number, header.hash, header.time, header.sealers)


def _record(contract: str, topics: list[bytes], data: bytes) -> Record:
    shown = {"topics": ["0x" + each.hex() for each in topics], "data": "0x" + data.hex()}
    record = events.decode_log(contract, shown)
    if record is None:
        raise EncodingError("record", "it is an event that this version does not know")
    return record


def _log(receipt: bytes, place: int) -> tuple[Address, list[bytes], bytes]:
    """Return contract, topics and data of an event of a receipt that succeeded, or raise WrongBytesError."""
    try:
        parts: Any = rlp.decode(receipt[1:] if receipt[0] <= _LAST_TYPED else receipt)
        if len(parts) != _RECEIPT_PARTS or parts[_STATUS] != _SUCCESS:
            raise WrongBytesError("the receipt is not of a transaction that succeeded")
        contract, topics, data = parts[_LOGS][place]
        if len(contract) != ADDRESS_BYTES or not all(isinstance(each, bytes) for each in (*topics, data)):
            raise WrongBytesError("the receipt has another form")
    except (rlp.exceptions.RLPException, TypeError, IndexError, RecursionError) as error:
        raise WrongBytesError("the receipt has another form, or no such event") from error
    return Address(contract), list(topics), data
