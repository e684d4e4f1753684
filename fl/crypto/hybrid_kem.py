"""The hybrid KEM MLKEM768-P256 (0x0050) and HPKE's single-shot base mode with it: suite 2 of the envelopes.

Invariant: what is sealed opens only to who breaks both halves, ML-KEM-768 and P-256; the shared secret is bound to
both, to the ephemeral point and to the receiver's point.

Experimental: the KEM's number and its combiner are those of an Internet-Draft, pinned by its published vectors
(tests/vectors/hpke_pq.json). Another draft needs another suite.

Layout:
    public key(1249) = ML-KEM-768 encapsulation key[1184] ‖ P-256 point, uncompressed[65]
    enc(1153)        = ML-KEM-768 ciphertext[1088] ‖ ephemeral P-256 point, uncompressed[65]
    seed(32)        -> SHAKE256(seed, 192) = ML-KEM seed[64] ‖ 4 blocks of 32 bytes; the first in 1..n-1 is the scalar
    secret           = SHA3-256(ss of ML-KEM ‖ x of P-256[32] ‖ ephemeral point ‖ receiver's point ‖ "MLKEM768-P256")
    sealed           = enc ‖ AES-256-GCM(key, nonce, aad empty, plaintext), by RFC 9180's schedule

Source: draft-ietf-hpke-pq (17 April 2026) and the concrete hybrid KEMs to which it refers; FIPS 203; RFC 9180, 6.1.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, mlkem
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fl.crypto.curve import ORDER, SCALAR_BYTES, UNCOMPRESSED_BYTES
from fl.crypto.group import parse_key
from fl.crypto.hpke_schedule import base_schedule, suite_id
from fl.protocol.codec import Reader
from fl.protocol.errors import AuthFailure, InvalidPoint, KeystoreUnreadable
from fl.protocol.keys.long_keys import LONG_KEY_BYTES, LongKey

KEM = 0x0050
SEED_BYTES = 32
RAW_BYTES = 96
ENC_BYTES = 1153
OVERHEAD_BYTES = ENC_BYTES + 16
"""How much longer the sealed bytes are than the plaintext."""
_LABEL = b"MLKEM768-P256"
_ML_SEED_BYTES = 64
_ML_PUBLIC_BYTES = LONG_KEY_BYTES - UNCOMPRESSED_BYTES
_ML_ENC_BYTES = ENC_BYTES - UNCOMPRESSED_BYTES
_TRIES = 4
_SUITE = suite_id(KEM)
_END = b"-----END ENCRYPTED PRIVATE KEY-----\n"


@dataclass(frozen=True)
class LongPrivateKey:
    """One epoch's long key: both private halves."""

    epoch: int
    lattice: mlkem.MLKEM768PrivateKey = field(repr=False)
    curve: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def generate(cls, epoch: int) -> Self:
        return cls.from_seed(epoch, os.urandom(SEED_BYTES))

    @classmethod
    def from_seed(cls, epoch: int, seed: bytes) -> Self:
        """Return the key of 32 random bytes; a seed without a scalar (1 in 2^128) is a programming error."""
        stream = hashlib.shake_256(seed).digest(_ML_SEED_BYTES + _TRIES * SCALAR_BYTES)
        blocks = (stream[at : at + SCALAR_BYTES] for at in range(_ML_SEED_BYTES, len(stream), SCALAR_BYTES))
        scalar = next(found for block in blocks if 0 < (found := int.from_bytes(block, "big")) < ORDER)
        lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(stream[:_ML_SEED_BYTES])
        return cls(epoch, lattice, ec.derive_private_key(scalar, ec.SECP256R1()))

    @classmethod
    def from_raw(cls, epoch: int, data: bytes) -> Self:
        """Return the key of `to_raw`, or raise EncodingError (length) or InvalidScalar."""
        reader = Reader(data, "long key")
        seed, scalar = reader.raw(_ML_SEED_BYTES), reader.raw(SCALAR_BYTES)
        reader.end()
        lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(seed)
        return cls(epoch, lattice, ec.derive_private_key(parse_key(scalar), ec.SECP256R1()))

    def to_raw(self) -> bytes:
        """Return both private halves, 96 bytes: ML-KEM seed[64] ‖ scalar[32]."""
        scalar = self.curve.private_numbers().private_value
        return self.lattice.private_bytes_raw() + scalar.to_bytes(SCALAR_BYTES, "big")

    @cached_property
    def long_key(self) -> LongKey:
        """Return the public half."""
        return LongKey(self.epoch, self.lattice.public_key().public_bytes_raw() + _point(self.curve.public_key()))

    @property
    def key_id(self) -> bytes:
        return self.long_key.key_id

    def decapsulate(self, enc: bytes) -> bytes:
        """Return the shared secret, 32 bytes, or raise AuthFailure; changed bytes of ML-KEM give another secret."""
        try:
            point = enc[_ML_ENC_BYTES:]
            other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
            secrets = self.lattice.decapsulate(enc[:_ML_ENC_BYTES]), self.curve.exchange(ec.ECDH(), other)
        except ValueError as error:
            raise AuthFailure("key wrap") from error
        return _combined(*secrets, point, self.long_key.public_key[_ML_PUBLIC_BYTES:])

    def open(self, sealed: bytes, info: bytes) -> bytes:
        """Return the plaintext, or raise AuthFailure."""
        key, nonce = base_schedule(_SUITE, self.decapsulate(sealed[:ENC_BYTES]), info)
        try:
            return AESGCM(key).decrypt(nonce, sealed[ENC_BYTES:], None)
        except (InvalidTag, ValueError) as error:
            raise AuthFailure("key wrap") from error

    def to_pem(self, password: str) -> bytes:
        """Return both halves as PKCS #8 PEM, one behind the other, encrypted by `password`."""
        encryption = serialization.BestAvailableEncryption(password.encode())
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        return self.lattice.private_bytes(*form) + self.curve.private_bytes(*form)

    @classmethod
    def from_pem(cls, epoch: int, pem: bytes, password: str, path: str) -> Self:
        """Decrypt a key, or raise KeystoreUnreadable with `path` (wrong password, damaged file, other keys)."""
        first, end, second = pem.partition(_END)
        try:
            lattice, curve = (serialization.load_pem_private_key(h, password.encode()) for h in (first + end, second))
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise KeystoreUnreadable(path, "the password is wrong or the file is damaged") from error
        if not isinstance(lattice, mlkem.MLKEM768PrivateKey) or not isinstance(curve, ec.EllipticCurvePrivateKey):
            raise KeystoreUnreadable(path, "it does not contain a long key")
        if not isinstance(curve.curve, ec.SECP256R1):
            raise KeystoreUnreadable(path, "it does not contain a P-256 key")
        return cls(epoch, lattice, curve)


