"""The portable backend: `cryptography` for secrets and square roots, Python integers for public sums.

Invariant: only `cryptography` sees a secret scalar (it computes in constant time); the Jacobian formulas below see
only public points and multipliers.

`cryptography` returns only a product's x. Its y follows from the x of the next multiple:
y(kP) = (2b + (a + x·x1)(x + x1) - x2·(x - x1)^2) / 2y for P = (x, y), x1 = x(kP), x2 = x((k+1)P).

Source: E. Brier, M. Joye, "Weierstrass Elliptic Curves and Side-Channel Attacks", PKC 2002, proposition 3 (y);
https://hyperelliptic.org/EFD/g1p/auto-shortw-jacobian-3.html dbl-2001-b, add-2007-bl (sums).
"""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import ec

from fl.crypto.curve import FIELD, IDENTITY, LARGEST_WEIGHT, ORDER, B, Point, encode_uncompressed

_CURVE = ec.SECP256R1()
_ECDH = ec.ECDH()

Jacobian = tuple[int, int, int]
"""(X, Y, Z) for the affine (X/Z^2, Y/Z^3); Z = 0 is the identity."""
_ZERO: Jacobian = (1, 1, 0)


class _Loaded:
    """Points as they are."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._points = tuple(points)

    def weighted_sum(self, values: bytes) -> Point:
        sums = [_ZERO] * (LARGEST_WEIGHT + 1)
        for value, point in zip(values, self._points, strict=True):
            sums[value] = _add_affine(sums[value], point)
        running = result = _ZERO
        for each in reversed(sums[1:]):  # after v more steps, the sum of value v was added v times
            running = _add(running, each)
            result = _add(result, running)
        return _affine(result)


class Portable:
    """The backend that every machine has."""

    name = "portable"

    def decompress(self, data: bytes) -> Point | None:
        try:
            numbers = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, data).public_numbers()
        except ValueError:
            return None
        return Point(numbers.x, numbers.y)

    def base(self, scalar: int) -> Point:
        if scalar == 0:
            return IDENTITY
        numbers = ec.derive_private_key(scalar, _CURVE).public_key().public_numbers()
        return Point(numbers.x, numbers.y)

    def mult(self, scalar: int, point: Point) -> Point:
        if scalar == 0 or point == IDENTITY:
            return IDENTITY
        if scalar == 1:
            return point
        if scalar == ORDER - 1:
            return Point(point.x, FIELD - point.y)
        peer = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, encode_uncompressed(point))
        x1, x2 = (int.from_bytes(_agree(multiple, peer), "big") for multiple in (scalar, scalar + 1))
        x, y = point
        top = 2 * B + (x * x1 - 3) * (x + x1) - x2 * (x - x1) ** 2
        return Point(x1, top * pow(2 * y, -1, FIELD) % FIELD)

    def shared_x(self, scalar: int, point: Point) -> bytes:
        return _agree(scalar, ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, encode_uncompressed(point)))

    def total(self, points: Sequence[Point]) -> Point:
        result = _ZERO
        for point in points:
            result = _add_affine(result, point)
        return _affine(result)

    def horner(self, at: int, points: Sequence[Point]) -> Point:
        result = _ZERO
        bits = bin(at)[3:]
        for point in reversed(points):
            once = result
            for bit in bits:
                result = _double(result)
                if bit == "1":
                    result = _add(result, once)
            result = _add_affine(result, point)
        return _affine(result)

    def load(self, points: Sequence[Point]) -> _Loaded:
        return _Loaded(points)


def _agree(scalar: int, peer: ec.EllipticCurvePublicKey) -> bytes:
    return ec.derive_private_key(scalar, _CURVE).exchange(_ECDH, peer)


def _affine(point: Jacobian) -> Point:
    x, y, z = point
    if z == 0:
        return IDENTITY
    inverse = pow(z, -1, FIELD)
    square = inverse * inverse % FIELD
    return Point(x * square % FIELD, y * square * inverse % FIELD)


def _double(point: Jacobian) -> Jacobian:
    x, y, z = point
    delta, gamma = z * z % FIELD, y * y % FIELD
    beta = x * gamma % FIELD
    alpha = 3 * (x - delta) * (x + delta) % FIELD
    new_x = (alpha * alpha - 8 * beta) % FIELD
    return new_x, (alpha * (4 * beta - new_x) - 8 * gamma * gamma) % FIELD, 2 * y * z % FIELD


def _add_affine(left: Jacobian, right: Point) -> Jacobian:
    """Return left + right, where right's Z is 1."""
    if right == IDENTITY:
        return left
    x, y, z = left
    if z == 0:
        return right.x, right.y, 1
    square = z * z % FIELD
    return _join(left, (right.x * square - x) % FIELD, (right.y * square * z - y) % FIELD, z)


def _add(left: Jacobian, right: Jacobian) -> Jacobian:
    if left[2] == 0:
        return right
    if right[2] == 0:
        return left
    (x1, y1, z1), (x2, y2, z2) = left, right
    square1, square2 = z1 * z1 % FIELD, z2 * z2 % FIELD
    u1, s1 = x1 * square2 % FIELD, y1 * square2 * z2 % FIELD
    scaled = (u1, s1, z1 * z2 % FIELD)
    return _join(scaled, (x2 * square1 - u1) % FIELD, (y2 * square1 * z1 - s1) % FIELD, scaled[2])


def _join(left: Jacobian, h: int, r: int, z: int) -> Jacobian:
    """Finish an addition: h and r are the differences of x and y on the common denominator z of left."""
    x, y, _ = left
    if h == 0:
        return _double(left) if r == 0 else _ZERO
    square = h * h % FIELD
    cube, shifted = h * square % FIELD, x * square % FIELD
    new_x = (r * r - cube - 2 * shifted) % FIELD
    return new_x, (r * (shifted - new_x) - y * cube) % FIELD, z * h % FIELD


PORTABLE = Portable()
