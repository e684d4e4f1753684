"""The arithmetic of a ceremony: what a dealer deals, what everybody checks, what each receiver gets.

Invariant: every public value of a committee follows from the dealings of the qualified dealers (Q) and from the
previous committee. So everybody computes the same values, and a REFRESH or RESHARE keeps Y.

Layout:
    commitments = f's coefficients·G, t points of 33 bytes; a REFRESH omits the first, which is the identity
    proof       = knowledge of the first committed coefficient, over 0^12 ‖ dealer[20], tag "BAFL/1/dkg" ‖ ctx
    info        = "BAFL/1/dkgshare" ‖ ctx[32] ‖ dealer[20] ‖ receiver[20]
    bundle      = count:u16 ‖ sealed[178]·m, one share for each receiver, ascending

Source: PROTOCOL.md 9 (Ceremonies); P. Feldman, FOCS 1987; T. Pedersen, EUROCRYPT '91 (generation); Komlo and Goldberg,
"FROST", SAC 2020, figure 1 (proof of possession); A. Herzberg et al., CRYPTO '95 (refresh); Y. Desmedt, S. Jajodia,
1997 (resharing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from fl.crypto import schnorr_proof as knowledge
from fl.crypto import share_encryption as sealing
from fl.crypto.curve import IDENTITY, ORDER, Point
from fl.crypto.group import (
    add,
    base_mult,
    decode_points,
    decode_uncompressed,
    encode_point,
    horner,
    multi_mult,
    random_scalar,
)
from fl.crypto.share_encryption import SealedShares, sealed_bytes
from fl.crypto.sharing import Commitments, Polynomial, Share, lagrange
from fl.crypto.threshold import CommitteePublicKey, ThresholdKey
from fl.protocol.codec import Writer
from fl.protocol.errors import (
    BelowThreshold,
    CommitmentMismatch,
    CommitteeMismatch,
    DealingInvalid,
    InvalidPoint,
    ProofInvalid,
)
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import LABEL_PREFIX, Address, CeremonyKind

SEALED_BYTES = sealed_bytes(1)
MAX_RECEIVERS = 32
BUNDLE_CAP = 2 + SEALED_BYTES * MAX_RECEIVERS


@dataclass(frozen=True)
class Receiver:
    """A trustee who will get a share."""

    account: Address
    key: Point
    """Its member key when the ceremony started."""

    @classmethod
    def of(cls, account: Address, key: MemberKey) -> Self:
        """Return a member as a receiver, or raise InvalidPoint."""
        return cls(account, decode_uncompressed(key.public_key))


@dataclass(frozen=True)
class Setting:
    """The facts that a ceremony's start fixes."""

    context: bytes
    """ctx, 32 bytes."""
    kind: CeremonyKind
    threshold: int
    """t of the new committee."""
    receivers: tuple[Receiver, ...]
    """Ascending by account; party j, from 1, is the j-th."""
    old: CommitteePublicKey | None = None
    """REFRESH and RESHARE: the present committee."""

    @property
    def before(self) -> CommitteePublicKey:
        """Return the present committee; calling this without one is a programming error (ValueError)."""
        if self.old is None:
            raise ValueError("this kind of ceremony needs a present committee")
        return self.old

    @property
    def dealers_needed(self) -> int:
        needed = {CeremonyKind.DEALER: 1, CeremonyKind.RESHARE: self.old.threshold if self.old else 0}
        return needed.get(self.kind, self.threshold)

    def place(self, account: Address) -> int:
        """Return a receiver's party j; another account is a programming error (ValueError)."""
        return [each.account for each in self.receivers].index(account) + 1


@dataclass(frozen=True)
class Dealing:
    """Everything that a dealer publishes; nobody keeps its polynomial."""

    commitments: bytes
    proof: bytes
    """65 bytes."""
    bundle: bytes
    """For the vault."""


def deal(setting: Setting, dealer: Address, old: Share | None = None) -> Dealing:
    """Draw a polynomial and deal its shares; for a RESHARE, `old` is the dealer's present share."""
    coefficients = _draw(setting, old)
    hidden = _hidden(setting)
    commitments = b"".join(encode_point(base_mult(each)) for each in coefficients[hidden:])
    proof = knowledge.prove(coefficients[hidden], _message(dealer), _tag(setting))
    polynomial, vector = Polynomial(coefficients), Commitments(dealer, ())
    sealed = []
    for index, receiver in enumerate(setting.receivers, start=1):
        target = _target(setting, vector, receiver.account)
        sealed.append(sealing.seal(target, (polynomial.share(index),)))
    return Dealing(commitments, proof, sealing.bundle_to_bytes(sealed, SEALED_BYTES))


