"""Packed Paillier: additively homomorphic encryption of whole numbers, many words in one ciphertext (phe with gmpy2).

A word x is sent as x + 2^21 in 32 bits, so 1024 hospitals' words cannot touch the next slot: 63 words per ciphertext
of a 2048-bit key.

Source: P. Paillier, EUROCRYPT 1999; packing as in Zhang et al., "BatchCrypt", USENIX ATC 2020.
The benchmark does not say who has the private key. Its owner can open every hospital's update.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from fl.training.aggregation.quantise import LANES, SCALE, Vector, Words
from fl.training.aggregation.sum import Sum
from scripts.bench.schemes.base import CONFIG, Case, Cost, draw_update, least, wide, words_of

KEY_BITS = 2048
SLOT_BYTES = 4
SLOTS = (KEY_BITS - 1) // (8 * SLOT_BYTES)
SLICE = 32 * SLOTS


class Paillier:
    """Sum under packed Paillier."""

    name = "Paillier packed"
    needs = ("phe", "gmpy2")

    def cost(self, case: Case) -> Cost:
        size = min(case.parameters, SLICE)
        update = draw_update(case.parameters, 1)
        quantise_s, words = least(lambda: words_of(update))
        words = words[:size]
        keys_s, (public, private) = least(_keys, 1)
        protect_s, file = least(lambda: _encrypt(public, words))
        sum_s, total = least(lambda: _add(public, file, file))
        open_s, _ = least(lambda: _decrypt(private, total, size, 2))
        factor, count = wide(case.parameters, size), case.hospitals
        hospital = {"quantise": quantise_s, "protect": factor * protect_s}
        server = {"key set-up": keys_s, "sum": factor * (count - 1) * sum_s, "unprotect": factor * open_s}
        server["replay"] = server["sum"]
        return Cost(hospital, server, int(factor * len(file) * KEY_BITS // 4), size)

    def total(self, updates: Sequence[Vector]) -> Vector:
        """Return the sum; equal to a sealed or masked round's, bit for bit."""
        public, private = _keys()
        files = [_encrypt(public, words_of(update)) for update in updates]
        whole = reduce(lambda left, right: _add(public, left, right), files)
        words = _decrypt(private, whole, updates[0].size + LANES, len(updates))
        return Sum.of(words, len(updates)).apply(np.zeros_like(updates[0]), CONFIG) * np.float32(len(updates))


def _keys() -> tuple[Any, Any]:
    from phe import paillier

    pair: tuple[Any, Any] = paillier.generate_paillier_keypair(n_length=KEY_BITS)
    return pair


def _encrypt(public: Any, words: Words) -> list[int]:  # noqa: ANN401  # phe has no types
    shifted = (words.astype(np.int64) + SCALE).astype("<u4").tobytes()
    step = SLOTS * SLOT_BYTES
    packed = (int.from_bytes(shifted[at : at + step], "little") for at in range(0, len(shifted), step))
    return [public.raw_encrypt(number) for number in packed]


def _add(public: Any, left: list[int], right: list[int]) -> list[int]:  # noqa: ANN401
    import gmpy2

    square = gmpy2.mpz(public.nsquare)
    return [int(gmpy2.mpz(one) * other % square) for one, other in zip(left, right, strict=True)]


def _decrypt(private: Any, file: list[int], words: int, hospitals: int) -> Words:  # noqa: ANN401
    raw = b"".join(private.raw_decrypt(number).to_bytes(SLOTS * SLOT_BYTES, "little") for number in file)
    shifted = np.frombuffer(raw, "<u4")[:words].astype(np.int64)
    return (shifted - hospitals * SCALE).astype(np.int32)
