"""A dealer's two shares on their way to one hospital: sealed, opened, and opened again by anyone after a complaint.

Invariant: a complaint opens one sealed pair of shares and nothing else: it publishes the key agreement of that pair,
not the complainant's key.

Layout (big-endian):
    info      = "BAFL/1/share" ‖ ctx[32] ‖ dealer[20] ‖ receiver[20]
    plaintext = f(j)[32] ‖ g(j)[32]
    sealed    = enc[65] ‖ ciphertext[64] ‖ tag[16]               HPKE base mode, to E of the receiver
    complaint = dh[33] ‖ proof[64]                               dh = e·enc; 97 zero bytes when enc is no point
    proof     = DLEQ(G, E; enc, dh) with `info` as context string

Source: PROTOCOL.md 5, phases 2 and 2b; RFC 9180, 4.1 (DHKEM(P-256, HKDF-SHA256)), 5.1 (key schedule, mode_base),
5.2 (AES-256-GCM, sequence number 0); RFC 9497, 2.2.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from fl.crypto.curve import (
    GENERATOR,
    POINT_BYTES,
    SCALAR_BYTES,
    UNCOMPRESSED_BYTES,
    Point,
    encode_uncompressed,
)
from fl.crypto.dleq import PROOF_BYTES, Statement, prove
from fl.crypto.dleq import verify as verify_proof
from fl.crypto.group import base_mult, decode_point, decode_uncompressed, encode_point, mult, parse_scalar, scalar_bytes
from fl.crypto.keys import load_point
from fl.crypto.roundkeys import Participant, RoundKeys
from fl.crypto.sharing import Share, verify
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

PAIR_BYTES = 2 * SCALAR_BYTES
SEALED_BYTES = UNCOMPRESSED_BYTES + PAIR_BYTES + 16
COMPLAINT_BYTES = POINT_BYTES + PROOF_BYTES
_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_KEM_ID = b"KEM" + (0x0010).to_bytes(2, "big")
_HPKE_ID = b"HPKE" + b"".join(number.to_bytes(2, "big") for number in (0x0010, 0x0001, 0x0002))
_KEY_BYTES = 32
_NONCE_BYTES = 12


@dataclass(frozen=True)
class Parcel:
    """Who sent what to whom in which round: all that opening and judging need beside a key."""

    context: bytes
    """ctx of the round, 32 bytes."""
    dealer: Participant
    receiver: Participant
    sealed: bytes = field(default=b"", repr=False)

    @property
    def info(self) -> bytes:
        """Return what the sealed shares and a complaint about them are bound to."""
        writer = Writer("share").raw(self.context, 32)
        return writer.raw(self.dealer.account, 20).raw(self.receiver.account, 20).bytes()


@dataclass(frozen=True)
class SharePair:
    """The receiver's shares of both secrets of a dealer."""

    pairwise: Share
    """f(j)."""
    own: Share
    """g(j)."""


def seal_shares(keys: RoundKeys, parcel: Parcel) -> bytes:
    """Return the sealed shares of the dealer's `keys` for the parcel's receiver, 145 bytes."""
    pair = _pair_bytes(keys, parcel.receiver.index)
    return _SUITE.encrypt(pair, load_point(encode_uncompressed(parcel.receiver.transport_key)), parcel.info)


def own_shares(keys: RoundKeys, index: int) -> SharePair:
    """Return the shares that a hospital keeps of its own secrets."""
    return SharePair(keys.pairwise.share(index), keys.own.share(index))


def open_shares(parcel: Parcel, transport: int) -> SharePair:
    """Open and verify what a dealer sent; any error is ground for a complaint.

    Raises:
        EncodingError: not 145 bytes.
        AuthFailure: it was not sealed to this hospital's transport key in this round.
        InvalidScalar: a share is not below n.
        ShareInvalid: a share does not fit the dealer's commitments.
    """
    _check_size(parcel.sealed)
    try:
        pair = _SUITE.decrypt(parcel.sealed, ec.derive_private_key(transport, ec.SECP256R1()), parcel.info)
    except (InvalidTag, ValueError) as error:
        raise AuthFailure("sealed share") from error
    return _parse_pair(pair, parcel)


def complain(parcel: Parcel, transport: int) -> bytes:
    """Return the 97-byte complaint of the receiver, who holds the transport key e."""
    try:
        _check_size(parcel.sealed)
        enc = decode_uncompressed(parcel.sealed[:UNCOMPRESSED_BYTES])
    except (EncodingError, InvalidPoint):
        return bytes(COMPLAINT_BYTES)
    agreed = mult(transport, enc)
    statement = Statement(GENERATOR, base_mult(transport), (enc,), (agreed,))
    return encode_point(agreed) + prove(transport, statement, parcel.info)


