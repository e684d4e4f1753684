"""What the two partners of a mask say about its sketch: salted tags for all, the sketches for auditors, and openings.

Invariant: a tag says nothing to somebody who does not know the seed of the mask. An opening shows one mask, of the
opener and its partner, and nothing else of either.

Layout (big-endian, sketches little-endian):
    seed    = H("BAFL/1/sketch" ‖ ctx2[32] ‖ set digest[32] ‖ hash of the block of RoundFrozen[32])
    salt    = HKDF(seed_ij, salt ctx2, info "BAFL/1/sketchsalt" ‖ set digest[32])[32]
    tag     = H("BAFL/1/sketchtag" ‖ low[20] ‖ high[20] ‖ salt[32] ‖ A(PRG(seed_ij)))
    body    = n:u16 ‖ (account[20] ‖ salt[32] ‖ sketch)*               of the sealed file, ascending
    tags    = n:u16 ‖ (account[20] ‖ tag[32])* ‖ H(sealed file)[32]    at the end of the unmasking answer, ascending
    opening = "BAFL/1/sketchopen" ‖ ctx2[32] ‖ opener[20] ‖ partner[20] ‖ dh[33] ‖ proof[64]
    proof   = RFC 9497 DLEQ(G, S_opener; S_partner, dh), context "BAFL/1/sketchopen" ‖ ctx2 ‖ low ‖ high

Source: PROTOCOL.md 5C.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fl.crypto.curve import GENERATOR, POINT_BYTES
from fl.crypto.dleq import PROOF_BYTES, Statement, prove, verify
from fl.crypto.group import decode_point, encode_point, mult
from fl.crypto.mask_sketch import SketchMap, sketch_to_bytes
from fl.crypto.round_keys import Participant, seed_of_pair
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import EncodingError, SetMismatch
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, LABEL_PREFIX, Address, Digest

TAG_BYTES = 32
SALT_BYTES = 32
_OPEN, _SALT = "sketchopen", b"sketchsalt"
OPENING_BYTES = len(LABEL_PREFIX) + len(_OPEN) + DIGEST_BYTES + 2 * ADDRESS_BYTES + POINT_BYTES + PROOF_BYTES


@dataclass(frozen=True)
class PairSketch:
    """What one partner says about the mask that it has in common with another hospital."""

    salt: bytes = field(repr=False)
    """32 bytes."""
    sketch: bytes = field(repr=False)
    """Of the mask, as little-endian words."""

    def tag(self, one: Address, other: Address) -> bytes:
        """Return the pair's tag, 32 bytes; the order of the two does not matter."""
        low, high = sorted((one, other))
        writer = Writer("sketchtag").raw(low, ADDRESS_BYTES).raw(high, ADDRESS_BYTES).raw(self.salt, SALT_BYTES)
        return writer.raw(self.sketch, len(self.sketch)).digest()


def map_seed(context: bytes, set_digest: Digest, freeze_block: bytes) -> Digest:
    """Return the seed of a round's map; `context` is ctx2, and nobody knew the hash of the block before."""
    return Writer("sketch").raw(context, 32).raw(set_digest, 32).raw(freeze_block, 32).digest()


def pair_sketches(seeds: Sequence[bytes], mapping: SketchMap, context: bytes, set_digest: Digest) -> list[PairSketch]:
    """Return the true sketches of several masks from their seeds, 32 bytes each."""
    return [
        PairSketch(_salt(seed, context, set_digest), sketch_to_bytes(sketch))
        for seed, sketch in zip(seeds, mapping.of(seeds), strict=True)
    ]


def body_of(pairs: Mapping[Address, PairSketch]) -> bytes:
    """Return the content of a hospital's sealed file."""
    writer = Writer().u16(len(pairs))
    for who in sorted(pairs):
        writer.raw(who, ADDRESS_BYTES).raw(pairs[who].salt, SALT_BYTES).raw(pairs[who].sketch, len(pairs[who].sketch))
    return writer.bytes()


def body_bytes(partners: int, sketch_bytes: int) -> int:
    """Return the size of that content."""
    return 2 + partners * (ADDRESS_BYTES + SALT_BYTES + sketch_bytes)


def parse_body(data: bytes, partners: Sequence[Address], sketch_bytes: int) -> dict[Address, PairSketch]:
    """Return the sketches in a hospital's file; `partners` ascend. Raises EncodingError for another layout."""
    reader, pairs = Reader(data, "sketches of masks"), dict[Address, PairSketch]()
    if reader.u16() != len(partners):
        raise EncodingError("sketches of masks", "there is not one for each partner")
    for who in partners:
        if reader.raw(ADDRESS_BYTES) != who:
            raise EncodingError("sketches of masks", "an entry names the wrong partner")
        pairs[who] = PairSketch(reader.raw(SALT_BYTES), reader.raw(sketch_bytes))
    reader.end()
    return pairs


