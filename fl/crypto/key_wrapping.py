"""Seals an envelope's content key to each reader: to a member's HPKE key or long key, or to a threshold key.

Invariant: a wrap opens only in its own envelope: both forms are bound to H(head) and to the key's identity.

Layout:
    wrap            = keyId[16] ‖ length:u16 ‖ sealed[length]
    to a member     sealed = HPKE.SealBase(pk, info = "BAFL/1/wrap" ‖ H(head) ‖ keyId, CEK)                    113 bytes
    to a long key   sealed = the same with the KEM of suite 2 (hybrid_kem.py)                                1,201 bytes
    to a threshold  sealed = u[33] ‖ ū[33] ‖ π[64] ‖ AES-256-GCM(K, nonce 0^12, aad = that info, CEK)          178 bytes

The nonce is fixed because K, which follows from a fresh r, encrypts only this content key.

Source: PROTOCOL.md 4 and 9; RFC 9180, 6.1 (single-shot base mode).
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fl.crypto import hybrid_kem
from fl.crypto.curve import Point
from fl.crypto.hpke_keys import PrivateKey, load_point
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.threshold import (
    CIPHERTEXT_BYTES,
    LABELLED_BYTES,
    Ciphertext,
    ThresholdKey,
    derive,
    encapsulate,
    label_of,
)
from fl.protocol.codec import Writer, sha256
from fl.protocol.errors import AuthFailure, EncodingError
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.keys.members import MemberKey

Recipient = MemberKey | LongKey | ThresholdKey
AnyPrivateKey = PrivateKey | LongPrivateKey
KEY_ID_BYTES = 16
CONTENT_KEY_BYTES = 32
_PREFIX_BYTES = KEY_ID_BYTES + 2
_MEMBER_BYTES = 113
_LONG_BYTES = hybrid_kem.OVERHEAD_BYTES + CONTENT_KEY_BYTES
_THRESHOLD_BYTES = CIPHERTEXT_BYTES + CONTENT_KEY_BYTES + 16
MEMBER_WRAP_BYTES = _PREFIX_BYTES + _MEMBER_BYTES
LONG_WRAP_BYTES = _PREFIX_BYTES + _LONG_BYTES
THRESHOLD_WRAP_BYTES = _PREFIX_BYTES + _THRESHOLD_BYTES
_NONCE = bytes(12)
_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def wrap_size(recipient: Recipient) -> int:
    """Return the size of a recipient's wrap, in bytes."""
    match recipient:
        case ThresholdKey():
            return THRESHOLD_WRAP_BYTES
        case LongKey():
            return LONG_WRAP_BYTES
        case _:
            return MEMBER_WRAP_BYTES


def wrap(content_key: bytes, recipient: Recipient, head: bytes) -> bytes:
    """Return a recipient's wrap of the content key (32 bytes) in the envelope of `head`.

    Raises:
        InvalidPoint: a member's key is not a point, or a long key is damaged.
    """
    binding = _binding(head, recipient.key_id)
    if isinstance(recipient, ThresholdKey):
        label = label_of(head[:LABELLED_BYTES])
        ciphertext, key = encapsulate(recipient, label)
        sealed = ciphertext.to_bytes() + AESGCM(key).encrypt(_NONCE, content_key, binding)
    elif isinstance(recipient, LongKey):
        sealed = hybrid_kem.seal(recipient, binding, content_key)
    else:
        sealed = _SUITE.encrypt(content_key, load_point(recipient.public_key), binding)
    size = wrap_size(recipient) - _PREFIX_BYTES
    return Writer().raw(recipient.key_id, KEY_ID_BYTES).u16(size).raw(sealed, size).bytes()


def unwrap(sealed: bytes, key: AnyPrivateKey, head: bytes) -> bytes:
    """Return the content key that a member's own key opens, or raise AuthFailure."""
    if isinstance(key, LongPrivateKey):
        return key.open(sealed, _binding(head, key.key_id))
    try:
        return _SUITE.decrypt(sealed, key.secret, _binding(head, key.key_id))
    except (InvalidTag, ValueError) as error:
        raise AuthFailure("key wrap") from error


def unwrap_with(sealed: bytes, key: ThresholdKey, secret: Point, head: bytes) -> bytes:
    """Return the content key that the secret point r·Y opens.

    Raises:
        EncodingError: the wrap does not have 178 bytes.
        InvalidPoint: u or ū is not a point.
        AuthFailure: the wrap was changed, or the secret belongs to another ciphertext.
    """
    ciphertext = ciphertext_of(sealed)
    try:
        shared = derive(key, label_of(head[:LABELLED_BYTES]), ciphertext, secret)
        return AESGCM(shared).decrypt(_NONCE, sealed[CIPHERTEXT_BYTES:], _binding(head, key.key_id))
    except (InvalidTag, ValueError) as error:
        raise AuthFailure("key wrap") from error


def ciphertext_of(sealed: bytes) -> Ciphertext:
    """Return u, ū and π of a wrap to a threshold key; raises as `unwrap_with` does."""
    if len(sealed) != _THRESHOLD_BYTES:
        raise EncodingError("wrap", f"it has {len(sealed)} bytes, not {_THRESHOLD_BYTES}")
    return Ciphertext.from_bytes(sealed[:CIPHERTEXT_BYTES])


def _binding(head: bytes, key_id: bytes) -> bytes:
    return Writer("wrap").raw(sha256(head), 32).raw(key_id, KEY_ID_BYTES).bytes()