def uphold(complaint: bytes, parcel: Parcel) -> None:
    """Judge a complaint from public values alone: return when the dealer is at fault.

    Raises:
        FalseComplaint: naming the receiver; the complaint's proof does not verify, or the shares are in order.
    """
    receiver = parcel.receiver
    try:
        _check_size(parcel.sealed)
        enc = decode_uncompressed(parcel.sealed[:UNCOMPRESSED_BYTES])
    except (EncodingError, InvalidPoint):
        return
    try:
        agreed = decode_point(complaint[:POINT_BYTES])
        statement = Statement(GENERATOR, receiver.transport_key, (enc,), (agreed,))
        verify_proof(complaint[POINT_BYTES:], statement, parcel.info)
    except (InvalidPoint, ProofInvalid) as error:
        raise FalseComplaint(receiver.account) from error
    try:
        reopen(parcel, agreed)
    except (AuthFailure, InvalidScalar, ShareInvalid):
        return
    raise FalseComplaint(receiver.account)


def reopen(parcel: Parcel, agreed: Point) -> SharePair:
    """Open a parcel with dh = e·enc in place of the receiver's key; raises as `open_shares` does."""
    _check_size(parcel.sealed)
    enc, ciphertext = parcel.sealed[:UNCOMPRESSED_BYTES], parcel.sealed[UNCOMPRESSED_BYTES:]
    dh = agreed.x.to_bytes(SCALAR_BYTES, "big")
    key, nonce = _schedule(dh, enc + encode_uncompressed(parcel.receiver.transport_key), parcel.info)
    try:
        pair = AESGCM(key).decrypt(nonce, ciphertext, None)
    except InvalidTag as error:
        raise AuthFailure("sealed share") from error
    return _parse_pair(pair, parcel)


def bundle_to_bytes(sealed: Sequence[bytes]) -> bytes:
    """Return count:u16 ‖ count·sealed[145]: all of a dealer's parcels, receivers ascending."""
    writer = Writer().u16(len(sealed))
    for each in sealed:
        writer.raw(each, SEALED_BYTES)
    return writer.bytes()


def bundle_from_bytes(data: bytes, count: int) -> tuple[bytes, ...]:
    """Parse a bundle of exactly `count` parcels, or raise EncodingError."""
    reader = Reader(data, "bundle of shares")
    found = reader.u16()
    if found != count:
        raise EncodingError("bundle of shares", f"it has {found} shares, {count} were expected")
    sealed = tuple(reader.raw(SEALED_BYTES) for _ in range(count))
    reader.end()
    return sealed


def _check_size(sealed: bytes) -> None:
    if len(sealed) != SEALED_BYTES:
        raise EncodingError("sealed share", f"it has {len(sealed)} bytes, not {SEALED_BYTES}")


def _pair_bytes(keys: RoundKeys, index: int) -> bytes:
    pair = own_shares(keys, index)
    return scalar_bytes(pair.pairwise.value) + scalar_bytes(pair.own.value)


def _parse_pair(pair: bytes, parcel: Parcel) -> SharePair:
    index, dealer = parcel.receiver.index, parcel.dealer
    first, second = (Share(index, parse_scalar(half)) for half in (pair[:SCALAR_BYTES], pair[SCALAR_BYTES:]))
    verify(first, dealer.pairwise)
    verify(second, dealer.own)
    return SharePair(first, second)


def _schedule(dh: bytes, kem_context: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Return (key, base_nonce) of RFC 9180's base mode from the raw key agreement."""
    agreed = _extract(_KEM_ID, b"", b"eae_prk", dh)
    shared = _expand(_KEM_ID, agreed, b"shared_secret" + kem_context, _KEY_BYTES)
    context = b"\x00" + _extract(_HPKE_ID, b"", b"psk_id_hash", b"") + _extract(_HPKE_ID, b"", b"info_hash", info)
    secret = _extract(_HPKE_ID, shared, b"secret", b"")
    return (
        _expand(_HPKE_ID, secret, b"key" + context, _KEY_BYTES),
        _expand(_HPKE_ID, secret, b"base_nonce" + context, _NONCE_BYTES),
    )


def _extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    """LabeledExtract."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")


def _expand(suite: bytes, secret: bytes, labelled: bytes, length: int) -> bytes:
    """LabeledExpand; `labelled` is label ‖ info."""
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + labelled
    return HKDFExpand(hashes.SHA256(), length, info).derive(secret)
