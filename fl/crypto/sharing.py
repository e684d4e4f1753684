"""Shamir's secret sharing over P-256's scalars with Feldman's commitments.

Invariant: a function returns a secret only after checking it against the dealer's commitment 0, and it names the
sender of every wrong share.

Layout: share value = scalar[32]; vector of commitments = t points of 33 bytes, A_0 ‖ ... ‖ A_{t-1}, where
A_k = a_k·G and f(x) = Σ a_k·x^k; the share of party j (1..16384) is f(j).

Source: A. Shamir, "How to share a secret", 1979; P. Feldman, FOCS 1987; PROTOCOL.md 5, phases 2, 6 and 7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from typing import Self

from fl.crypto.curve import ORDER, Point
from fl.crypto.group import base_mult, decode_points, encode_point, horner, random_scalar
from fl.protocol.errors import (
    BelowThreshold,
    CommitmentMismatch,
    EncodingError,
    ReconstructMismatch,
    ShareInvalid,
)
from fl.protocol.names import Address

MAX_PARTIES = 1024
"""Of one sharing: its threshold is at most as large."""
MAX_INDEX = 16_384
"""Of a party: its place in the roster; of a wide round's roster each secret has shares for 1024 at most."""


@dataclass(frozen=True)
class Share:
    """One party's share."""

    index: int
    """1..16384: the party's place in the roster."""
    value: int = field(repr=False)
    """f(index), 0..n-1."""


@dataclass(frozen=True)
class Polynomial:
    """A dealer's secret polynomial; its first coefficient is the secret."""

    coefficients: tuple[int, ...] = field(repr=False)
    """t scalars of 1..n-1."""

    @classmethod
    def draw(cls, secret: int, threshold: int) -> Self:
        """Return a random polynomial of degree threshold - 1 with f(0) = secret."""
        if not 0 < secret < ORDER or not 1 <= threshold <= MAX_PARTIES:
            raise ValueError("the secret must be in 1..n-1 and the threshold in 1..1024")
        return cls((secret, *(random_scalar() for _ in range(threshold - 1))))

    def share(self, index: int) -> Share:
        _check_index(index)
        return Share(index, _evaluate(self.coefficients, index))

    def commitments(self) -> bytes:
        """Return the vector of commitments, t·33 bytes."""
        return b"".join(encode_point(base_mult(coefficient)) for coefficient in self.coefficients)


@dataclass(frozen=True)
class Commitments:
    """A dealer's parsed vector of commitments."""

    dealer: Address
    points: tuple[Point, ...]

    @classmethod
    def from_bytes(cls, dealer: Address, data: bytes, threshold: int) -> Self:
        """Parse t·33 bytes.

        Raises:
            InvalidPoint: another length, or an invalid point.
        """
        return cls(dealer, decode_points(data, threshold))

    def to_bytes(self) -> bytes:
        return b"".join(encode_point(point) for point in self.points)

    @property
    def threshold(self) -> int:
        return len(self.points)

    @property
    def key(self) -> Point:
        """Return secret·G."""
        return self.points[0]

    def check_key(self, advertised: Point) -> None:
        """Raise CommitmentMismatch unless commitment 0 is the key that the dealer advertised."""
        if self.key != advertised:
            raise CommitmentMismatch(self.dealer)


@dataclass(frozen=True)
class Recovery:
    """A secret rebuilt from shares, and the parties with wrong shares."""

    secret: int = field(repr=False)
    invalid: tuple[int, ...]
    """Indices, ascending."""


def deal(secret: int, threshold: int, parties: int) -> tuple[tuple[Share, ...], bytes]:
    """Split a secret; return the shares of parties 1..n and the vector of commitments (t·33 bytes)."""
    if not threshold <= parties <= MAX_PARTIES:
        raise ValueError("the threshold exceeds the number of parties")
    polynomial = Polynomial.draw(secret, threshold)
    return tuple(polynomial.share(index) for index in range(1, parties + 1)), polynomial.commitments()


def verify(share: Share, commitments: Commitments) -> None:
    """Raise ShareInvalid unless value·G = Σ index^k·A_k."""
    _check_index(share.index)
    if base_mult(share.value) != horner(share.index, commitments.points):
        raise ShareInvalid(commitments.dealer, share.index)


