"""P-256 as data: its constants, its points, and the interface of a backend.

Invariant: every `Point` is IDENTITY or an affine point on the curve; equal points are equal values.

Source: SP 800-186 3.2.1.3 (domain parameters).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

FIELD = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
"""p, the prime of the coordinates; p = 3 (mod 4)."""
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n, the prime number of points."""
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
"""b of y^2 = x^3 - 3x + b."""
LARGEST_WEIGHT = 127
"""Of a point in `LoadedPoints.weighted_sum`."""
SCALAR_BYTES = 32
POINT_BYTES = 33
UNCOMPRESSED_BYTES = 65


class Point(NamedTuple):
    """An affine point, coordinates in 0..p-1; (0, 0), which is not on the curve, stands for the identity."""

    x: int
    y: int


IDENTITY = Point(0, 0)
GENERATOR = Point(
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


class LoadedPoints(Protocol):
    """Points in a backend's own form, for many sums over the same points; any thread may use them."""

    def weighted_sum(self, values: bytes) -> Point:
        """Return Σ values[k]·points[k] for one public value of 0..127 for each point; its time depends on them."""


class Engine(Protocol):
    """A backend. Scalars are in 0..n-1, points on the curve; group.py guarantees both."""

    name: str

    def decompress(self, data: bytes) -> Point | None:
        """Return the point of 33 bytes with tag 2 or 3 and x < p, or None if no point has this x."""

    def base(self, scalar: int) -> Point:
        """Return scalar·G."""

    def mult(self, scalar: int, point: Point) -> Point:
        """Return scalar·point."""

    def shared_x(self, scalar: int, point: Point) -> bytes:
        """Return the 32-byte x-coordinate of scalar·point; scalar is not 0, point is not the identity."""

    def total(self, points: Sequence[Point]) -> Point:
        """Return the sum of the points."""

    def horner(self, at: int, points: Sequence[Point]) -> Point:
        """Return Σ at^k·points[k] for a small positive `at`."""

    def load(self, points: Sequence[Point]) -> LoadedPoints:
        """Return the points in this backend's own form."""


def encode_uncompressed(point: Point) -> bytes:
    """Return 0x04 ‖ x[32] ‖ y[32]; the identity has no such form (ValueError)."""
    if point == IDENTITY:
        raise ValueError("the identity has no encoding")
    return b"\x04" + point.x.to_bytes(SCALAR_BYTES, "big") + point.y.to_bytes(SCALAR_BYTES, "big")
