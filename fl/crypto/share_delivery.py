"""A dealer's two shares on their way to one hospital of a masked round.

Invariant: a complaint opens one sealed pair of shares and nothing else (share_encryption.py).

Layout (big-endian):
    info      = "BAFL/1/share" ‖ ctx[32] ‖ dealer[20] ‖ receiver[20]
    plaintext = f(j)[32] ‖ g(j)[32]
    sealed    = enc[65] ‖ known[65] ‖ ciphertext[64] ‖ tag[16]   HPKE base mode, to E of the receiver

Source: PROTOCOL.md 5, phases 2 and 2b.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fl.crypto import share_encryption as sealing
from fl.crypto.curve import Point
from fl.crypto.round_keys import Participant, RoundKeys
from fl.crypto.share_encryption import SealedShares, sealed_bytes
from fl.crypto.sharing import Share
from fl.protocol.codec import Writer

COMPLAINT_BYTES = sealing.COMPLAINT_BYTES
SEALED_BYTES = sealed_bytes(2)


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

    @property
    def shares(self) -> SealedShares:
        vectors, whom = (self.dealer.pairwise, self.dealer.own), self.receiver
        return SealedShares(self.info, whom.account, whom.transport_key, whom.index, vectors, self.sealed)


@dataclass(frozen=True)
class SharePair:
    """The receiver's shares of both secrets of a dealer."""

    pairwise: Share
    """f(j)."""
    own: Share
    """g(j)."""


def seal_shares(keys: RoundKeys, parcel: Parcel) -> bytes:
    """Return the sealed shares of the dealer's `keys` for the parcel's receiver, 210 bytes."""
    pair = own_shares(keys, parcel.receiver.index)
    return sealing.seal(parcel.shares, (pair.pairwise, pair.own))


def own_shares(keys: RoundKeys, index: int) -> SharePair:
    """Return the shares that a hospital keeps of its own secrets."""
    return SharePair(keys.pairwise.share(index), keys.own.share(index))


def open_shares(parcel: Parcel, transport: int) -> SharePair:
    """Open and verify what a dealer sent; any error is ground for a complaint.

    Raises:
        EncodingError: not 210 bytes.
        InvalidPoint, ProofInvalid: the dealer did not make the key agreement itself.
        AuthFailure: it was not sealed to this hospital's transport key in this round.
        InvalidScalar: a share is not below n.
        ShareInvalid: a share does not fit the dealer's commitments.
    """
    return SharePair(*sealing.unseal(parcel.shares, transport))


def complain(parcel: Parcel, transport: int) -> bytes:
    """Return the 97-byte complaint of the receiver, who holds the transport key e."""
    return sealing.complain(parcel.shares, transport)


def uphold(complaint: bytes, parcel: Parcel) -> None:
    """Judge a complaint: return when the dealer is at fault, raise FalseComplaint when the receiver is."""
    sealing.uphold(complaint, parcel.shares)


def reopen(parcel: Parcel, agreed: Point) -> SharePair:
    """Open a parcel with dh = e·enc in place of the receiver's key; raises as `open_shares` does."""
    return SharePair(*sealing.reopen(parcel.shares, agreed))


def bundle_to_bytes(sealed: Sequence[bytes]) -> bytes:
    """Return count:u16 ‖ count·sealed[210]: all of a dealer's parcels, receivers ascending."""
    return sealing.bundle_to_bytes(sealed, SEALED_BYTES)


def bundle_from_bytes(data: bytes, count: int) -> tuple[bytes, ...]:
    """Parse a bundle of exactly `count` parcels, or raise EncodingError."""
    return sealing.bundle_from_bytes(data, count, SEALED_BYTES)
