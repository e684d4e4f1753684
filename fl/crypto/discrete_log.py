"""Small discrete logarithms by a table: which number v, positive or negative, gives the point v·G.

Invariant: every result v was checked against the point. The table's content is fixed, and so is its SHA-256.

A table holds the first 8 bytes of the x-coordinate of i·G for i = 1 to 2^16, in this order (512 KiB). A point and its
negative have the same x, so one look decides about 2^17 + 1 neighbouring numbers; further ones are reached by giant
steps of that many in both directions.

Source: D. Shanks, "Class number, a theory of factorization, and genera", 1971 (baby-step giant-step).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from fl.crypto.curve import GENERATOR, IDENTITY, ORDER, SCALAR_BYTES, Point
from fl.crypto.group import add, base_mult
from fl.protocol.errors import AnswerOutOfRange

BITS = 16
KEY_BYTES = 8
TABLE_BYTES = KEY_BYTES << BITS
TABLE_SHA256 = "85db80da31016f087f3cca91caaa66f051d56042d285ffabec643aae458618d2"
_STEP = (2 << BITS) + 1


def make_table() -> bytes:
    """Return the table; it takes about a second."""
    keys, point = [], IDENTITY
    for _ in range(1 << BITS):
        point = add(point, GENERATOR)
        keys.append(_key(point))
    return b"".join(keys)


class Logarithms:
    """Finds logarithms by a table."""

    def __init__(self, table: bytes) -> None:
        """Take the bytes of `make_table`, perhaps from a file; damaged ones are made again."""
        if hashlib.sha256(table).hexdigest() != TABLE_SHA256:
            table = make_table()
        self.table = table
        """For a file."""
        starts = range(0, TABLE_BYTES, KEY_BYTES)
        self._index = {table[at : at + KEY_BYTES]: i for i, at in enumerate(starts, 1)}
        self._up, self._down = base_mult(-_STEP), base_mult(_STEP)

    def find(self, point: Point, limit: int) -> int:
        """Return v of -limit..limit with v·G = point; its time depends on v.

        Raises:
            AnswerOutOfRange: there is none.
        """
        above = below = point
        for offset in range(0, limit + (1 << BITS) + 1, _STEP):
            for start, sign in ((above, 1), (below, -1)):
                for near in self._near(start):
                    value = near + sign * offset
                    if abs(value) <= limit and base_mult(value % ORDER) == point:
                        return value
            above, below = add(above, self._up), add(below, self._down)
        raise AnswerOutOfRange(limit)

    def _near(self, point: Point) -> tuple[int, ...]:
        if point == IDENTITY:
            return (0,)
        found = self._index.get(_key(point))
        return () if found is None else (found, -found)


@lru_cache(maxsize=1)
def logarithms() -> Logarithms:
    """Return the table of this process; the first call takes about a second."""
    return Logarithms(b"")


def _key(point: Point) -> bytes:
    return point.x.to_bytes(SCALAR_BYTES, "big")[:KEY_BYTES]
