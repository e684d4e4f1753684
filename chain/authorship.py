"""Checks who made a record: the sender's signature counts, not the node's word.

Invariant: a record passes only if its sender signed, for this chain, the call of the right contract that makes exactly
this record. A node can hide, delay and reorder records; it cannot invent one.

Source: PROTOCOL.md 8. The contracts accept only direct calls from accounts without code (SenderHasCode), so every
record has such a transaction. The fold (fl/protocol) compares what a contract computes (`set_digest`, `request`,
`predecessor`, `model_digest`).
"""

from __future__ import annotations

import rlp
from eth_utils.crypto import keccak

from chain.contracts import events
from chain.transactions.signed import SignedCall
from fl.protocol.errors import EncodingError, RecordForged
from fl.protocol.names import ADDRESS_BYTES, Address
from fl.protocol.records import ConsortiumFounded, Record


def check_author(record: Record, contract: Address, call: SignedCall, chain_id: int) -> None:
    """Raise RecordForged unless `call` is how its sender made `record` at `contract`."""
    name = type(record).__name__
    if call.account != record.sender:
        raise RecordForged(name, record.sender, "another account signed the transaction")
    if call.chain_id not in (chain_id, None):
        raise RecordForged(name, record.sender, "the transaction was signed for another chain")
    if isinstance(record, ConsortiumFounded):
        if call.to is not None or created_by(call) != contract or not call.data.endswith(record.consortium):
            raise RecordForged(name, record.sender, "the transaction deploys another contract")
    elif call.to != contract or not makes(call.data, record):
        raise RecordForged(name, record.sender, "the transaction does not make this record")


def created_by(call: SignedCall) -> Address:
    """Return the address of the contract that a transaction creates."""
    return Address(keccak(rlp.encode([call.account, call.nonce]))[-ADDRESS_BYTES:])


def makes(data: bytes, record: Record) -> bool:
    """Return whether this call data makes `record`; fields that the contract computes are ignored."""
    try:
        given = events.decode_call(type(record), data)
    except EncodingError:
        return False
    return all(getattr(record, name) == value for name, value in given.items())
