"""Seals a dealer's shares to one receiver; the receiver opens them, and after a complaint anyone can.

Invariant: a complaint opens only one dealer's shares for one receiver: it publishes their key agreement, not the
complainant's key.

Layout (big-endian), for s shares:
    plaintext = share[32]·s
    sealed    = enc[65] ‖ known[65] ‖ ciphertext[32·s] ‖ tag[16]   HPKE base mode to the receiver's key; `known` is a
                proof of knowledge of enc's secret, tag `info`
    complaint = dh[33] ‖ proof[64]             dh = e·enc; 97 zero bytes when enc or `known` is invalid
    proof     = DLEQ(G, E; enc, dh) with `info` as context string

Why `known`: dh opens everything that was sealed under the same enc. Without `known`, a dealer could copy enc, or a
multiple of it, from another dealer's file; the honest receiver's complaint would then open that file for everybody.

Source: PROTOCOL.md 5, phases 2 and 2b, and 9; RFC 9180, 4.1 (DHKEM(P-256, HKDF-SHA256)), 5.1 (key schedule,
mode_base), 5.2 (AES-256-GCM, sequence number 0); RFC 9497, 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fl.crypto import schnorr_proof as knowledge
from fl.crypto.curve import GENERATOR, POINT_BYTES, SCALAR_BYTES, UNCOMPRESSED_BYTES, Point, encode_uncompressed
from fl.crypto.dleq import PROOF_BYTES, Statement, prove
from fl.crypto.dleq import verify as verify_proof
from fl.crypto.group import (
    base_mult,
    decode_point,
    decode_uncompressed,
    encode_point,
    mult,
    parse_scalar,
    random_scalar,
    scalar_bytes,
    shared_x,
)
from fl.crypto.hpke_schedule import KEY_BYTES, base_schedule, expand, extract, suite_id
from fl.crypto.schnorr_proof import KNOWLEDGE_BYTES
from fl.crypto.sharing import Commitments, Share, verify
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import (
    AuthFailure,
    EncodingError,
    FalseComplaint,
    InvalidPoint,
    InvalidScalar,
    ProofInvalid,
    ShareInvalid,
)
from fl.protocol.names import Address

COMPLAINT_BYTES = POINT_BYTES + PROOF_BYTES
_CIPHERTEXT_AT = UNCOMPRESSED_BYTES + KNOWLEDGE_BYTES
_TAG_BYTES = 16
_COUNT_BYTES = 2
_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_KEM_ID = b"KEM" + (0x0010).to_bytes(2, "big")
_HPKE_ID = suite_id(0x0010)


@dataclass(frozen=True)
class SealedShares:
    """A dealer's shares for one receiver, with all facts that opening and judging them need, except a key."""

    info: bytes
    """The bytes to which the sealed shares, and a complaint about them, are bound."""
    receiver: Address
    key: Point
    """E, the receiver's public key."""
    index: int
    """The receiver's party j."""
    vectors: tuple[Commitments, ...]
    """The dealer's commitments, one vector for each share; without points before it dealt."""
    sealed: bytes = field(default=b"", repr=False)

    @property
    def size(self) -> int:
        """Return the size that the sealed shares must have, in bytes."""
        return sealed_bytes(len(self.vectors))

    @property
    def enc(self) -> Point:
        """Return the dealer's point of the key agreement.

        Raises:
            EncodingError: another size.
            InvalidPoint: it is not a point.
            ProofInvalid: the dealer does not prove that it made the point.
        """
        self.check_size()
        enc = decode_uncompressed(self.sealed[:UNCOMPRESSED_BYTES])
        knowledge.verify(self.sealed[UNCOMPRESSED_BYTES:_CIPHERTEXT_AT], enc, b"", self.info)
        return enc

    @property
    def ciphertext(self) -> bytes:
        return self.sealed[_CIPHERTEXT_AT:]

    def check_size(self) -> None:
        """Raise EncodingError for another size."""
        if len(self.sealed) != self.size:
            raise EncodingError("sealed share", f"it has {len(self.sealed)} bytes, not {self.size}")

    def parse(self, plaintext: bytes) -> tuple[Share, ...]:
        """Return the shares, or raise InvalidScalar or ShareInvalid."""
        parts = [plaintext[at : at + SCALAR_BYTES] for at in range(0, len(plaintext), SCALAR_BYTES)]
        shares = tuple(Share(self.index, parse_scalar(part)) for part in parts)
        for share, vector in zip(shares, self.vectors, strict=True):
            verify(share, vector)
        return shares


def sealed_bytes(shares: int) -> int:
    """Return the size of sealed shares, in bytes."""
    return _CIPHERTEXT_AT + SCALAR_BYTES * shares + _TAG_BYTES


