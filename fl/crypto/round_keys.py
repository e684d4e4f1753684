"""A hospital's keys for one masked round, their public parts, and the seeds that two hospitals derive.

Invariant: round keys come from the operating system's randomness and are used in one round. The journal stores them
before anything derived from them leaves the hospital; keys read back give the same public bytes and masks.

Layout (big-endian):
    journal  = "BAFL/1/roundkeys" ‖ e[32] ‖ t:u16 ‖ f[t·32] ‖ g[t·32]    s = f(0), b = g(0)
    advert   = S[33] ‖ E[33]
    dealing  = F[t·33] ‖ G[t·33]                                          F_0 = S, G_0 = B
    ctx2     = H("BAFL/1/set2" ‖ ctx[32] ‖ n:u16 ‖ n·(index:u16 ‖ account[20] ‖ S[33] ‖ E[33] ‖ H(dealing)[32]))
    seed_ij  = HKDF(x(s_i·S_j), salt=ctx2, info="BAFL/1/pair" ‖ low[20] ‖ high[20] ‖ S_low[33] ‖ S_high[33])
    self_i   = HKDF(b_i[32], salt=ctx2, info="BAFL/1/self" ‖ account[20] ‖ B_i[33])

Source: PROTOCOL.md 3 (round keys) and 5, phases 1 to 3; RFC 5869 (HKDF-SHA256, 32 bytes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fl.crypto.curve import POINT_BYTES, SCALAR_BYTES, Point
from fl.crypto.group import (
    base_mult,
    decode_point,
    encode_point,
    parse_key,
    random_scalar,
    scalar_bytes,
    shared_x,
)
from fl.crypto.sharing import MAX_PARTIES, Commitments, Polynomial
from fl.protocol.codec import Reader, Writer, sha256
from fl.protocol.errors import EncodingError, InvalidPoint
from fl.protocol.names import LABEL_PREFIX, Address, Digest

SEED_BYTES = 32
ADVERT_BYTES = 2 * POINT_BYTES
_JOURNAL_LABEL = "roundkeys"


@dataclass(frozen=True)
class RoundKeys:
    """The secrets of one hospital in one round."""

    transport: int = field(repr=False)
    """e: opens the shares from other hospitals."""
    pairwise: Polynomial
    """f, with s = f(0): the secret of the masks with all other hospitals."""
    own: Polynomial
    """g, with b = g(0): the secret of the hospital's self mask."""

    @classmethod
    def generate(cls, threshold: int) -> Self:
        """Return fresh keys whose shares need `threshold` hospitals."""
        polynomials = (Polynomial.draw(random_scalar(), threshold) for _ in range(2))
        return cls(random_scalar(), *polynomials)

    @property
    def mask_secret(self) -> int:
        return self.pairwise.coefficients[0]

    @property
    def self_secret(self) -> int:
        return self.own.coefficients[0]

    def advert(self) -> bytes:
        """Return S ‖ E, 66 bytes (phase 1)."""
        return encode_point(base_mult(self.mask_secret)) + encode_point(base_mult(self.transport))

    def dealing(self) -> bytes:
        """Return both vectors of commitments, 2·t·33 bytes (phase 2)."""
        return self.pairwise.commitments() + self.own.commitments()

    def to_bytes(self) -> bytes:
        """Return the journal's entry, which is secret."""
        writer = Writer(_JOURNAL_LABEL).raw(scalar_bytes(self.transport), SCALAR_BYTES)
        writer.u16(len(self.pairwise.coefficients))
        for coefficient in (*self.pairwise.coefficients, *self.own.coefficients):
            writer.raw(scalar_bytes(coefficient), SCALAR_BYTES)
        return writer.bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse a journal's entry.

        Raises:
            EncodingError: another layout or length.
            InvalidScalar: a number is 0 or not below n.
        """
        reader = Reader(data, "round keys")
        label = LABEL_PREFIX + _JOURNAL_LABEL.encode("ascii")
        if reader.raw(len(label)) != label:
            raise EncodingError("round keys", "they do not begin with their label")
        transport = parse_key(reader.raw(SCALAR_BYTES))
        threshold = reader.u16()
        if not 1 <= threshold <= MAX_PARTIES:
            raise EncodingError("round keys", f"their threshold {threshold} is not in 1..{MAX_PARTIES}")
        pairwise, own = (
            Polynomial(tuple(parse_key(reader.raw(SCALAR_BYTES)) for _ in range(threshold))) for _ in range(2)
        )
        reader.end()
        return cls(transport, pairwise, own)


@dataclass(frozen=True)
class Participant:
    """The ledger's facts about a hospital of a round after it advertised and dealt."""

    index: int
    """1..16384: its place in the roster, which ascends by account."""
    account: Address
    mask_key: Point
    """S."""
    transport_key: Point
    """E."""
    pairwise: Commitments
    """F; F_0 = S."""
    own: Commitments
    """G; G_0 = B."""

    @classmethod
    def parse(cls, index: int, account: Address, advert: bytes, dealing: bytes, threshold: int) -> Self:
        """Parse the recorded bytes.

        Args:
            index: The hospital's place in the roster.
            account: The recording account.
            advert: S ‖ E, 66 bytes.
            dealing: F ‖ G, 2·t·33 bytes.
            threshold: t of the round's terms.

        Raises:
            InvalidPoint: a length or a point is invalid, or both advertised keys are the same.
            CommitmentMismatch: F_0 is not the advertised S.
        """
        mask_key, transport_key = parse_advert(advert)
        half = threshold * POINT_BYTES
        pairwise, own = (Commitments.from_bytes(account, part, threshold) for part in (dealing[:half], dealing[half:]))
        pairwise.check_key(mask_key)
        return cls(index, account, mask_key, transport_key, pairwise, own)

    @property
    def self_key(self) -> Point:
        return self.own.key


