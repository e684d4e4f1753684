"""PROTOCOL.md 5 written a second time, slowly and without fl/: affine formulas, hmac, another AES.

`python -m tests.support.crypto.masked_round` prints tests/vectors/masking.json.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
import sys
from itertools import pairwise
from typing import Any

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
    for bit in f"{scalar:b}":
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
    return sum(coefficient * pow(at, power, N) for power, coefficient in enumerate(coefficients)) % N


class Hospital:
    """One hospital's secrets and what follows from them."""

    def __init__(self, index: int, account: bytes, secrets: tuple[int, list[int], list[int]]) -> None:
        self.index, self.account = index, account
        self.transport, self.pairwise, self.own = secrets
        self.mask_key, self.self_key = times(self.pairwise[0]), times(self.own[0])
        self.advert = sec1(self.mask_key) + sec1(times(self.transport))
        self.dealing = b"".join(sec1(times(each)) for each in (*self.pairwise, *self.own))


def mask_context(context: bytes, hospitals: list[Hospital]) -> bytes:
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


# --- tests/vectors/masking.json --------------------------------------------------------------------------------

ABOUT = [
    "PROTOCOL.md 5 as an example: four hospitals, threshold 3, the fourth drops out after it dealt. Made by",
    "tests/support/crypto/masked_round.py, which shares no code with fl/. e, f, g are scalars (hex, big-endian),",
    "x the signed words of a hospital, y its masked words as they travel (little-endian, 4 bytes each); sum is what is",
    "left of the survivors' y after unmasking.",
]
THRESHOLD, WORDS, SURVIVORS = 3, 8, (1, 2, 3)
LIMIT = 2**21 - 1


def example() -> dict[str, Any]:
    """Return the document; everything in it follows from the names of its parts."""
    hospitals = [_hospital(index) for index in range(1, 5)]
    context = hashlib.sha256(b"round 7").digest()
    salt = mask_context(context, hospitals)
    rows = {each.index: _words(each.index) for each in hospitals}
    return {
        "about": ABOUT,
        "ctx": context.hex(),
        "ctx2": salt.hex(),
        "threshold": THRESHOLD,
        "words": WORDS,
        "survivors": list(SURVIVORS),
        "hospitals": [_case(each, hospitals, salt, rows[each.index]) for each in hospitals],
        "sum": [sum(column) for column in zip(*(rows[index] for index in SURVIVORS), strict=True)],
    }


def _hospital(index: int) -> Hospital:
    account = bytes([16 * index]) + hashlib.sha256(f"hospital {index}".encode()).digest()[:19]
    f, g = ([_scalar(index, name, power) for power in range(THRESHOLD)] for name in "fg")
    return Hospital(index, account, (_scalar(index, "e", 0), f, g))


def _scalar(index: int, name: str, power: int) -> int:
    return 1 + int.from_bytes(hashlib.sha512(f"{name}{power} of {index}".encode()).digest(), "big") % (N - 1)


def _words(index: int) -> list[int]:
    """Return words within the quantiser's range; two hospitals begin with its ends."""
    drawn = (hashlib.sha256(f"word {place} of {index}".encode()).digest()[:4] for place in range(WORDS))
    words = [int.from_bytes(each, "big") % (2 * LIMIT + 1) - LIMIT for each in drawn]
    return [LIMIT, -LIMIT, *words[2:]] if index <= 2 else words


def _case(holder: Hospital, hospitals: list[Hospital], salt: bytes, words: list[int]) -> dict[str, Any]:
    secrets = [holder.transport, *holder.pairwise, *holder.own]
    scalars = [each.to_bytes(32, "big").hex() for each in secrets]
    journal = b"BAFL/1/roundkeys" + bytes.fromhex(scalars[0]) + struct.pack(">H", THRESHOLD)
    return {
        "index": holder.index,
        "account": holder.account.hex(),
        "e": scalars[0],
        "f": scalars[1 : 1 + THRESHOLD],
        "g": scalars[1 + THRESHOLD :],
        "journal": journal.hex() + "".join(scalars[1:]),
        "advert": holder.advert.hex(),
        "dealing": holder.dealing.hex(),
        "self_seed": self_seed(holder, salt).hex(),
        "pair_seeds": {
            str(other.index): pair_seed(holder, other, salt).hex() for other in hospitals if other is not holder
        },
        "x": words,
        "y": struct.pack(f"<{WORDS}I", *mask(holder, hospitals, salt, words)).hex(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(example(), indent=1) + "\n")
