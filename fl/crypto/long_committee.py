"""The second half of a record's key: shared among the trustees' long keys, beside the first under their threshold key.

Invariant: K of a wrap follows from both halves, K1 = r·Y and K2. Who breaks P-256 lacks K2, who breaks ML-KEM lacks K1,
and fewer than t trustees have neither. Nothing that depends on K2 is a point of a curve: commitments are hashes.

Layout (big-endian):
    key_id     = first 8 bytes of Y's key_id ‖ H("BAFL/1/longcommittee" ‖ Y[33] ‖ seats)[:8]
    seats      = t:u16 ‖ m:u16 ‖ m · keyId[16] of a long key, in the order of the parties
    half       = t:u16 ‖ m:u16 ‖ m · (keyId[16] ‖ commitment[32] ‖ sealed[1201])
    commitment = H("BAFL/1/longcommit" ‖ label[32] ‖ j:u16 ‖ f(j)[32])        K2 = f(0), f of t coefficients below n
    binding    = H("BAFL/1/longhalf" ‖ label[32] ‖ Y[33] ‖ u[33] ‖ ū[33] ‖ t:u16 ‖ m:u16 ‖ m · (keyId ‖ commitment))
    sealed     = HPKE.SealBase of suite 2 (long key j, info = "BAFL/1/longshare" ‖ binding[32] ‖ j:u16, f(j)[32])
    K          = HKDF-SHA256(r·Y[33] ‖ K2[32], salt label, info "BAFL/1/tdh2long" ‖ key_id ‖ binding), 32 bytes

Why hashes: Feldman's commitments are f's coefficients times G. Who breaks P-256 would read K2 from them.

Source: PROTOCOL.md 9 (Encapsulation for decades); A. Shamir 1979; F. Giacon, F. Heuer, B. Poettering, "KEM Combiners",
PKC 2018 (a key derivation over both secrets and both ciphertexts); RFC 5869.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hmac import compare_digest
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fl.crypto import hybrid_kem
from fl.crypto.curve import ORDER, POINT_BYTES, SCALAR_BYTES, Point
from fl.crypto.group import encode_point, parse_scalar, random_scalar, scalar_bytes
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.sharing import Polynomial, lagrange
from fl.crypto.threshold import Ciphertext, ThresholdKey
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import CiphertextInvalid, EncodingError, InvalidScalar
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.names import LABEL_PREFIX, Digest

LEAST_THRESHOLD, MAX_SEATS = 2, 32
FIRST_BYTES = 8
"""Of a long committee's identity: the same as of its threshold key."""
_KEY_ID_BYTES = 16
_SEALED_BYTES = hybrid_kem.OVERHEAD_BYTES + SCALAR_BYTES
_SEAT_BYTES = _KEY_ID_BYTES + 32 + _SEALED_BYTES
_WHAT = "shares for decades"


def half_bytes(seats: int) -> int:
    """Return the size of a half with so many seats, in bytes."""
    return 4 + _SEAT_BYTES * seats


HALF_CAP = half_bytes(MAX_SEATS)
"""The largest half, in bytes."""


@dataclass(frozen=True)
class Halves:
    """Both secrets of a ciphertext."""

    point: Point = field(repr=False)
    """r·Y."""
    value: int = field(repr=False)
    """K2."""


@dataclass(frozen=True)
class Seats:
    """A threshold key, and whose long keys have the shares of the second halves."""

    key: ThresholdKey
    threshold: int
    """t of the second half: 2 to the number of seats."""
    long_ids: tuple[bytes, ...]
    """Identities of the long keys, 16 bytes each; party j, from 1, has the j-th."""

    @cached_property
    def key_id(self) -> bytes:
        """Return the 16 bytes that name this committee in wraps, capsules and contexts."""
        writer = Writer("longcommittee").raw(self.key.to_bytes(), POINT_BYTES)
        writer.u16(self.threshold).u16(len(self.long_ids))
        for each in self.long_ids:
            writer.raw(each, _KEY_ID_BYTES)
        return self.key.key_id[:FIRST_BYTES] + writer.digest()[: _KEY_ID_BYTES - FIRST_BYTES]


@dataclass(frozen=True)
class LongCommittee:
    """What a sealer needs: a threshold key, and the long key of each trustee."""

    key: ThresholdKey
    threshold: int
    keys: tuple[LongKey, ...]
    """In the order of the parties."""

    @cached_property
    def seats(self) -> Seats:
        return Seats(self.key, self.threshold, tuple(key.key_id for key in self.keys))

    @property
    def key_id(self) -> bytes:
        return self.seats.key_id