def seal(key: LongKey, info: bytes, plaintext: bytes) -> bytes:
    """Seal to a long key: `plaintext` and 1,169 bytes more.

    Raises:
        InvalidPoint: the key is damaged.
    """
    secret, enc = encapsulate(key)
    content_key, nonce = base_schedule(_SUITE, secret, info)
    return enc + AESGCM(content_key).encrypt(nonce, plaintext, None)


def encapsulate(key: LongKey) -> tuple[bytes, bytes]:
    """Return (shared secret[32], enc[1153]); raises as `seal` does."""
    lattice, curve = check_public(key)
    lattice_secret, ciphertext = lattice.encapsulate()
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    point = _point(ephemeral.public_key())
    secret = _combined(lattice_secret, ephemeral.exchange(ec.ECDH(), curve), point, key.public_key[_ML_PUBLIC_BYTES:])
    return secret, ciphertext + point


def check_public(key: LongKey) -> tuple[mlkem.MLKEM768PublicKey, ec.EllipticCurvePublicKey]:
    """Return both halves of a long key, or raise InvalidPoint."""
    try:
        lattice = mlkem.MLKEM768PublicKey.from_public_bytes(key.public_key[:_ML_PUBLIC_BYTES])
        point = key.public_key[_ML_PUBLIC_BYTES:]
        return lattice, ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise InvalidPoint("it is not a long key") from error


def _combined(lattice: bytes, curve: bytes, ephemeral: bytes, receiver: bytes) -> bytes:
    return hashlib.sha3_256(lattice + curve + ephemeral + receiver + _LABEL).digest()


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
