"""Exponential ElGamal on P-256, one ciphertext per coefficient: the "cryptograms" of published designs.

The sum of the words is in the exponent. Baby-step giant-step, outwards from zero, finds it again.

Source: R. Cramer et al., EUROCRYPT 1997 (exponential ElGamal); D. Shanks, 1971 (baby steps, giant steps).
The secret key is not shared among trustees here. Anybody who has it can open every hospital's update.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from fl.crypto.curve import GENERATOR, IDENTITY, POINT_BYTES, Point
from fl.crypto.group import add, base_mult, mult, negate, random_scalar
from fl.training.aggregation.quantise import LIMIT, Vector, Words
from fl.training.aggregation.sum import Sum
from scripts.bench.schemes.base import CONFIG, Case, Cost, draw_update, least, wide, words_of

Cryptogram = tuple[Point, Point]
"""(r·G, m·G + r·Y)."""
BABY_STEPS = 1 << 14
SLICE = 250


class ElGamal:
    """Sum of cryptograms."""

    name = "EC ElGamal"
    needs: tuple[str, ...] = ()

    def cost(self, case: Case) -> Cost:
        """Measure a round on a slice. The table of baby steps is made once and counts as key set-up."""
        size = min(case.parameters, SLICE)
        whole = draw_update(case.parameters, 1)
        quantise_s, words = least(lambda: words_of(whole))
        secret = random_scalar()
        key = base_mult(secret)
        _table.cache_clear()
        table_s, _ = least(_table, 1)
        protect_s, file = least(lambda: _encrypt(key, words[:size]))
        sum_s, total = least(lambda: _add(file, file))
        for _ in range(case.hospitals - 2):
            total = _add(total, file)
        open_s, _ = least(lambda: _decrypt(secret, total, case.hospitals))
        factor = wide(case.parameters, size)
        hospital = {"quantise": quantise_s, "protect": factor * protect_s}
        server = {"key set-up": table_s, "sum": factor * (case.hospitals - 1) * sum_s, "unprotect": factor * open_s}
        server["replay"] = server["sum"]
        return Cost(hospital, server, 2 * POINT_BYTES * case.parameters, size)

    def total(self, updates: Sequence[Vector]) -> Vector:
        """Return the sum; equal to a sealed or masked round's, bit for bit."""
        secret = random_scalar()
        first, *others = (_encrypt(base_mult(secret), words_of(update)) for update in updates)
        for other in others:
            first = _add(first, other)
        words = np.array(_decrypt(secret, first, len(updates)), np.int32)
        return Sum.of(words, len(updates)).apply(np.zeros_like(updates[0]), CONFIG) * np.float32(len(updates))


def _encrypt(key: Point, words: Words) -> list[Cryptogram]:
    made = []
    for word in words.tolist():
        chance = random_scalar()
        made.append((base_mult(chance), add(base_mult(word), mult(chance, key))))
    return made


def _add(left: list[Cryptogram], right: list[Cryptogram]) -> list[Cryptogram]:
    return [(add(one[0], other[0]), add(one[1], other[1])) for one, other in zip(left, right, strict=True)]


def _decrypt(secret: int, file: list[Cryptogram], hospitals: int) -> list[int]:
    return [_logarithm(add(second, negate(mult(secret, first))), hospitals * LIMIT) for first, second in file]


def _logarithm(point: Point, bound: int) -> int:
    """Return m with m·G = point, |m| ≤ bound."""
    table, stride = _table()
    up = down = point
    for giant in range(bound // (2 * BABY_STEPS) + 2):
        for reached, base in ((up, -giant), (down, giant)):
            if reached == IDENTITY:
                return -base * (2 * BABY_STEPS)
            if reached.x in table:
                step, y = table[reached.x]
                return -base * (2 * BABY_STEPS) + (step if reached.y == y else -step)
        up, down = add(up, negate(stride)), add(down, stride)
    raise ArithmeticError("the sum is larger than its bound")


@lru_cache(maxsize=1)
def _table() -> tuple[dict[int, tuple[int, int]], Point]:
    """Return x -> (m, y) of m·G for 1..BABY_STEPS, and the giant step 2·BABY_STEPS·G."""
    table: dict[int, tuple[int, int]] = {}
    point = IDENTITY
    for step in range(1, BABY_STEPS + 1):
        point = add(point, GENERATOR)
        table[point.x] = (step, point.y)
    return table, base_mult(2 * BABY_STEPS)
