"""The last layer of a model, encrypted under a threshold key: anybody can evaluate it, nobody alone can read it.

Invariant: everything is a function of public bytes but the answers: a trustee decrypts only a sum that it computed
itself, from features in 0..127 and a head that it knows; and only the requester gets what it answers.

Layout (big-endian):
    head    = "BAFL/1/enchead" ‖ consortium[32] ‖ model digest[32] ‖ key_id[16] of Y ‖ classes:u16 ‖ d:u16 ‖
              blocks:u16 ‖ ceilings f64[blocks] ‖ scales f64[classes] ‖ biases i32[classes] ‖
              (R_cj[33] ‖ E_cj[33])[classes][d]           R_cj = r_cj·G, E_cj = w_cj·G + r_cj·Y, w_cj in -127..127
    r_cj    = hash_to_scalar(seed[32] ‖ c:u16 ‖ j:u16, DST "BAFL/1/enchead" ‖ digest of the head up to its points)
    ask     = "BAFL/1/headask" ‖ H(head)[32] ‖ request:u64 ‖ count:u32 ‖ f[d] ‖ rho[32][classes]
    U_c, V_c = Σ_j f_j·(R_cj, E_cj) + rho_c·(G, Y)
    partial = u_c[33] for each class ‖ proof[64]          u_c = x_k·U_c for party k,
              DLEQ(G, Y_k; U_1 …; u_1 …), context "BAFL/1/headpart" ‖ H(ask)[32] ‖ k:u16
    answer  = V_c - Σ λ_k·u_c = (Σ_j f_j·w_cj)·G, and its logarithm, plus bias c

Source: PROTOCOL.md 9P; T. ElGamal 1985 with the message in the exponent; RFC 9497 2.2 (DLEQ with several inputs).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from fl.crypto.curve import GENERATOR, IDENTITY, LARGEST_WEIGHT, POINT_BYTES, SCALAR_BYTES, Point
from fl.crypto.discrete_log import Logarithms
from fl.crypto.dleq import PROOF_BYTES, Statement, prove
from fl.crypto.dleq import verify as verify_proof
from fl.crypto.group import (
    WeightedPoints,
    add,
    base_mult,
    decode_points,
    encode_point,
    mult,
    multi_mult,
    negate,
    parse_key,
    random_scalar,
    scalar_bytes,
)
from fl.crypto.hashing import hash_to_scalar
from fl.crypto.sharing import Share, lagrange
from fl.crypto.threshold import CommitteePublicKey, ThresholdKey
from fl.protocol.codec import Reader, Writer, sha256
from fl.protocol.errors import (
    CiphertextInvalid,
    EncodingError,
    HeadUnknown,
    InvalidPoint,
    NotInCommittee,
    PartialInvalid,
    ProofInvalid,
    QuorumNotReached,
)
from fl.protocol.names import DIGEST_BYTES, LABEL_PREFIX, Address, Digest

MAX_CLASSES, MAX_WIDTH, MAX_BLOCKS = 64, 4096, 16
MAX_POINTS = 1 << 16
"""Weights of one head: 4.3 MB."""
SEED_BYTES = 32
KEY_ID_BYTES = 16
_LABEL = LABEL_PREFIX + b"enchead"
_ASK = LABEL_PREFIX + b"headask"
_PART = LABEL_PREFIX + b"headpart"
_FIXED_BYTES = len(_LABEL) + 2 * DIGEST_BYTES + KEY_ID_BYTES + 3 * 2
HEAD_CAP = _FIXED_BYTES + 8 * (MAX_BLOCKS + MAX_CLASSES) + 4 * MAX_CLASSES + 2 * POINT_BYTES * MAX_POINTS
"""Bytes of the largest head."""
ASK_CAP = len(_ASK) + DIGEST_BYTES + 8 + 4 + MAX_WIDTH + SCALAR_BYTES * MAX_CLASSES
_WHAT = "encrypted head"
_QUESTION = "question to an encrypted head"


@dataclass(frozen=True)
class HeadFacts:
    """What is public about a head."""

    consortium: bytes
    """32 bytes (PROTOCOL.md 1)."""
    model: Digest
    """Of the global model whose head it is."""
    width: int
    """d: features."""
    ceilings: tuple[float, ...]
    """For each block of d / blocks features, the feature that becomes 127; positive."""
    scales: tuple[float, ...]
    """For each class, what one unit of its sum adds to the logit; positive."""
    biases: tuple[int, ...]
    """For each class, what is added to its sum."""

    @property
    def classes(self) -> int:
        return len(self.scales)

    @property
    def limit(self) -> int:
        """Return the largest absolute value of a sum before its bias."""
        return self.width * LARGEST_WEIGHT * LARGEST_WEIGHT


@dataclass(frozen=True)
class EncryptedHead:
    """A head under a threshold key."""

    facts: HeadFacts
    key: ThresholdKey
    data: bytes = field(repr=False)
    """The whole file."""
    rows: tuple[tuple[WeightedPoints, WeightedPoints], ...] = field(repr=False, compare=False)
    """For each class, the points R_cj and E_cj."""

    @property
    def digest(self) -> Digest:
        return sha256(self.data)

    @classmethod
    def from_bytes(cls, data: bytes, key: ThresholdKey) -> Self:
        """Parse a head under `key`; about 20 µs for each weight.

        Raises:
            EncodingError: it has another layout, is too large, or its numbers are not positive and finite.
            InvalidPoint: a point is not on the curve.
            HeadUnknown: it is under another key.
        """
        reader = Reader(data, _WHAT)
        if reader.raw(len(_LABEL)) != _LABEL:
            raise EncodingError(_WHAT, "it does not begin like one")
        consortium, model, key_id = reader.raw(DIGEST_BYTES), Digest(reader.raw(DIGEST_BYTES)), reader.raw(KEY_ID_BYTES)
        if key_id != key.key_id:
            raise HeadUnknown(sha256(data))
        classes, width, blocks = reader.u16(), reader.u16(), reader.u16()
        _check_shape(classes, width, blocks)
        ceilings = struct.unpack(f">{blocks}d", reader.raw(8 * blocks))
        scales = struct.unpack(f">{classes}d", reader.raw(8 * classes))
        biases = struct.unpack(f">{classes}i", reader.raw(4 * classes))
        facts = HeadFacts(consortium, model, width, ceilings, scales, biases)
        _check_numbers(facts)
        points = decode_points(bytes(reader.rest(2 * POINT_BYTES * classes * width)), 2 * classes * width)
        return cls(facts, key, data, _rows(points, width))

    def evaluate(self, features: bytes, rho: Sequence[int]) -> tuple[tuple[Point, Point], ...]:
        """Return (U_c, V_c) for each class.

        Args:
            features: d values of 0..127.
            rho: For each class, a random scalar.

        Raises:
            CiphertextInvalid: the features do not fit the head, or a sum is the identity.
        """
        if len(features) != self.facts.width or max(features) > LARGEST_WEIGHT or len(rho) != self.facts.classes:
            raise CiphertextInvalid("its features do not fit the encrypted head")
        sums = tuple(
            (
                add(first.total(features), base_mult(each)),
                add(second.total(features), mult(each, self.key.point)),
            )
            for (first, second), each in zip(self.rows, rho, strict=True)
        )
        if any(first == IDENTITY for first, _ in sums):
            raise CiphertextInvalid("a sum is the identity")
        return sums


@dataclass(frozen=True)
class HeadQuestion:
    """One question to an encrypted head."""

    head: Digest
    request: int
    """The request that bought the answers."""
    count: int
    """Which answer of it this is, from 1."""
    features: bytes = field(repr=False)
    rho: tuple[int, ...] = field(repr=False)

    @classmethod
    def draw(cls, head: EncryptedHead, request: int, count: int, features: bytes) -> Self:
        """Return a question with fresh randomness."""
        return cls(head.digest, request, count, features, tuple(random_scalar() for _ in head.facts.scales))

    def to_bytes(self) -> bytes:
        writer = Writer("headask").raw(self.head, DIGEST_BYTES).u64(self.request).u32(self.count)
        return writer.bytes() + self.features + b"".join(map(scalar_bytes, self.rho))

    @classmethod
    def from_bytes(cls, data: bytes, head: EncryptedHead) -> Self:
        """Parse a question to `head`.

        Raises:
            EncodingError: it has another layout.
            InvalidScalar: a random scalar is 0 or not below n.
            HeadUnknown: it is to another head.
        """
        reader = Reader(data, _QUESTION)
        if reader.raw(len(_ASK)) != _ASK:
            raise EncodingError(_QUESTION, "it does not begin like one")
        digest, request, count = Digest(reader.raw(DIGEST_BYTES)), reader.u64(), reader.u32()
        if digest != head.digest:
            raise HeadUnknown(digest)
        features = reader.raw(head.facts.width)
        rho = tuple(parse_key(reader.raw(SCALAR_BYTES)) for _ in head.facts.scales)
        reader.end()
        return cls(digest, request, count, features, rho)

    def context(self, index: int) -> bytes:
        """Return the context of the proof of party `index`."""
        return _PART + sha256(self.to_bytes()) + index.to_bytes(2, "big")


def head_of(question: bytes) -> tuple[Digest, int]:
    """Return the head and the request that a question names, before its head is read; or raise EncodingError."""
    reader = Reader(question, _QUESTION)
    if len(question) > ASK_CAP or reader.raw(len(_ASK)) != _ASK:
        raise EncodingError(_QUESTION, "it does not begin like one")
    return Digest(reader.raw(DIGEST_BYTES)), reader.u64()


def encrypt(facts: HeadFacts, weights: Sequence[Sequence[int]], key: ThresholdKey, seed: bytes) -> EncryptedHead:
    """Encrypt a head; the same arguments give the same bytes, so who knows the seed can check a head.

    Args:
        facts: What is public.
        weights: For each class, d numbers of -127..127.
        key: Y.
        seed: 32 secret random bytes, of one head only.

    Raises:
        EncodingError: the facts or weights have a wrong shape or range.
    """
    _check_shape(facts.classes, facts.width, len(facts.ceilings))
    _check_numbers(facts)
    shapes_fit = len(weights) == facts.classes and all(len(row) == facts.width for row in weights)
    if not shapes_fit or len(seed) != SEED_BYTES or any(abs(each) > LARGEST_WEIGHT for row in weights for each in row):
        raise EncodingError(_WHAT, "its weights are not -127 to 127, or too many or few")
    front = _front(facts, key)
    tag = _LABEL + sha256(front)
    points: list[Point] = []
    for c, row in enumerate(weights):
        for j, weight in enumerate(row):
            r = hash_to_scalar(seed + c.to_bytes(2, "big") + j.to_bytes(2, "big"), tag)
            points += (base_mult(r), add(base_mult(weight), mult(r, key.point)))
    data = front + b"".join(map(encode_point, points))
    return EncryptedHead(facts, key, data, _rows(points, facts.width))


def answer_part(head: EncryptedHead, question: HeadQuestion, share: Share) -> bytes:
    """Return a trustee's part of the answer, after it computed the sums itself.

    Raises:
        CiphertextInvalid: as `EncryptedHead.evaluate`.
    """
    inputs = tuple(first for first, _ in head.evaluate(question.features, question.rho))
    outputs = tuple(mult(share.value, each) for each in inputs)
    statement = Statement(GENERATOR, base_mult(share.value), inputs, outputs)
    return b"".join(map(encode_point, outputs)) + prove(share.value, statement, question.context(share.index))


@dataclass(frozen=True)
class HeadAnswer:
    """The integers that the plain int8 head gives, and the trustees whose parts were wrong."""

    sums: tuple[int, ...]
    wrong: tuple[Address, ...]


def combine(
    head: EncryptedHead,
    question: HeadQuestion,
    parts: Mapping[Address, bytes],
    committee: CommitteePublicKey,
    logarithms: Logarithms,
) -> HeadAnswer:
    """Check the parts of the answer, open it with t right ones, and name the wrong ones.

    Raises:
        CiphertextInvalid: as `EncryptedHead.evaluate`.
        QuorumNotReached: fewer than t are right.
        AnswerOutOfRange: a sum is none that a head can give.
    """
    sums = head.evaluate(question.features, question.rho)
    inputs = tuple(first for first, _ in sums)
    right: dict[int, tuple[Point, ...]] = {}
    wrong: list[Address] = []
    for trustee, part in parts.items():
        try:
            right[committee.index_of(trustee)] = _verify(part, trustee, question, inputs, committee)
        except (NotInCommittee, PartialInvalid):
            wrong.append(trustee)
    if len(right) < committee.threshold:
        raise QuorumNotReached(len(right), committee.threshold)
    indices = sorted(right)[: committee.threshold]
    factors, limit = lagrange(indices), head.facts.limit
    integers = []
    for c, (_, hidden) in enumerate(sums):
        shared = multi_mult(factors, [right[index][c] for index in indices])
        integers.append(logarithms.find(add(hidden, negate(shared)), limit) + head.facts.biases[c])
    return HeadAnswer(tuple(integers), tuple(wrong))


def _verify(
    part: bytes, trustee: Address, question: HeadQuestion, inputs: tuple[Point, ...], committee: CommitteePublicKey
) -> tuple[Point, ...]:
    """Return the points of a part, or raise PartialInvalid or NotInCommittee."""
    index, length = committee.index_of(trustee), POINT_BYTES * len(inputs)
    if len(part) != length + PROOF_BYTES:
        raise PartialInvalid(trustee)
    try:
        outputs = decode_points(part[:length], len(inputs))
        statement = Statement(GENERATOR, committee.share_of(trustee), inputs, outputs)
        verify_proof(part[length:], statement, question.context(index))
    except (InvalidPoint, ProofInvalid) as error:
        raise PartialInvalid(trustee) from error
    return outputs


def _front(facts: HeadFacts, key: ThresholdKey) -> bytes:
    writer = Writer("enchead").raw(facts.consortium, DIGEST_BYTES).raw(facts.model, DIGEST_BYTES)
    writer.raw(key.key_id, KEY_ID_BYTES).u16(facts.classes).u16(facts.width).u16(len(facts.ceilings))
    numbers = struct.pack(f">{len(facts.ceilings)}d", *facts.ceilings) + struct.pack(
        f">{facts.classes}d", *facts.scales
    )
    return writer.bytes() + numbers + struct.pack(f">{facts.classes}i", *facts.biases)


def _check_shape(classes: int, width: int, blocks: int) -> None:
    fits = 1 <= classes <= MAX_CLASSES and 1 <= width <= MAX_WIDTH and classes * width <= MAX_POINTS
    if not fits or not 1 <= blocks <= MAX_BLOCKS or width % blocks:
        raise EncodingError(_WHAT, f"it has {classes} classes, {width} features and {blocks} blocks")


def _check_numbers(facts: HeadFacts) -> None:
    numbers = (*facts.ceilings, *facts.scales)
    biases_fit = len(facts.biases) == facts.classes and all(-(1 << 31) <= each < 1 << 31 for each in facts.biases)
    if not biases_fit or not all(0 < each < float("inf") for each in numbers):
        raise EncodingError(_WHAT, "a ceiling, scale or bias is not a number that it can have")


def _rows(points: Sequence[Point], width: int) -> tuple[tuple[WeightedPoints, WeightedPoints], ...]:
    step = 2 * width
    rows = (points[start : start + step] for start in range(0, len(points), step))
    return tuple((WeightedPoints(row[::2]), WeightedPoints(row[1::2])) for row in rows)
