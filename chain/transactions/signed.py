"""Parses signed transactions: who signed this one, with which nonce, and for which call?

Invariant: the account always comes from the signature.

Source: EIP-155 (chain ids in old transactions), EIP-2718 (typed transactions), EIP-2930, EIP-1559, EIP-4844, EIP-7702.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import rlp
from eth_keys.datatypes import Signature
from eth_utils.crypto import keccak

from chain.rpc.node import NodeRefusal
from fl.protocol.names import Address

REJECTED = -32000
ACCEPTED = (1, 2)
"""Types that the embedded chain accepts. A transaction of type 4 (EIP-7702) from anybody puts code on an account that
once signed an authorisation; our contracts then refuse that account, and its nonce changes without it."""

_FEES = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "input", "accessList")
_SIGNED: Mapping[int, tuple[str, ...]] = {
    0: ("nonce", "gasPrice", "gas", "to", "value", "input"),
    1: ("chainId", "nonce", "gasPrice", "gas", "to", "value", "input", "accessList"),
    2: _FEES,
    3: (*_FEES, "maxFeePerBlobGas", "blobVersionedHashes"),
    4: (*_FEES, "authorizationList"),
}
"""The signed fields of each transaction type, by their JSON-RPC names."""
_INSIDE = {
    "accessList": ("address", "storageKeys"),
    "authorizationList": ("chainId", "address", "nonce", "yParity", "r", "s"),
}
_BYTES = {"to", "input", "address", "storageKeys", "blobVersionedHashes"}
_FIRST_TYPED, _LAST_TYPED = 1, 0x7F
_OLD_PARITY = 35
"""EIP-155: v = 35 + 2·chainId + parity."""
_OLDEST_PARITY = 27
"""Before EIP-155: v = 27 + parity; blocks may still contain it."""
_REMEMBERED = 4096

Item = Any
"""What RLP encodes: bytes, or a list of items."""


@dataclass(frozen=True)
class SignedCall:
    """A transaction, with the account that its signature gives."""

    account: Address
    chain_id: int | None
    """None: the signature holds on every chain (before EIP-155)."""
    nonce: int
    to: Address | None
    """None creates a contract."""
    data: bytes
    hash: bytes


def parse(params: list[Any]) -> tuple[bytes, SignedCall]:
    """Return transaction and meaning of a client's eth_sendRawTransaction, or raise NodeRefusal."""
    try:
        raw = bytes.fromhex(params[0].removeprefix("0x"))
        call = of_raw(raw)
    except (IndexError, AttributeError, ValueError, TypeError) as error:
        raise NodeRefusal({"code": REJECTED, "message": "this is not a signed transaction"}) from error
    if raw[0] not in ACCEPTED:
        message = (
            f"this chain refuses transactions of type {raw[0]}: accounts must have no code, and blobs are not stored"
        )
        raise NodeRefusal({"code": REJECTED, "message": message})
    return raw, call


@lru_cache(maxsize=_REMEMBERED)
def of_raw(raw: bytes) -> SignedCall:
    """Return the meaning of a typed transaction, or raise ValueError."""
    if not raw or not _FIRST_TYPED <= raw[0] <= _LAST_TYPED or raw[0] not in _SIGNED:
        raise ValueError("not a typed transaction")
    try:
        decoded = rlp.decode(raw[1:])
        return _recovered(raw[0], decoded[:-3], tuple(map(_number, decoded[-3:])))
    except (rlp.exceptions.RLPException, TypeError, OverflowError, RecursionError) as error:
        raise ValueError("not a signed transaction") from error


def of_signed(raw: bytes) -> SignedCall:
    """Return the meaning of a transaction of any type, also of one before EIP-2718, or raise ValueError."""
    if not raw or raw[0] <= _LAST_TYPED:
        return of_raw(raw)
    try:
        decoded = rlp.decode(raw)
        call = _recovered(0, decoded[:-3], tuple(map(_number, decoded[-3:])))
    except (rlp.exceptions.RLPException, TypeError, OverflowError, RecursionError) as error:
        raise ValueError("not a signed transaction") from error
    if call.hash != keccak(raw):
        raise ValueError("not a signed transaction: it has another form than the one that was signed")
    return call


def raw_of_json(transaction: Mapping[str, Any]) -> bytes:
    """Return the raw form of an eth_getTransactionByHash answer of any type, or raise ValueError.

    Some nodes do not have eth_getRawTransactionByHash.
    """
    try:
        kind = int(transaction.get("type", "0x0"), 16)
        items = [_item(name, transaction[name]) for name in _SIGNED[kind]]
        signature = [_bytes(int(transaction[name], 16)) for name in ("v", "r", "s")]
        return (bytes([kind]) if kind else b"") + bytes(rlp.encode([*items, *signature]))
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError("not a signed transaction") from error


def of_json(transaction: Mapping[str, Any]) -> SignedCall:
    """Return the meaning of an eth_getTransactionByHash answer of any type, or raise ValueError.

    `from` and `hash` are ignored, because only the signature counts.
    """
    try:
        kind = int(transaction.get("type", "0x0"), 16)
        items = [_item(name, transaction[name]) for name in _SIGNED[kind]]
        v, r, s = (int(transaction[name], 16) for name in ("v", "r", "s"))
        return _recovered(kind, items, (v, r, s))
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError("not a signed transaction") from error


def _recovered(kind: int, items: Sequence[Item], signature: Sequence[int]) -> SignedCall:
    """Return the call in `items`, in the order of _SIGNED, with the account that signed it by v (or parity), r, s."""
    if len(items) != len(_SIGNED[kind]):
        raise ValueError("not a signed transaction: it has the wrong number of fields")
    fields = dict(zip(_SIGNED[kind], items, strict=True))
    v, r, s = signature
    chain_id: int | None
    if kind:
        chain_id, parity = _number(fields["chainId"]), v
        to_sign, signed = ([*items], [*items, *map(_bytes, signature)])
    elif v >= _OLD_PARITY:
        chain_id, parity = divmod(v - _OLD_PARITY, 2)
        to_sign, signed = ([*items, _bytes(chain_id), b"", b""], [*items, *map(_bytes, signature)])
    else:
        chain_id, parity = None, v - _OLDEST_PARITY
        to_sign, signed = ([*items], [*items, *map(_bytes, signature)])
    prefix = bytes([kind]) if kind else b""
    try:
        key = Signature(vrs=(parity, r, s)).recover_public_key_from_msg_hash(keccak(prefix + rlp.encode(to_sign)))
    except Exception as error:  # eth_keys has no common base class for its errors
        raise ValueError("not a signed transaction: no account can have made this signature") from error
    return SignedCall(
        account=Address(key.to_canonical_address()),
        chain_id=chain_id,
        nonce=_number(fields["nonce"]),
        to=Address(fields["to"]) if fields["to"] else None,
        data=fields["input"],
        hash=keccak(prefix + rlp.encode(signed)),
    )


def _item(name: str, value: Any) -> Item:  # noqa: ANN401 - JSON
    """Return a JSON-RPC field in its RLP form."""
    if isinstance(value, list):
        return [
            [_item(part, each[part]) for part in _INSIDE[name]] if name in _INSIDE else _item(name, each)
            for each in value
        ]
    if value is None:
        return b""
    return bytes.fromhex(value.removeprefix("0x")) if name in _BYTES else _bytes(int(value, 16))


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _number(item: bytes) -> int:
    return int.from_bytes(item, "big")
