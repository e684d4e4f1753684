"""The two shares that a dealer sends to one hospital of a masked round.

Layout (big-endian):
    info      = "BAFL/1/share" ‖ ctx[32] ‖ dealer[20] ‖ receiver[20]
    plaintext = f(j)[32] ‖ g(j)[32]
    sealed    = enc[65] ‖ known[65] ‖ ciphertext[64] ‖ tag[16]   HPKE base mode, to E of the receiver

Source: PROTOCOL.md 5, phases 2 and 2b.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fl.crypto import share_encryption as sealing
from fl.crypto.round_keys import Participant, RoundKeys
from fl.crypto.share_encryption import SealedShares, sealed_bytes
from fl.crypto.sharing import Share
from fl.protocol.codec import Writer

SEALED_BYTES = sealed_bytes(2)


@dataclass(frozen=True)
class Parcel:
    """Shares with their round, dealer and receiver: all that opening and judging them need, except a key."""

    context: bytes
    """ctx of the round, 32 bytes."""
    dealer: Participant
    receiver: Participant
    sealed: bytes = field(default=b"", repr=False)

    @property
    def info(self) -> bytes:
        """Return the bytes that bind the sealed shares, and a complaint about them, to round, dealer and receiver."""
        writer = Writer("share").raw(self.context, 32)
        return writer.raw(self.dealer.account, 20).raw(self.receiver.account, 20).bytes()

    @property
    def shares(self) -> SealedShares:
        """Return the parcel as share_encryption.py opens and judges it."""
        vectors, receiver = (self.dealer.pairwise, self.dealer.own), self.receiver
        return SealedShares(self.info, receiver.account, receiver.transport_key, receiver.index, vectors, self.sealed)


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
    """Open and verify a dealer's shares; any error is a reason to complain.

    Raises:
        EncodingError: the parcel does not have 210 bytes.
        InvalidPoint, ProofInvalid: the dealer does not prove that it made the key agreement.
        AuthFailure: the parcel was not sealed to this hospital's transport key in this round.
        InvalidScalar: a share is not below n.
        ShareInvalid: a share does not fit the dealer's commitments.
    """
    return SharePair(*sealing.unseal(parcel.shares, transport))
