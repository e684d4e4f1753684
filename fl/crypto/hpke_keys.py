"""Members' HPKE keys: P-256 private keys by epoch, their text form at rest, and proofs of possession.

Invariant: a private key leaves this module only as PKCS #8, encrypted under a password.

Source: PROTOCOL.md 3; RFC 9180 (DHKEM(P-256)); FIPS 186-5 with low s, which OpenZeppelin's P256 demands.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from fl.crypto.curve import ORDER
from fl.protocol.errors import InvalidPoint, KeystoreUnreadable
from fl.protocol.keys.members import MemberKey, PossessionDomain, possession_message
from fl.protocol.names import Address
from fl.protocol.ports import Anchor
from fl.protocol.records import KeyRegistered, KeyRotated

_PROOF_BYTES = 64


@dataclass(frozen=True)
class PrivateKey:
    """One epoch's HPKE private key."""

    epoch: int
    secret: ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls, epoch: int) -> Self:
        return cls(epoch, ec.generate_private_key(ec.SECP256R1()))

    @property
    def public_key(self) -> bytes:
        """Return the SEC1 uncompressed point, 65 bytes."""
        return self.secret.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    @cached_property
    def member_key(self) -> MemberKey:
        """Return the public key as the key book stores it."""
        return MemberKey(self.epoch, self.public_key)

    @property
    def key_id(self) -> bytes:
        return self.member_key.key_id

    def prove_possession(self, message: bytes) -> bytes:
        """Return r ‖ s (64 bytes, low s) of ECDSA-P256-SHA256 over `message` (keys.possession_message)."""
        r, s = decode_dss_signature(self.secret.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + min(s, ORDER - s).to_bytes(32, "big")

    def to_pem(self, password: str) -> bytes:
        """Return PKCS #8 PEM encrypted by `password`."""
        encryption = serialization.BestAvailableEncryption(password.encode())
        return self.secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)

    @classmethod
    def from_pem(cls, epoch: int, pem: bytes, password: str, path: str) -> Self:
        """Decrypt a key, or raise KeystoreUnreadable with `path` (wrong password, damaged file, another curve)."""
        try:
            secret = serialization.load_pem_private_key(pem, password.encode())
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeystoreUnreadable(path, "the password is wrong or the file is damaged") from error
        if not isinstance(secret, ec.EllipticCurvePrivateKey) or secret.curve.name != "secp256r1":
            raise KeystoreUnreadable(path, "it does not contain a P-256 key")
        return cls(epoch, secret)


def key_record(anchor: Anchor, account: Address, key: PrivateKey) -> KeyRegistered | KeyRotated:
    """Return the record that puts a member's key on the ledger, with its proof of possession."""
    kind = KeyRegistered if key.epoch == 1 else KeyRotated
    record = kind(account, key.epoch, key.public_key, b"")
    message = possession_message(anchor.consortium, PossessionDomain(anchor.chain_id, anchor.authority), record)
    return replace(record, proof=key.prove_possession(message))


@lru_cache(maxsize=4096)  # a file is sealed to the same members as the one before
def load_point(public_key: bytes) -> ec.EllipticCurvePublicKey:
    """Return the key of an uncompressed point, or raise InvalidPoint."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    except ValueError as error:
        raise InvalidPoint("it is not an uncompressed point of the curve") from error


def verify_possession(public_key: bytes, message: bytes, proof: bytes) -> bool:
    """Return whether `proof` (r ‖ s, low s) over `message` verifies; the fold takes this function as its input."""
    if len(proof) != _PROOF_BYTES:
        return False
    r, s = int.from_bytes(proof[:32], "big"), int.from_bytes(proof[32:], "big")
    if s > ORDER // 2:
        return False
    try:
        load_point(public_key).verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, InvalidPoint, ValueError):
        return False
    return True