def seal(target: SealedShares, shares: Sequence[Share]) -> bytes:
    """Return the shares sealed to the receiver of `target`; `target.sealed` does not matter."""
    plaintext = b"".join(scalar_bytes(share.value) for share in shares)
    secret = random_scalar()
    enc = encode_uncompressed(base_mult(secret))
    key, nonce = _schedule(shared_x(secret, target.key), enc + encode_uncompressed(target.key), target.info)
    return enc + knowledge.prove(secret, b"", target.info) + AESGCM(key).encrypt(nonce, plaintext, None)


def unseal(target: SealedShares, secret: int) -> tuple[Share, ...]:
    """Open and verify a dealer's shares with the receiver's key; any error is a reason to complain.

    Raises:
        EncodingError: another size.
        InvalidPoint, ProofInvalid: enc is not a point, or the dealer does not prove that it made it.
        AuthFailure: the shares were not sealed to this key under this `info`.
        InvalidScalar: a share is not below n.
        ShareInvalid: a share does not fit the dealer's commitments.
    """
    enc = encode_uncompressed(target.enc)
    try:
        key = ec.derive_private_key(secret, ec.SECP256R1())
        plaintext = _SUITE.decrypt(enc + target.ciphertext, key, target.info)
    except (InvalidTag, ValueError) as error:
        raise AuthFailure("sealed share") from error
    return target.parse(plaintext)


def complain(target: SealedShares, secret: int) -> bytes:
    """Return the 97-byte complaint of the receiver, who holds the key e."""
    try:
        enc = target.enc
    except (EncodingError, InvalidPoint, ProofInvalid):
        return bytes(COMPLAINT_BYTES)
    agreed = mult(secret, enc)
    statement = Statement(GENERATOR, base_mult(secret), (enc,), (agreed,))
    return encode_point(agreed) + prove(secret, statement, target.info)


def uphold(complaint: bytes, target: SealedShares) -> None:
    """Judge a complaint from public values: return when the dealer is at fault.

    Raises:
        FalseComplaint: the complaint's proof does not verify, or the shares are right. The receiver is at fault.
    """
    try:
        enc = target.enc
    except (EncodingError, InvalidPoint, ProofInvalid):
        return
    try:
        agreed = decode_point(complaint[:POINT_BYTES])
        statement = Statement(GENERATOR, target.key, (enc,), (agreed,))
        verify_proof(complaint[POINT_BYTES:], statement, target.info)
    except (InvalidPoint, ProofInvalid) as error:
        raise FalseComplaint(target.receiver) from error
    try:
        reopen(target, agreed)
    except (AuthFailure, InvalidScalar, ShareInvalid):
        return
    raise FalseComplaint(target.receiver)


def reopen(target: SealedShares, agreed: Point) -> tuple[Share, ...]:
    """Open sealed shares with dh = e·enc in place of the receiver's key; raises as `unseal` does."""
    target.check_size()
    dh = agreed.x.to_bytes(SCALAR_BYTES, "big")
    key, nonce = _schedule(dh, target.sealed[:UNCOMPRESSED_BYTES] + encode_uncompressed(target.key), target.info)
    try:
        plaintext = AESGCM(key).decrypt(nonce, target.ciphertext, None)
    except InvalidTag as error:
        raise AuthFailure("sealed share") from error
    return target.parse(plaintext)


def bundle_to_bytes(sealed: Sequence[bytes], size: int) -> bytes:
    """Return count:u16 ‖ count·sealed[size]: all shares that a dealer sends, receivers ascending."""
    writer = Writer().u16(len(sealed))
    for each in sealed:
        writer.raw(each, size)
    return writer.bytes()


def bundle_from_bytes(data: bytes, count: int, size: int) -> tuple[bytes, ...]:
    """Parse a bundle of exactly `count` entries of `size` bytes, or raise EncodingError."""
    check_bundle(data, count, size)
    return tuple(data[at : at + size] for at in range(_COUNT_BYTES, len(data), size))


def entry_of_bundle(data: bytes, place: tuple[int, int], size: int) -> bytes:
    """Return one entry of a bundle; `place` is its place from 0, and how many entries there must be.

    Raises:
        EncodingError: the bundle has another layout.
    """
    at, count = place
    check_bundle(data, count, size)
    return data[_COUNT_BYTES + at * size : _COUNT_BYTES + (at + 1) * size]


def check_bundle(data: bytes, count: int, size: int) -> None:
    """Raise EncodingError unless a bundle has exactly `count` entries of `size` bytes."""
    reader = Reader(data, "bundle of shares")
    actual = reader.u16()
    if actual != count:
        raise EncodingError("bundle of shares", f"it has {actual} shares, {count} were expected")
    if len(data) < _COUNT_BYTES + count * size:
        raise EncodingError("bundle of shares", "it ends too early")
    reader.rest(count * size)


def _schedule(dh: bytes, kem_context: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Return (key, base_nonce) of RFC 9180's base mode from the raw key agreement."""
    agreed = extract(_KEM_ID, b"", b"eae_prk", dh)
    shared = expand(_KEM_ID, agreed, b"shared_secret" + kem_context, KEY_BYTES)
    return base_schedule(_HPKE_ID, shared, info)