@dataclass(frozen=True)
class Half:
    """The second half of a ciphertext, as it is in wrap and capsule; nobody has checked its shares."""

    threshold: int
    long_ids: tuple[bytes, ...]
    commitments: tuple[bytes, ...]
    """32 bytes each."""
    sealed: tuple[bytes, ...] = field(repr=False)
    """A share for each long key, 1,201 bytes each."""

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take a half from `reader`, or raise EncodingError: another layout, t or m out of bounds, one key twice."""
        threshold, count = reader.u16(), reader.u16()
        _check_size(threshold, count)
        seats = [(reader.raw(_KEY_ID_BYTES), reader.raw(32), reader.raw(_SEALED_BYTES)) for _ in range(count)]
        ids, commitments, sealed = (tuple(column) for column in zip(*seats, strict=True))
        _check_different(ids)
        return cls(threshold, ids, commitments, sealed)

    def to_bytes(self) -> bytes:
        writer = Writer().u16(self.threshold).u16(len(self.long_ids))
        for long_id, commitment, sealed in zip(self.long_ids, self.commitments, self.sealed, strict=True):
            writer.raw(long_id, _KEY_ID_BYTES).raw(commitment, 32).raw(sealed, _SEALED_BYTES)
        return writer.bytes()

    def seats(self, key: ThresholdKey) -> Seats:
        """Return whose half this is, if the first half is sealed to `key`."""
        return Seats(key, self.threshold, self.long_ids)

    def binding(self, key: ThresholdKey, label: Digest, ciphertext: Ciphertext) -> Digest:
        """Return what the sealed shares and K are bound to: all of both halves, but not the sealed shares."""
        writer = Writer("longhalf").raw(label, 32).raw(key.to_bytes(), POINT_BYTES)
        writer.raw(encode_point(ciphertext.u), POINT_BYTES).raw(encode_point(ciphertext.u_bar), POINT_BYTES)
        writer.u16(self.threshold).u16(len(self.long_ids))
        for long_id, commitment in zip(self.long_ids, self.commitments, strict=True):
            writer.raw(long_id, _KEY_ID_BYTES).raw(commitment, 32)
        return writer.digest()

    def fits(self, label: Digest, index: int, value: int) -> bool:
        """Return whether `value` is the share of party `index`, from 1, to which the sealer committed."""
        if not 1 <= index <= len(self.commitments):
            return False
        return compare_digest(self.commitments[index - 1], _commitment(label, index, value))

    def secret(self, shares: Mapping[int, int]) -> int:
        """Return K2 from at least t shares that fit, by index; fewer are a programming error (ValueError)."""
        if len(shares) < self.threshold:
            raise ValueError("fewer shares than the threshold")
        indices = sorted(shares)[: self.threshold]
        weights = lagrange(indices)
        return sum(weight * shares[index] for weight, index in zip(weights, indices, strict=True)) % ORDER


def share_out(committee: LongCommittee, label: Digest, ciphertext: Ciphertext) -> tuple[Half, int]:
    """Draw K2, share it among a committee for this ciphertext, and return the half and K2.

    Raises:
        EncodingError: t or the number of trustees is out of bounds, or two trustees have the same key.
        InvalidPoint: a long key is damaged.
    """
    count = len(committee.keys)
    _check_size(committee.threshold, count)
    _check_different(committee.seats.long_ids)
    secret = random_scalar()
    polynomial = Polynomial.draw(secret, committee.threshold)
    values = [polynomial.share(index).value for index in range(1, count + 1)]
    commitments = tuple(_commitment(label, index, value) for index, value in enumerate(values, 1))
    half = Half(committee.threshold, committee.seats.long_ids, commitments, ())
    binding = half.binding(committee.key, label, ciphertext)
    sealed = tuple(
        hybrid_kem.seal(key, _info(binding, index), scalar_bytes(value))
        for index, (key, value) in enumerate(zip(committee.keys, values, strict=True), 1)
    )
    return Half(half.threshold, half.long_ids, commitments, sealed), secret


def open_shares(
    half: Half, key: ThresholdKey, label: Digest, ciphertext: Ciphertext, own: Sequence[LongPrivateKey]
) -> dict[int, int]:
    """Return the shares of the seats whose long keys are `own`, by index; there may be none.

    Raises:
        AuthFailure: a share was sealed for another ciphertext, or is damaged.
        CiphertextInvalid: a share is not the one to which the sealer committed.
    """
    binding, found = half.binding(key, label, ciphertext), dict[int, int]()
    for private in own:
        if private.key_id not in half.long_ids:
            continue
        index = half.long_ids.index(private.key_id) + 1
        try:
            value = parse_scalar(private.open(half.sealed[index - 1], _info(binding, index)))
        except InvalidScalar as error:
            raise CiphertextInvalid("a share for decades is no scalar") from error
        if not half.fits(label, index, value):
            raise CiphertextInvalid("a share for decades is not the one to which its sealer committed")
        found[index] = value
    return found


def derive(seats: Seats, half: Half, label: Digest, ciphertext: Ciphertext, secrets: Halves) -> bytes:
    """Return K, 32 bytes, from both halves."""
    info = LABEL_PREFIX + b"tdh2long" + seats.key_id + half.binding(seats.key, label, ciphertext)
    both = encode_point(secrets.point) + scalar_bytes(secrets.value)
    return HKDF(hashes.SHA256(), 32, label, info).derive(both)


def _check_size(threshold: int, count: int) -> None:
    if not LEAST_THRESHOLD <= threshold <= count <= MAX_SEATS:
        raise EncodingError(_WHAT, f"{threshold} of {count} trustees is out of bounds")


def _check_different(long_ids: Sequence[bytes]) -> None:
    if len(set(long_ids)) != len(long_ids):
        raise EncodingError(_WHAT, "two trustees have the same key")


def _commitment(label: Digest, index: int, value: int) -> bytes:
    return Writer("longcommit").raw(label, 32).u16(index).raw(scalar_bytes(value), SCALAR_BYTES).digest()


def _info(binding: Digest, index: int) -> bytes:
    return Writer("longshare").raw(binding, 32).u16(index).bytes()