def verify_dealing(setting: Setting, dealer: Address, commitments: bytes, proof: bytes) -> Commitments:
    """Check the public part of a dealing; return the dealer's vector, t points with A_0.

    Raises:
        DealingInvalid: a point or the proof is invalid.
        CommitmentMismatch: a RESHARE of a value that is not the dealer's present share.
        NotInCommittee: a RESHARE by a dealer without a share.
    """
    hidden = _hidden(setting)
    try:
        points = decode_points(commitments, setting.threshold - hidden)
        knowledge.verify(proof, points[0], _message(dealer), _tag(setting))
    except (InvalidPoint, ProofInvalid) as error:
        raise DealingInvalid(dealer, str(error).rstrip(".")) from error
    vector = Commitments(dealer, (IDENTITY,) * hidden + points)
    if setting.kind == CeremonyKind.RESHARE and vector.key != setting.before.share_of(dealer):
        raise CommitmentMismatch(dealer)
    return vector


def parcel(setting: Setting, vector: Commitments, receiver: Address, bundle: bytes) -> SealedShares:
    """Return the shares that a dealer sealed to one receiver, for sealing.unseal, complain and uphold.

    Raises:
        EncodingError: the bundle has another layout.
    """
    sealed = sealing.bundle_from_bytes(bundle, len(setting.receivers), SEALED_BYTES)
    return replace(_target(setting, vector, receiver), sealed=sealed[setting.place(receiver) - 1])


def committee(setting: Setting, right: Sequence[Commitments]) -> CommitteePublicKey:
    """Return the committee that the qualified dealers (Q) make: Y and everybody's public share.

    Raises:
        BelowThreshold: too few dealers.
        CommitteeMismatch: Y would change although the ceremony keeps it.
        InvalidPoint: Y or a public share would be the identity.
    """
    if len(right) < setting.dealers_needed:
        raise BelowThreshold(len(right), setting.dealers_needed)
    weights = _weights(setting, [each.dealer for each in right])
    rows = zip(*(each.points for each in right), strict=True)
    total = [multi_mult(weights, row) for row in rows]
    shares = [horner(index, total) for index in range(1, len(setting.receivers) + 1)]
    key = total[0]
    if setting.kind == CeremonyKind.REFRESH:
        shares = [add(old, more) for old, more in zip(setting.before.shares, shares, strict=True)]
        key = setting.before.key.point
    if setting.kind == CeremonyKind.RESHARE and key != setting.before.key.point:
        raise CommitteeMismatch
    if IDENTITY in (key, *shares):
        raise InvalidPoint("a public share is the identity")
    accounts = tuple(each.account for each in setting.receivers)
    return CommitteePublicKey(setting.threshold, ThresholdKey(key), accounts, tuple(shares))


def new_share(
    setting: Setting,
    made: CommitteePublicKey,
    receiver: Address,
    shares: Mapping[Address, Share],
    old: Share | None = None,
) -> Share:
    """Return a receiver's share in the new committee.

    Args:
        setting: The ceremony.
        made: Its committee.
        receiver: Whose share.
        shares: The opened shares from the qualified dealers (Q).
        old: For a REFRESH, the receiver's present share.

    Raises:
        CommitteeMismatch: the shares do not add up to the public share; `old` is of another epoch.
    """
    weights = _weights(setting, list(shares))
    value = sum(weight * share.value for weight, share in zip(weights, shares.values(), strict=True))
    if setting.kind == CeremonyKind.REFRESH and old:
        value += old.value
    if base_mult(value) != made.share_of(receiver):
        raise CommitteeMismatch
    return Share(setting.place(receiver), value % ORDER)


def _draw(setting: Setting, old: Share | None) -> tuple[int, ...]:
    first = random_scalar()
    if setting.kind == CeremonyKind.REFRESH:
        first = 0
    elif setting.kind == CeremonyKind.RESHARE:
        if old is None:
            raise ValueError("a dealer of a RESHARE needs its present share")
        first = old.value
    return first, *(random_scalar() for _ in range(setting.threshold - 1))


def _hidden(setting: Setting) -> int:
    """Return how many coefficients need no commitment because everybody knows them."""
    return 1 if setting.kind == CeremonyKind.REFRESH else 0


def _weights(setting: Setting, dealers: Sequence[Address]) -> list[int]:
    if setting.kind == CeremonyKind.RESHARE:
        return lagrange([setting.before.index_of(dealer) for dealer in dealers])
    return [1] * len(dealers)


def _target(setting: Setting, vector: Commitments, receiver: Address) -> SealedShares:
    index = setting.place(receiver)
    info = Writer("dkgshare").raw(setting.context, 32).raw(vector.dealer, 20).raw(receiver, 20).bytes()
    return SealedShares(info, receiver, setting.receivers[index - 1].key, index, (vector,))


def _message(dealer: Address) -> bytes:
    return bytes(12) + dealer


def _tag(setting: Setting) -> bytes:
    return LABEL_PREFIX + b"dkg" + setting.context
