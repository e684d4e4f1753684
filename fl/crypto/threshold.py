"""Encapsulation to a threshold key Y, whose private key nobody has: TDH2 as a key encapsulation mechanism.

Invariant: only somebody who knows r can make (u, ū, π) under a label. So nobody can get another's ciphertext, or a
multiple of it, opened under a label of their own.

Layout:
    key_id     = H("BAFL/1/keyid" ‖ 257:u16 ‖ Y uncompressed[65])[:16]
    label      = H("BAFL/1/label" ‖ core[138])
    ciphertext = u[33] ‖ ū[33] ‖ π[64]      u = r·G, ū = r·Ḡ, π = DLEQ(G, u; Ḡ, ū), context "BAFL/1/tdh2" ‖ label
    K          = HKDF-SHA256(r·Y[33], salt label, info "BAFL/1/tdh2" ‖ key_id ‖ u ‖ ū), 32 bytes

Source: PROTOCOL.md 9; V. Shoup, R. Gennaro, "Securing Threshold Cryptosystems against Chosen Ciphertext Attack",
J. Cryptology 15, 2002, section 5 (TDH2); RFC 9497 2.2 (DLEQ); RFC 9380 (Ḡ); RFC 5869.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fl.crypto.curve import GENERATOR, POINT_BYTES, UNCOMPRESSED_BYTES, Point, encode_uncompressed
from fl.crypto.dleq import PROOF_BYTES, Statement, prove
from fl.crypto.dleq import verify as verify_proof
from fl.crypto.group import base_mult, decode_point, encode_point, mult, random_scalar
from fl.crypto.hashing import hash_to_curve
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import CiphertextInvalid, NotInCommittee, ProofInvalid
from fl.protocol.names import LABEL_PREFIX, Address, Digest

KEY_SUITE = 257
"""In a key's identity: a threshold key; 1 is a member's HPKE key."""
LABELLED_BYTES = 138
"""The core of an envelope."""
CIPHERTEXT_BYTES = 2 * POINT_BYTES + PROOF_BYTES
_DOMAIN = LABEL_PREFIX + b"tdh2"
_KEY_BYTES = 32


@dataclass(frozen=True)
class ThresholdKey:
    """The public key Y of a committee; a REFRESH or RESHARE does not change it."""

    point: Point

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse Y, 33 bytes, or raise InvalidPoint."""
        return cls(decode_point(data))

    def to_bytes(self) -> bytes:
        """Return Y as the ledger records it, 33 bytes."""
        return encode_point(self.point)

    @property
    def key_id(self) -> bytes:
        """Return the 16 bytes that name this key in wraps and capsules."""
        writer = Writer("keyid").u16(KEY_SUITE).raw(encode_uncompressed(self.point), UNCOMPRESSED_BYTES)
        return writer.digest()[:16]


@dataclass(frozen=True)
class CommitteePublicKey:
    """The public facts about the holders of a key's shares."""

    threshold: int
    """t: how many of them can open a ciphertext."""
    key: ThresholdKey
    accounts: tuple[Address, ...]
    """Ascending; party j, from 1, is the j-th."""
    shares: tuple[Point, ...]
    """Y_j = x_j·G, in the same order."""

    def index_of(self, account: Address) -> int:
        """Return j of a trustee, or raise NotInCommittee."""
        if account not in self.accounts:
            raise NotInCommittee(account)
        return self.accounts.index(account) + 1

    def share_of(self, account: Address) -> Point:
        """Return Y_j of a trustee, or raise NotInCommittee."""
        return self.shares[self.index_of(account) - 1]


@dataclass(frozen=True)
class Ciphertext:
    """A secret point r·Y, sealed to a threshold key under a label; `verify` checks whether it may be opened."""

    u: Point
    u_bar: Point
    proof: bytes = field(repr=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse 130 bytes, or raise EncodingError (length) or InvalidPoint."""
        reader = Reader(data, "threshold ciphertext")
        u, u_bar = (decode_point(reader.raw(POINT_BYTES)) for _ in range(2))
        proof = reader.raw(PROOF_BYTES)
        reader.end()
        return cls(u, u_bar, proof)

    def to_bytes(self) -> bytes:
        """Return u ‖ ū ‖ π."""
        return encode_point(self.u) + encode_point(self.u_bar) + self.proof

    def verify(self, label: Digest) -> None:
        """Raise CiphertextInvalid unless its maker knew r and chose `label`."""
        try:
            verify_proof(self.proof, self._statement, _DOMAIN + label)
        except ProofInvalid as error:
            raise CiphertextInvalid("its proof does not verify under its label") from error

    @property
    def _statement(self) -> Statement:
        return Statement(GENERATOR, self.u, (second_generator(),), (self.u_bar,))


@lru_cache(maxsize=1)
def second_generator() -> Point:
    """Return Ḡ, whose logarithm nobody knows."""
    return hash_to_curve(b"second generator", _DOMAIN)


def label_of(core: bytes) -> Digest:
    """Return the label of a ciphertext from its envelope's core, 138 bytes."""
    return Writer("label").raw(core, LABELLED_BYTES).digest()


def encapsulate(key: ThresholdKey, label: Digest) -> tuple[Ciphertext, bytes]:
    """Return a fresh ciphertext and its K, 32 bytes."""
    return _encapsulate_with(random_scalar(), key, label)


def encapsulate_point(key: ThresholdKey, label: Digest) -> tuple[Ciphertext, Point]:
    """Return a fresh ciphertext and its secret point r·Y."""
    r = random_scalar()
    return _ciphertext(r, label), mult(r, key.point)


def derive(key: ThresholdKey, label: Digest, ciphertext: Ciphertext, shared: Point) -> bytes:
    """Return K, 32 bytes, from the secret point r·Y, which the maker knows and t trustees can compute."""
    info = _DOMAIN + key.key_id + encode_point(ciphertext.u) + encode_point(ciphertext.u_bar)
    return HKDF(hashes.SHA256(), _KEY_BYTES, label, info).derive(encode_point(shared))


def _encapsulate_with(r: int, key: ThresholdKey, label: Digest) -> tuple[Ciphertext, bytes]:
    ciphertext = _ciphertext(r, label)
    return ciphertext, derive(key, label, ciphertext, mult(r, key.point))


def _ciphertext(r: int, label: Digest) -> Ciphertext:
    u, u_bar = base_mult(r), mult(r, second_generator())
    statement = Statement(GENERATOR, u, (second_generator(),), (u_bar,))
    return Ciphertext(u, u_bar, prove(r, statement, _DOMAIN + label))