def parse_advert(advert: bytes) -> tuple[Point, Point]:
    """Return (S, E) of 66 bytes, or raise InvalidPoint."""
    if len(advert) != ADVERT_BYTES:
        raise InvalidPoint(f"two points have {ADVERT_BYTES} bytes, not {len(advert)}")
    mask_key, transport_key = decode_point(advert[:POINT_BYTES]), decode_point(advert[POINT_BYTES:])
    if mask_key == transport_key:
        raise InvalidPoint("the mask key and the transport key are the same")
    return mask_key, transport_key


def check_distinct(participants: Sequence[Participant]) -> None:
    """Raise EncodingError unless indices and accounts ascend, InvalidPoint unless all keys differ."""
    for what in ("index", "account"):
        values = [getattr(each, what) for each in participants]
        if values != sorted(set(values)):
            raise EncodingError("participants", f"they do not ascend by {what}")
    keys = [key for each in participants for key in (each.mask_key, each.transport_key, each.self_key)]
    if len(set(keys)) != len(keys):
        raise InvalidPoint("two keys of the round are the same")


def mask_context(context: bytes, participants: Sequence[Participant]) -> Digest:
    """Return ctx2, which binds the masks to the round (ctx, 32 bytes) and to the dealers (U2, ascending).

    Raises:
        EncodingError, InvalidPoint: as `check_distinct`.
    """
    check_distinct(participants)
    writer = Writer("set2").raw(context, 32).u16(len(participants))
    for each in participants:
        writer.u16(each.index).raw(each.account, 20)
        writer.raw(encode_point(each.mask_key), POINT_BYTES).raw(encode_point(each.transport_key), POINT_BYTES)
        writer.raw(sha256(each.pairwise.to_bytes() + each.own.to_bytes()), 32)
    return writer.digest()


def pair_seed(secret: int, holder: Participant, other: Participant, context: Digest) -> bytes:
    """Return the 32-byte seed of two hospitals' common mask, from s of `holder`; `context` is ctx2."""
    return seed_of_pair(shared_x(secret, other.mask_key), holder, other, context)


def seed_of_pair(shared: bytes, one: Participant, other: Participant, context: Digest) -> bytes:
    """Return the same seed from the x-coordinate of the two hospitals' common point, 32 bytes."""
    low, high = sorted((one, other), key=lambda each: each.account)
    info = Writer("pair").raw(low.account, 20).raw(high.account, 20)
    info.raw(encode_point(low.mask_key), POINT_BYTES).raw(encode_point(high.mask_key), POINT_BYTES)
    return _derive(shared, context, info.bytes())


def self_seed(secret: int, holder: Participant, context: Digest) -> bytes:
    """Return the 32-byte seed of the hospital's own mask, from its b; `context` is ctx2."""
    info = Writer("self").raw(holder.account, 20).raw(encode_point(holder.self_key), POINT_BYTES)
    return _derive(scalar_bytes(secret), context, info.bytes())


def _derive(secret: bytes, context: Digest, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), SEED_BYTES, context, info).derive(secret)