@dataclass(frozen=True)
class Tags:
    """What every reader of an unmasking answer sees about the sketches of its sender."""

    of: Mapping[Address, bytes]
    """Partner -> tag."""
    file: Digest
    """Of the sealed file with the sketches."""

    def to_bytes(self) -> bytes:
        writer = Writer().u16(len(self.of))
        for who in sorted(self.of):
            writer.raw(who, ADDRESS_BYTES).raw(self.of[who], TAG_BYTES)
        return writer.raw(self.file, DIGEST_BYTES).bytes()

    @classmethod
    def split(cls, answer: bytes, partners: Sequence[Address]) -> tuple[bytes, Self]:
        """Return the shares of an answer, and the tags at its end; `partners` ascend.

        Raises:
            EncodingError: another layout.
        """
        start = len(answer) - tags_bytes(len(partners))
        reader, tags = Reader(answer[max(start, 0) :], "tags of sketches"), dict[Address, bytes]()
        if start < 0 or reader.u16() != len(partners):
            raise EncodingError("tags of sketches", "there is not one for each partner")
        for who in partners:
            if reader.raw(ADDRESS_BYTES) != who:
                raise EncodingError("tags of sketches", "an entry names the wrong partner")
            tags[who] = reader.raw(TAG_BYTES)
        return answer[:start], cls(tags, Digest(reader.raw(DIGEST_BYTES)))


def tags_bytes(partners: int) -> int:
    """Return the size of the tags of an answer."""
    return 2 + partners * (ADDRESS_BYTES + TAG_BYTES) + DIGEST_BYTES


@dataclass(frozen=True)
class Opened:
    """A mask that one of its partners showed to everybody."""

    opener: Address
    partner: Address
    seed: bytes = field(repr=False)

    @property
    def pair(self) -> frozenset[Address]:
        return frozenset((self.opener, self.partner))


def open_pair(secret: int, opener: Participant, partner: Participant, context: Digest) -> bytes:
    """Return the opening of one mask, from s of the opener; `context` is ctx2."""
    shared = mult(secret, partner.mask_key)
    statement = Statement(GENERATOR, opener.mask_key, (partner.mask_key,), (shared,))
    proof = prove(secret, statement, _proof_context(opener.account, partner.account, context))
    writer = Writer(_OPEN).raw(context, DIGEST_BYTES)
    writer.raw(opener.account, ADDRESS_BYTES).raw(partner.account, ADDRESS_BYTES)
    return writer.raw(encode_point(shared), POINT_BYTES).raw(proof, PROOF_BYTES).bytes()


def read_opening(data: bytes, known: Mapping[Address, Participant], context: Digest) -> Opened:
    """Check an opening, and return the mask's seed.

    Raises:
        EncodingError: another layout, or another round's.
        SetMismatch: it names somebody outside the frozen set.
        InvalidPoint: dh is no point.
        ProofInvalid: dh is not the point that the two have in common.
    """
    reader, label = Reader(data, "opening of a mask"), LABEL_PREFIX + _OPEN.encode("ascii")
    if reader.raw(len(label)) != label or reader.raw(DIGEST_BYTES) != context:
        raise EncodingError("opening of a mask", "it does not belong to this round")
    opener, partner = Address(reader.raw(ADDRESS_BYTES)), Address(reader.raw(ADDRESS_BYTES))
    shared, proof = decode_point(reader.raw(POINT_BYTES)), reader.raw(PROOF_BYTES)
    reader.end()
    for who in (opener, partner):
        if who not in known or opener == partner:
            raise SetMismatch(who)
    one, other = known[opener], known[partner]
    statement = Statement(GENERATOR, one.mask_key, (other.mask_key,), (shared,))
    verify(proof, statement, _proof_context(opener, partner, context))
    return Opened(opener, partner, seed_of_pair(shared.x.to_bytes(32, "big"), one, other, context))


def _salt(seed: bytes, context: bytes, set_digest: Digest) -> bytes:
    return HKDF(hashes.SHA256(), SALT_BYTES, context, LABEL_PREFIX + _SALT + set_digest).derive(seed)


def _proof_context(one: Address, other: Address, context: Digest) -> bytes:
    low, high = sorted((one, other))
    writer = Writer(_OPEN).raw(context, DIGEST_BYTES)
    return writer.raw(low, ADDRESS_BYTES).raw(high, ADDRESS_BYTES).bytes()
