"""Statements that an account signs without a transaction (EIP-712); no node is needed to check them.

Invariant: a statement has one digest, and a signature one form: r ‖ s ‖ v of 65 bytes with low s and v 27 or 28.

Source: EIP-712, EIP-2 (low s); PROTOCOL.md 5, phase 5. What is signed, in EIP-712's words:
`SetStatement(bytes32 consortium,uint64 round,bytes32 maskContext,bytes32 setDigest,bytes32 freezeBlock)` in the domain
name "Hemaledger", version "1", chainId, verifyingContract (the federation ledger). A step of a wide round (5W.2):
`Step(bytes32 consortium,uint64 round,bytes32 context,uint8 phase,bytes32 body)` in the same domain. Members check
hundreds of steps, so these bytes are put together here; a test compares them with eth_account's.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from eth_abi.exceptions import EncodingError as AbiError
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError

from chain.accounts import typed_data
from chain.transactions.keystore import AccountKey
from fl.protocol.errors import EncodingError, SignatureInvalid
from fl.protocol.names import Address
from fl.protocol.ports import SetStatement, StepStatement

SIGNATURE_BYTES = 65
HASH_BYTES = 32
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Order of the group of secp256k1 (SEC 2)."""
RECOVERY_OFFSET = 27

TYPES: dict[str, list[dict[str, str]]] = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "SetStatement": [
        {"name": "consortium", "type": "bytes32"},
        {"name": "round", "type": "uint64"},
        {"name": "maskContext", "type": "bytes32"},
        {"name": "setDigest", "type": "bytes32"},
        {"name": "freezeBlock", "type": "bytes32"},
    ],
}


STEP_FIELDS = (
    {"name": "consortium", "type": "bytes32"},
    {"name": "round", "type": "uint64"},
    {"name": "context", "type": "bytes32"},
    {"name": "phase", "type": "uint8"},
    {"name": "body", "type": "bytes32"},
)
_DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_STEP_TYPE = keccak(b"Step(bytes32 consortium,uint64 round,bytes32 context,uint8 phase,bytes32 body)")
_NAME, _VERSION = keccak(b"Hemaledger"), keccak(b"1")


class AccountEndorser:
    """The Endorser port over one Ethereum account."""

    def __init__(self, key: AccountKey) -> None:
        self._key = key

    def endorse(self, statement: SetStatement) -> bytes:
        return self._key.sign_digest(statement_digest(statement))

    def recover(self, statement: SetStatement, signature: bytes) -> Address:
        return signer_of(statement_digest(statement), signature)

    def sign_step(self, step: StepStatement) -> bytes:
        return self._key.sign_digest(step_digest(step))

    def step_signer(self, step: StepStatement, signature: bytes) -> Address:
        return signer_of(step_digest(step), signature)


def step_digest(step: StepStatement) -> bytes:
    """Return the 32 bytes that are signed for a step, as `statement_digest`."""
    hashes = (step.consortium, step.context, step.body)
    if any(len(value) != HASH_BYTES for value in hashes):
        raise EncodingError("step", "a hash does not have 32 bytes")
    try:
        numbers = step.round.to_bytes(8, "big"), step.phase.to_bytes(1, "big")
    except OverflowError as error:
        raise EncodingError("step", "a number does not fit its type") from error
    number, phase = (value.rjust(HASH_BYTES, b"\0") for value in numbers)
    content = keccak(_STEP_TYPE + step.consortium + number + step.context + phase + step.body)
    return keccak(b"\x19\x01" + _domain(step.chain_id, step.contract) + content)


@lru_cache(maxsize=16)
def _domain(chain_id: int, contract: Address) -> bytes:
    """Return the domain separator, 32 bytes."""
    return keccak(
        _DOMAIN_TYPE + _NAME + _VERSION + chain_id.to_bytes(HASH_BYTES, "big") + contract.rjust(HASH_BYTES, b"\0")
    )


def signer_of(digest: bytes, signature: bytes) -> Address:
    """Return the account that signed these 32 bytes; raises as `Endorser.recover`."""
    parsed = _parse(signature)
    try:
        return Address(parsed.recover_public_key_from_msg_hash(digest).to_canonical_address())
    except (BadSignature, ValidationError) as error:
        raise SignatureInvalid("no account can have made it") from error


@lru_cache(maxsize=64)  # all hospitals of a set sign the same statement
def statement_digest(statement: SetStatement) -> bytes:
    """Return the 32 bytes that are signed: keccak256(0x19 ‖ 0x01 ‖ domain separator ‖ struct hash)."""
    hashes = (statement.consortium, statement.mask_context, statement.set_digest, statement.freeze_block)
    if any(len(value) != HASH_BYTES for value in hashes):
        raise EncodingError("statement", "a hash does not have 32 bytes")
    try:
        return keccak(typed_data(_message(statement)))
    except (AbiError, ValueError, TypeError) as error:
        raise EncodingError("statement", "a field does not fit its type") from error


def _message(statement: SetStatement) -> dict[str, Any]:
    return {
        "types": TYPES,
        "primaryType": "SetStatement",
        "domain": {
            "name": "Hemaledger",
            "version": "1",
            "chainId": statement.chain_id,
            "verifyingContract": "0x" + statement.contract.hex(),
        },
        "message": {
            "consortium": statement.consortium,
            "round": statement.round,
            "maskContext": statement.mask_context,
            "setDigest": statement.set_digest,
            "freezeBlock": statement.freeze_block,
        },
    }


def _parse(signature: bytes) -> Signature:
    """Return a signature in the one accepted form; other forms would allow a second endorsement by the same account."""
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureInvalid(f"it has {len(signature)} bytes, not {SIGNATURE_BYTES}")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    parity = signature[64] - RECOVERY_OFFSET
    if parity not in (0, 1):
        raise SignatureInvalid(f"its last byte is {signature[64]}, not 27 or 28")
    if not (0 < r < ORDER and 0 < s < ORDER):
        raise SignatureInvalid("a number in it is out of range")
    if s > ORDER // 2:
        raise SignatureInvalid("its s is in the upper half of the range")
    return Signature(vrs=(parity, r, s))
