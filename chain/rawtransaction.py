"""Signed transactions as bytes: who sent this one, and as which of its account's transactions?

Invariant: an answer is given for a typed transaction with a valid signature only.

Source: EIP-2718 (typed transactions), EIP-1559.
Not here: signing (keystore.py); what to do with a transaction (devchain.py).
"""

from __future__ import annotations

from typing import Any

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_keys.datatypes import Signature
from hexbytes import HexBytes

from chain.node import NodeRefusal

REJECTED = -32000


def parse(params: list[Any]) -> tuple[bytes, str, int]:
    """Return transaction, account and nonce of a client's eth_sendRawTransaction, or raise NodeRefusal."""
    try:
        raw = bytes.fromhex(params[0].removeprefix("0x"))
        return raw, *sender_of(raw)
    except (IndexError, AttributeError, ValueError, TypeError) as error:
        raise NodeRefusal({"code": REJECTED, "message": "this is no signed transaction"}) from error


def sender_of(raw: bytes) -> tuple[str, int]:
    """Return the account (checksummed) and the nonce of a typed transaction, or raise ValueError."""
    try:
        transaction = TypedTransaction.from_bytes(HexBytes(raw))
        fields = transaction.as_dict()
        signature = Signature(vrs=(int(fields["v"]), int(fields["r"]), int(fields["s"])))
        key = signature.recover_public_key_from_msg_hash(bytes(transaction.hash()))
        return str(key.to_checksum_address()), int(fields["nonce"])
    except Exception as error:
        raise ValueError("no signed typed transaction") from error
