"""HPKE's labelled key derivation and its base-mode key schedule, with HKDF-SHA256 and AES-256-GCM.

Invariant: the schedule is the same for every KEM; only the suite's identity differs.

Source: RFC 9180, 4 (LabeledExtract, LabeledExpand), 5.1 (mode_base), 5.2 (sequence number 0).
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

KEY_BYTES = 32
NONCE_BYTES = 12
_KDF, _AEAD = 0x0001, 0x0002


def suite_id(kem: int, aead: int = _AEAD) -> bytes:
    """Return `HPKE` ‖ kem u16 ‖ HKDF-SHA256 ‖ aead u16, 10 bytes; without `aead` it is AES-256-GCM."""
    return b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (kem, _KDF, aead))


def base_schedule(suite: bytes, shared: bytes, info: bytes, key_bytes: int = KEY_BYTES) -> tuple[bytes, bytes]:
    """Return (key, base nonce) of base mode from the KEM's shared secret."""
    context = b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    return (
        expand(suite, secret, b"key" + context, key_bytes),
        expand(suite, secret, b"base_nonce" + context, NONCE_BYTES),
    )


def extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    """LabeledExtract, 32 bytes."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")


def expand(suite: bytes, secret: bytes, labelled: bytes, length: int) -> bytes:
    """LabeledExpand, `length` bytes; `labelled` is label ‖ info."""
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + labelled
    return HKDFExpand(hashes.SHA256(), length, info).derive(secret)