def dealers_of_invalid_shares(received: Sequence[tuple[Share, Commitments]]) -> tuple[Address, ...]:
    """Verify all shares that one party received; return the dealers of wrong ones, each once, in order.

    For the small indices of a roster, checking each share costs less than checking a random combination.
    """
    wrong: dict[Address, None] = {}
    for share, commitments in received:
        try:
            verify(share, commitments)
        except ShareInvalid:
            wrong[commitments.dealer] = None
    return tuple(wrong)


def reconstruct(shares: Sequence[Share], commitments: Commitments) -> int:
    """Return the secret from at least t shares by Lagrange's formula at 0.

    Raises:
        EncodingError: two shares of one party, or an index outside 1..16384.
        BelowThreshold: fewer than t shares.
        ReconstructMismatch: the result does not fit commitment 0.
    """
    used = _distinct(shares, commitments.threshold)[: commitments.threshold]
    weights = lagrange([share.index for share in used])
    secret = sum(weight * share.value for weight, share in zip(weights, used, strict=True))
    if base_mult(secret) != commitments.key:
        raise ReconstructMismatch(commitments.dealer)
    return secret % ORDER


def lagrange(indices: Sequence[int]) -> list[int]:
    """Return λ_i of distinct indices: f(0) = Σ λ_i·f(i) for every polynomial f with at most as many coefficients."""
    weights = []
    for own in indices:
        others = [index for index in indices if index != own]
        top, bottom = math.prod(others), math.prod(index - own for index in others)
        weights.append(top * pow(bottom, -1, ORDER) % ORDER)
    return weights


def recover(shares: Sequence[Share], commitments: Commitments) -> Recovery:
    """Return the secret and name every wrong share.

    t shares give the whole polynomial. If its coefficients fit the commitments, the other shares need no curve
    arithmetic. Otherwise every share is verified.

    Raises:
        EncodingError: two shares of one party, or an index outside 1..16384.
        BelowThreshold: fewer than t shares are right.
        ReconstructMismatch: the dealer's commitments contradict themselves.
    """
    threshold = commitments.threshold
    ordered = _distinct(shares, threshold)
    coefficients = _interpolate(ordered[:threshold])
    if all(base_mult(each) == point for each, point in zip(coefficients, commitments.points, strict=True)):
        wrong = (share.index for share in ordered[threshold:] if _evaluate(coefficients, share.index) != share.value)
        return Recovery(coefficients[0], tuple(wrong))
    right = [share for share in ordered if _fits(share, commitments)]
    secret = reconstruct(right, commitments)
    right_indices = {share.index for share in right}
    return Recovery(secret, tuple(share.index for share in ordered if share.index not in right_indices))


def _fits(share: Share, commitments: Commitments) -> bool:
    try:
        verify(share, commitments)
    except ShareInvalid:
        return False
    return True


def _distinct(shares: Sequence[Share], threshold: int) -> list[Share]:
    """Return the shares by ascending index; refuse repeated or impossible indices, and too few shares."""
    ordered = sorted(shares, key=lambda share: share.index)
    for share in ordered:
        _check_index(share.index)
    if len({share.index for share in ordered}) != len(ordered):
        raise EncodingError("shares", "two of them belong to one party")
    if len(ordered) < threshold:
        raise BelowThreshold(len(ordered), threshold)
    return ordered


def _check_index(index: int) -> None:
    if not 1 <= index <= MAX_INDEX:
        raise EncodingError("share", f"the index {index} is not in 1..{MAX_INDEX}")


def _evaluate(coefficients: Sequence[int], at: int) -> int:
    return reduce(lambda value, coefficient: (value * at + coefficient) % ORDER, reversed(coefficients), 0)


def _interpolate(shares: Sequence[Share]) -> list[int]:
    """Return the coefficients of the polynomial through the shares (Newton's divided differences)."""
    at = [share.index for share in shares]
    steps = [share.value for share in shares]
    for level in range(1, len(steps)):
        for place in range(len(steps) - 1, level - 1, -1):
            steps[place] = (steps[place] - steps[place - 1]) * _inverse(at[place] - at[place - level]) % ORDER
    coefficients = [0] * len(steps)
    for place in range(len(steps) - 1, -1, -1):
        carried = 0
        for power, coefficient in enumerate(coefficients):
            coefficients[power] = (carried - at[place] * coefficient) % ORDER
            carried = coefficient
        coefficients[0] = (coefficients[0] + steps[place]) % ORDER
    return coefficients


@lru_cache(maxsize=MAX_PARTIES)
def _inverse(difference: int) -> int:
    return pow(difference, -1, ORDER)
