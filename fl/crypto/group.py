"""The P-256 group: strict parsing, and a few operations over exchangeable backends.

Invariant: only this module turns bytes into a `Point` or a scalar; every value has one encoding.

Layout: scalar = 32 bytes big-endian, < n; point = SEC1 compressed, tag 2 or 3 ‖ x[32], x < p, on the curve, never the
identity; inside HPKE and key books 4 ‖ x[32] ‖ y[32].

Source: PROTOCOL.md 2; SEC 1 v2.0, 2.3.3 and 2.3.4.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from fl.crypto import _libcrypto
from fl.crypto._portable import PORTABLE
from fl.crypto.curve import (
    FIELD,
    IDENTITY,
    LARGEST_WEIGHT,
    ORDER,
    POINT_BYTES,
    SCALAR_BYTES,
    UNCOMPRESSED_BYTES,
    B,
    Engine,
    LoadedPoints,
    Point,
)
from fl.protocol.errors import InvalidPoint, InvalidScalar

_LARGEST_SMALL = 1 << 16
_TAGS = (2, 3)
_FAST = _libcrypto.load()
ENGINES: dict[str, Engine] = {each.name: each for each in (PORTABLE, _FAST) if each is not None}
"""The backends of this machine by name; `use` can choose another than the last one."""
_in_use: list[Engine] = [PORTABLE if _FAST is None else _FAST]


def engine() -> Engine:
    return _in_use[-1]


@contextmanager
def use(name: str) -> Iterator[Engine]:
    """Compute with the backend ENGINES[name] inside the block, in every thread."""
    _in_use.append(ENGINES[name])
    try:
        yield _in_use[-1]
    finally:
        _in_use.pop()


# --- Scalars ---------------------------------------------------------------------------------------------------


def parse_scalar(data: bytes) -> int:
    """Return a scalar of 0..n-1 from 32 bytes, or raise InvalidScalar."""
    if len(data) != SCALAR_BYTES:
        raise InvalidScalar(f"it has {len(data)} bytes, not {SCALAR_BYTES}")
    scalar = int.from_bytes(data, "big")
    if scalar >= ORDER:
        raise InvalidScalar("it is not below the order of the group")
    return scalar


def parse_key(data: bytes) -> int:
    """Return a scalar of 1..n-1 from 32 bytes, or raise InvalidScalar."""
    scalar = parse_scalar(data)
    if scalar == 0:
        raise InvalidScalar("a key is never 0")
    return scalar


def scalar_bytes(scalar: int) -> bytes:
    """Return the 32 bytes of a scalar of 0..n-1; another number is a programming error (ValueError)."""
    if not 0 <= scalar < ORDER:
        raise ValueError("a scalar lies between 0 and n - 1")
    return scalar.to_bytes(SCALAR_BYTES, "big")


def random_scalar() -> int:
    """Return a uniform scalar of 1..n-1 from the operating system's randomness."""
    return 1 + secrets.randbelow(ORDER - 1)


# --- Encodings of points ---------------------------------------------------------------------------------------


def decode_point(data: bytes) -> Point:
    """Return the point of 33 compressed bytes, or raise InvalidPoint: length, tag, x ≥ p, off the curve, identity."""
    if data in (b"\x00", bytes(POINT_BYTES)):
        raise InvalidPoint("it is the identity")
    if len(data) != POINT_BYTES:
        raise InvalidPoint(f"it has {len(data)} bytes, not {POINT_BYTES}")
    if data[0] not in _TAGS:
        raise InvalidPoint(f"its tag is {data[0]}, not 2 or 3")
    if int.from_bytes(data[1:], "big") >= FIELD:
        raise InvalidPoint("its x is not below p")
    point = engine().decompress(data)
    if point is None:
        raise InvalidPoint("it is not on the curve")
    return point


def decode_points(data: bytes, count: int) -> tuple[Point, ...]:
    """Return exactly `count` points of 33 bytes each, or raise InvalidPoint."""
    if len(data) != count * POINT_BYTES:
        raise InvalidPoint(f"{count} points have {count * POINT_BYTES} bytes, not {len(data)}")
    return tuple(decode_point(data[start : start + POINT_BYTES]) for start in range(0, len(data), POINT_BYTES))


def decode_uncompressed(data: bytes) -> Point:
    """Return the point of 65 bytes 4 ‖ x ‖ y, or raise InvalidPoint."""
    if len(data) != UNCOMPRESSED_BYTES:
        raise InvalidPoint(f"it has {len(data)} bytes, not {UNCOMPRESSED_BYTES}")
    if data[0] != 4:  # noqa: PLR2004  # SEC1's tag
        raise InvalidPoint(f"its tag is {data[0]}, not 4")
    x, y = int.from_bytes(data[1:POINT_BYTES], "big"), int.from_bytes(data[POINT_BYTES:], "big")
    if x >= FIELD or y >= FIELD:
        raise InvalidPoint("a coordinate is not below p")
    if (y * y - x * x * x + 3 * x - B) % FIELD:
        raise InvalidPoint("it is not on the curve")
    return Point(x, y)


def encode_point(point: Point) -> bytes:
    """Return the 33 compressed bytes; the identity has no encoding (ValueError)."""
    if point == IDENTITY:
        raise ValueError("the identity has no encoding")
    return bytes([2 + (point.y & 1)]) + point.x.to_bytes(SCALAR_BYTES, "big")


# --- Operations ------------------------------------------------------------------------------------------------


def base_mult(scalar: int) -> Point:
    """Return scalar·G; the scalar is taken mod n and may be secret."""
    return engine().base(scalar % ORDER)


def mult(scalar: int, point: Point) -> Point:
    """Return scalar·point; the scalar is taken mod n and may be secret."""
    return engine().mult(scalar % ORDER, point)


def shared_x(scalar: int, point: Point) -> bytes:
    """Return the 32-byte x-coordinate of scalar·point (ECDH); a zero scalar or the identity raises ValueError."""
    if scalar % ORDER == 0 or point == IDENTITY:
        raise ValueError("a key agreement needs a scalar that is not 0 and a point that is not the identity")
    return engine().shared_x(scalar % ORDER, point)


def add(left: Point, right: Point) -> Point:
    return engine().total((left, right))


def negate(point: Point) -> Point:
    return Point(point.x, -point.y % FIELD)


def horner(at: int, points: Sequence[Point]) -> Point:
    """Return Σ at^k·points[k], k from 0, for a public index `at` of 1..2^16."""
    if not 1 <= at <= _LARGEST_SMALL:
        raise ValueError("an index lies between 1 and 2^16")
    return engine().horner(at, points)


def multi_mult(scalars: Sequence[int], points: Sequence[Point]) -> Point:
    """Return Σ scalars[k]·points[k]; scalars are taken mod n."""
    return engine().total([mult(scalar, point) for scalar, point in zip(scalars, points, strict=True)])


class WeightedPoints:
    """Points for many sums Σ values[k]·points[k] with small public values; not for secret ones."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._count = len(points)
        self._loaded: LoadedPoints = engine().load(points)

    def __len__(self) -> int:
        return self._count

    def total(self, values: bytes) -> Point:
        """Return the sum for one value of 0..127 for each point; others raise ValueError."""
        if len(values) != self._count or max(values, default=0) > LARGEST_WEIGHT:
            raise ValueError("each point has one value of 0 to 127")
        return self._loaded.weighted_sum(values)
