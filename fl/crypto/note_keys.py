"""Ed25519 keys of the log and of witnesses.

Invariant: a signature is accepted only under a key of the right order: with a key of small order a signature could
hold for every message.

Source: RFC 8032 (Ed25519); C2SP signed-note; https://hdevalence.ca/blog/2020-10-04-its-25519am (small orders).
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_P = 2**255 - 19
_EIGHT = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
"""The y coordinate of a point of order 8: a root of d·y^4 + 2·y^2 - 1."""
_SMALL = frozenset(
    {
        0,
        1,
        _P - 1,
        _EIGHT,
        _P - _EIGHT,
    }
)
"""The y coordinates of the eight points of small order, modulo p."""
_Y = 2**255 - 1


class NoteKey:
    """A private Ed25519 key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls) -> NoteKey:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def of_seed(cls, seed: bytes) -> NoteKey:
        """Return the key of a 32-byte seed."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @property
    def seed(self) -> bytes:
        """Return the key's 32-byte seed, which is secret."""
        return self._key.private_bytes_raw()

    @property
    def public(self) -> bytes:
        """Return the public key, 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message, 64 bytes; always the same for one message."""
        return self._key.sign(message)


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether a key (32 bytes) made a signature (64 bytes); False for a key of small order."""
    if (int.from_bytes(public, "little") & _Y) % _P in _SMALL:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True
