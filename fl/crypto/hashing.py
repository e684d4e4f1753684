"""Hashing to P-256's scalars and points.

Invariant: every caller gives its own domain separation tag of 1 to 255 bytes.

Source: RFC 9380 (5.2 hash_to_field, 5.3.1 expand_message_xmd, 6.6.2 simplified SWU, 8.2 P256_XMD:SHA-256_SSWU_RO_);
RFC 9497, 4.3 (HashToScalar: L = 48, modulus n).
"""

from __future__ import annotations

import hashlib

from fl.crypto.curve import FIELD, ORDER, B, Point
from fl.crypto.group import add

_A = -3
_Z = FIELD - 10
"""Z of P256_XMD:SHA-256_SSWU_RO_."""
_FIELD_BYTES = 48
"""L: 256 bits and 128 more against bias."""
_BLOCK_BYTES = 64
_DIGEST_BYTES = 32
_LARGEST_TAG = 255


def expand_message(message: bytes, tag: bytes, length: int) -> bytes:
    """Return `length` uniform bytes (at most 255·32) by expand_message_xmd with SHA-256."""
    blocks = -(-length // _DIGEST_BYTES)
    if not 1 <= len(tag) <= _LARGEST_TAG or blocks > _LARGEST_TAG:
        raise ValueError("a domain separation tag has 1 to 255 bytes; the output has at most 255 blocks")
    suffix = tag + bytes([len(tag)])
    first = hashlib.sha256(bytes(_BLOCK_BYTES) + message + length.to_bytes(2, "big") + b"\x00" + suffix).digest()
    block, uniform = bytes(_DIGEST_BYTES), b""
    for number in range(1, blocks + 1):
        mixed = bytes(a ^ b for a, b in zip(first, block, strict=True))
        block = hashlib.sha256(mixed + bytes([number]) + suffix).digest()
        uniform += block
    return uniform[:length]


def hash_to_scalar(message: bytes, tag: bytes) -> int:
    return int.from_bytes(expand_message(message, tag, _FIELD_BYTES), "big") % ORDER


def hash_to_curve(message: bytes, tag: bytes) -> Point:
    """Return a point whose discrete logarithm nobody knows."""
    uniform = expand_message(message, tag, 2 * _FIELD_BYTES)
    first, second = (int.from_bytes(half, "big") % FIELD for half in (uniform[:_FIELD_BYTES], uniform[_FIELD_BYTES:]))
    return add(_map_to_curve(first), _map_to_curve(second))


def _map_to_curve(u: int) -> Point:
    """Return the simplified SWU image of a field element."""
    shifted = _Z * u * u % FIELD
    denominator = (shifted * shifted + shifted) % FIELD
    if denominator:
        x = -B * pow(_A, -1, FIELD) * (1 + pow(denominator, -1, FIELD)) % FIELD
    else:
        x = B * pow(_Z * _A, -1, FIELD) % FIELD
    y = _square_root(x)
    if y is None:
        x = shifted * x % FIELD
        y = _square_root(x)
    if y is None:
        raise ArithmeticError("one of the two candidates always lies on the curve")
    return Point(x, y if y % 2 == u % 2 else FIELD - y)


def _square_root(x: int) -> int | None:
    """Return a square root of x^3 - 3x + b, or None."""
    square = (x * x * x + _A * x + B) % FIELD
    root = pow(square, (FIELD + 1) // 4, FIELD)
    return root if root * root % FIELD == square else None
