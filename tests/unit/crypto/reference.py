"""PROTOCOL.md 5 written a second time, slowly and without fl/: affine formulas, hmac, another AES."""

from __future__ import annotations

import hashlib
import hmac
import struct
from itertools import pairwise

from Crypto.Cipher import AES

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Pair = tuple[int, int]


def plus(left: Pair | None, right: Pair | None) -> Pair | None:
    if left is None or right is None:
        return left or right
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, P) if left == right else (y2 - y1) * pow(x2 - x1, -1, P)
    x3 = (slope * slope - x1 - x2) % P
    return x3, (slope * (x1 - x3) - y1) % P


def times(scalar: int, point: Pair | None = G) -> Pair | None:
    result = None
    for bit in bin(scalar)[2:]:
        result = plus(result, result)
        if bit == "1":
            result = plus(result, point)
    return result


def sec1(point: Pair | None) -> bytes:
    assert point is not None
    return bytes([2 + point[1] % 2]) + point[0].to_bytes(32, "big")


def hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    prk = hmac.digest(salt, secret, "sha256")
    return hmac.digest(prk, info + b"\x01", "sha256")


def keystream(seed: bytes, count: int, width: int = 4) -> list[int]:
    """Return `count` little-endian words of the AES-256-CTR keystream."""
    cipher = AES.new(seed, AES.MODE_CTR, nonce=b"", initial_value=0)
    form = "<" + {4: "I", 8: "Q"}[width] * count
    return list(struct.unpack(form, cipher.encrypt(bytes(width * count))))


def polynomial(coefficients: list[int], at: int) -> int:
    return sum(coefficient * at**power for power, coefficient in enumerate(coefficients)) % N


class Hospital:
    """One hospital's secrets and what follows from them."""

    def __init__(self, index: int, account: bytes, secrets: tuple[int, list[int], list[int]]) -> None:
        self.index, self.account = index, account
        self.transport, self.pairwise, self.own = secrets
        self.mask_key, self.self_key = times(self.pairwise[0]), times(self.own[0])
        self.advert = sec1(self.mask_key) + sec1(times(self.transport))
        self.dealing = b"".join(sec1(times(each)) for each in (*self.pairwise, *self.own))


def context2(context: bytes, hospitals: list[Hospital]) -> bytes:
    assert all(a.account < b.account for a, b in pairwise(hospitals))
    entries = b"".join(
        struct.pack(">H", each.index) + each.account + each.advert + hashlib.sha256(each.dealing).digest()
        for each in hospitals
    )
    return hashlib.sha256(b"BAFL/1/set2" + context + struct.pack(">H", len(hospitals)) + entries).digest()


def self_seed(holder: Hospital, salt: bytes) -> bytes:
    info = b"BAFL/1/self" + holder.account + sec1(holder.self_key)
    return hkdf(holder.own[0].to_bytes(32, "big"), salt, info)


def pair_seed(holder: Hospital, other: Hospital, salt: bytes) -> bytes:
    shared = times(holder.pairwise[0], other.mask_key)
    assert shared is not None
    low, high = sorted((holder, other), key=lambda each: each.account)
    info = b"BAFL/1/pair" + low.account + high.account + sec1(low.mask_key) + sec1(high.mask_key)
    return hkdf(shared[0].to_bytes(32, "big"), salt, info)


def mask(holder: Hospital, hospitals: list[Hospital], salt: bytes, words: list[int], width: int = 4) -> list[int]:
    """Return y of `holder`."""
    rows = [(1, keystream(self_seed(holder, salt), len(words), width))]
    for other in hospitals:
        if other.index != holder.index:
            sign = 1 if other.index > holder.index else -1
            rows.append((sign, keystream(pair_seed(holder, other, salt), len(words), width)))
    sums = (word + sum(sign * row[place] for sign, row in rows) for place, word in enumerate(words))
    return [each % 2 ** (8 * width) for each in sums]
