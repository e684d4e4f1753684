"""Who made a record: its sender's signature, not the node's word.

Invariant: a record is handed on only if the account that it names as sender signed, for this chain, a call of the
contract that emits it, and the call is the one that makes this very record. A node can hide records, delay them and
order them; it cannot invent one.

Source: PROTOCOL.md 8. The contracts take calls from accounts only, directly and without code of their own
(SenderHasCode), so every record has such a transaction. What a contract computes (`set_digest`, `request`,
`predecessor`, `model_digest`) is compared by the fold (fl/protocol).
Not here: fetching logs and transactions (log_reader.py).
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
        raise RecordForged(name, record.sender, "the transaction is of another chain")
    if isinstance(record, ConsortiumFounded):
        if call.to is not None or created_by(call) != contract or not call.data.endswith(record.consortium):
            raise RecordForged(name, record.sender, "the transaction deploys something else")
    elif call.to != contract or not makes(call.data, record):
        raise RecordForged(name, record.sender, "the transaction says something else")


def created_by(call: SignedCall) -> Address:
    """Return the address of the contract that a transaction creates."""
    return Address(keccak(rlp.encode([call.account, call.nonce]))[-ADDRESS_BYTES:])


def makes(data: bytes, record: Record) -> bool:
    """Return whether call data sets the fields of `record` that a call sets."""
    try:
        given = events.decode_call(type(record), data)
    except EncodingError:
        return False
    return all(getattr(record, name) == value for name, value in given.items())
