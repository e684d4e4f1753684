"""Block headers as bytes: their hash, the roots in them, and who sealed them.

Invariant: a header that is read has the fields of Ethereum in their order, and writing it again gives the same bytes.

Source: Ethereum yellow paper, 4.4; EIP-1559, 4895, 4844, 4788, 7685 (later fields); Besu, BftBlockHashing and
QbftExtraDataCodec (a QBFT block's hash leaves out round and seals; a seal signs the header with its round).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rlp
from eth_keys.datatypes import Signature
from eth_utils.crypto import keccak

from fl.protocol.names import ADDRESS_BYTES, Address

HEADER_CAP = 64 * 1024
"""The most bytes of a header: one of QBFT has all validators and their seals in it."""
QBFT = "qbft"
_HASHES = ("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom")
_NUMBERS = ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")
_BYTES = ("extraData", "mixHash", "nonce")
_LATER: tuple[tuple[str, bool], ...] = (
    ("baseFeePerGas", True),
    ("withdrawalsRoot", False),
    ("blobGasUsed", True),
    ("excessBlobGas", True),
    ("parentBeaconBlockRoot", False),
    ("requestsHash", False),
)
"""Fields of later forks, and whether they are numbers; a header has the first few of them."""
_FEWEST = len(_HASHES) + len(_NUMBERS) + len(_BYTES)
_MOST = _FEWEST + len(_LATER)
_TRANSACTIONS, _RECEIPTS, _NUMBER, _TIME, _EXTRA = 4, 5, 8, 11, 12
_WORD, _SHORT = 32, 8
_PARTS, _ROUND, _SEALS = 5, 3, 4
_SEAL_BYTES = 65


@dataclass(frozen=True)
class Header:
    """What a proof needs of a header."""

    hash: bytes
    number: int
    time: int
    transactions_root: bytes
    receipts_root: bytes
    sealers: frozenset[Address]
    """Who sealed it; empty unless it was read as QBFT."""


def parse_header(raw: bytes, consensus: str) -> Header:
    """Return the header in RLP; with `consensus` QBFT also who sealed it.

    Raises:
        ValueError: it is too long, or not a header.
    """
    if len(raw) > HEADER_CAP:
        raise ValueError("the header is too long")
    try:
        fields = rlp.decode(raw)
        if not isinstance(fields, list) or not _FEWEST <= len(fields) <= _MOST:
            raise ValueError("it is not a header")
        if not all(isinstance(each, bytes) for each in fields) or rlp.encode(fields) != raw:
            raise ValueError("it is not a header")
        if any(len(fields[place]) != _WORD for place in (_TRANSACTIONS, _RECEIPTS)):
            raise ValueError("a root of the header has another length")
        number, time = (_number(fields[place]) for place in (_NUMBER, _TIME))
        block_hash, sealers = _sealed(fields) if consensus == QBFT else (bytes(keccak(raw)), frozenset())
    except (rlp.exceptions.RLPException, TypeError, IndexError, RecursionError) as error:
        raise ValueError("it is not a header") from error
    return Header(block_hash, number, time, fields[_TRANSACTIONS], fields[_RECEIPTS], sealers)


def header_of_json(block: Mapping[str, Any]) -> bytes:
    """Return the RLP of an eth_getBlockByNumber answer's header, or raise ValueError."""
    try:
        fields = [bytes.fromhex(block[name][2:]) for name in _HASHES]
        fields += [_minimal(block[name]) for name in _NUMBERS]
        fields += [bytes.fromhex(block[name][2:]) for name in _BYTES]
        for name, is_number in _LATER:
            if block.get(name) is not None:
                fields.append(_minimal(block[name]) if is_number else bytes.fromhex(block[name][2:]))
        return bytes(rlp.encode(fields))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("a block without a field of its header") from error


def _sealed(fields: list[bytes]) -> tuple[bytes, frozenset[Address]]:
    """Return a QBFT header's hash, and the accounts whose seals are in it."""
    extra = rlp.decode(fields[_EXTRA])
    if not isinstance(extra, list) or len(extra) != _PARTS or rlp.encode(extra) != fields[_EXTRA]:
        raise ValueError("the header has no seals of QBFT")
    vanity, validators, vote, turn, seals = extra
    signed = keccak(_with_extra(fields, [vanity, validators, vote, turn, []]))
    block_hash = keccak(_with_extra(fields, [vanity, validators, vote, b"", []]))
    return bytes(block_hash), frozenset(_signer(seal, signed) for seal in seals)


def _with_extra(fields: list[bytes], extra: list[Any]) -> bytes:
    return bytes(rlp.encode([*fields[:_EXTRA], rlp.encode(extra), *fields[_EXTRA + 1 :]]))


def _signer(seal: bytes, digest: bytes) -> Address:
    if len(seal) != _SEAL_BYTES:
        raise ValueError("a seal has another length")
    r, s = int.from_bytes(seal[:_WORD], "big"), int.from_bytes(seal[_WORD : 2 * _WORD], "big")
    try:
        key = Signature(vrs=(seal[-1], r, s)).recover_public_key_from_msg_hash(digest)
    except Exception as error:  # eth_keys has no common base class for its errors
        raise ValueError("a seal is no signature") from error
    return Address(key.to_canonical_address()[-ADDRESS_BYTES:])


def _number(raw: bytes) -> int:
    if len(raw) > _SHORT:
        raise ValueError("a number of the header is too large")
    return int.from_bytes(raw, "big")


def _minimal(text: str) -> bytes:
    value = int(text, 16)
    return value.to_bytes((value.bit_length() + 7) // 8, "big")
