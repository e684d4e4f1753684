"""Seals an envelope's content key to each reader: to a member's HPKE key or long key, or to a threshold key.

Invariant: a wrap opens only in its own envelope: both forms are bound to H(head) and to the key's identity.

Layout:
    wrap            = keyId[16] ‖ length:u16 ‖ sealed[length]
    to a member     sealed = HPKE.SealBase(pk, info = "BAFL/1/wrap" ‖ H(head) ‖ keyId, CEK)                    113 bytes
    to a long key   sealed = the same with the KEM of suite 2 (hybrid_kem.py)                                1,201 bytes
    to a threshold  sealed = u[33] ‖ ū[33] ‖ π[64] ‖ AES-256-GCM(K, nonce 0^12, aad = that info, CEK)          178 bytes
    the same in     sealed = u ‖ ū ‖ π ‖ half ‖ AES-256-GCM(K, …)              182 bytes and 1,249 more for each trustee
    suite 2         half: the second half of K, shared among the trustees' long keys (long_committee.py)

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
from fl.crypto.long_committee import Half, Halves, LongCommittee, Seats, half_bytes, share_out
from fl.crypto.long_committee import derive as derive_from_halves
from fl.crypto.threshold import (
    CIPHERTEXT_BYTES,
    LABELLED_BYTES,
    Ciphertext,
    ThresholdKey,
    derive,
    encapsulate,
    encapsulate_point,
    label_of,
)
from fl.protocol.codec import Reader, Writer, sha256
from fl.protocol.errors import AuthFailure, EncodingError
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Digest

Recipient = MemberKey | LongKey | ThresholdKey | LongCommittee
CommitteeKey = ThresholdKey | Seats
"""What names the key of a committee to somebody who opens: in suite 1, and in suite 2."""
CommitteeSecret = Point | Halves
"""What t of its trustees give for one ciphertext."""
AnyPrivateKey = PrivateKey | LongPrivateKey
KEY_ID_BYTES = 16
CONTENT_KEY_BYTES = 32
_PREFIX_BYTES = KEY_ID_BYTES + 2
_MEMBER_BYTES = 113
_LONG_BYTES = hybrid_kem.OVERHEAD_BYTES + CONTENT_KEY_BYTES
_SEALED_KEY_BYTES = CONTENT_KEY_BYTES + 16
_THRESHOLD_BYTES = CIPHERTEXT_BYTES + _SEALED_KEY_BYTES
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
        case LongCommittee(keys=keys):
            return THRESHOLD_WRAP_BYTES + half_bytes(len(keys))
        case _:
            return MEMBER_WRAP_BYTES


def wrap(content_key: bytes, recipient: Recipient, head: bytes) -> bytes:
    """Return a recipient's wrap of the content key (32 bytes) in the envelope of `head`.

    Raises:
        InvalidPoint: a member's key is not a point, or a long key is damaged.
        EncodingError: a committee has fewer than 2 or more than 32 trustees.
    """
    binding = _binding(head, recipient.key_id)
    if isinstance(recipient, ThresholdKey):
        label = label_of(head[:LABELLED_BYTES])
        ciphertext, key = encapsulate(recipient, label)
        sealed = ciphertext.to_bytes() + AESGCM(key).encrypt(_NONCE, content_key, binding)
    elif isinstance(recipient, LongCommittee):
        sealed = _wrap_in_halves(content_key, recipient, label_of(head[:LABELLED_BYTES]), binding)
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


def unwrap_with(sealed: bytes, key: CommitteeKey, secret: CommitteeSecret, head: bytes) -> bytes:
    """Return the content key that the secret of a committee opens: the point r·Y; in suite 2 both halves.

    Raises:
        EncodingError: the wrap has another length or layout, or is of the other suite.
        InvalidPoint: u or ū is not a point.
        AuthFailure: the wrap was changed, or the secret belongs to another ciphertext.
    """
    label = label_of(head[:LABELLED_BYTES])
    ciphertext, half = parts_of(sealed, long=isinstance(key, Seats))
    try:
        if isinstance(key, Seats) and half is not None and isinstance(secret, Halves):
            shared = derive_from_halves(key, half, label, ciphertext, secret)
        elif isinstance(key, ThresholdKey) and isinstance(secret, Point):
            shared = derive(key, label, ciphertext, secret)
        else:
            raise EncodingError("wrap", "it needs a secret of its own suite")
        return AESGCM(shared).decrypt(_NONCE, sealed[-_SEALED_KEY_BYTES:], _binding(head, key.key_id))
    except (InvalidTag, ValueError) as error:
        raise AuthFailure("key wrap") from error


def parts_of(sealed: bytes, *, long: bool) -> tuple[Ciphertext, Half | None]:
    """Return u, ū and π of a wrap to a committee, and in suite 2 (`long`) its second half; raises as `unwrap_with`."""
    if not long and len(sealed) != _THRESHOLD_BYTES:
        raise EncodingError("wrap", f"it has {len(sealed)} bytes, not {_THRESHOLD_BYTES}")
    reader = Reader(sealed, "wrap")
    ciphertext = Ciphertext.from_bytes(reader.raw(CIPHERTEXT_BYTES))
    half = Half.read(reader) if long else None
    reader.rest(_SEALED_KEY_BYTES)
    return ciphertext, half


def _wrap_in_halves(content_key: bytes, committee: LongCommittee, label: Digest, binding: bytes) -> bytes:
    ciphertext, point = encapsulate_point(committee.key, label)
    half, value = share_out(committee, label, ciphertext)
    key = derive_from_halves(committee.seats, half, label, ciphertext, Halves(point, value))
    return ciphertext.to_bytes() + half.to_bytes() + AESGCM(key).encrypt(_NONCE, content_key, binding)


def _binding(head: bytes, key_id: bytes) -> bytes:
    return Writer("wrap").raw(sha256(head), 32).raw(key_id, KEY_ID_BYTES).bytes()
