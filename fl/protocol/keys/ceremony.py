"""A ceremony as a value, its phases as the table `CEREMONY_NEXT`, and the committee that it makes.

Invariant: CEREMONY_NEXT is the only list of transitions; ceremony_rules.py and Ceremonies.sol add conditions to it, no
phases. Points are bytes here; only fl/crypto computes with them.

Source: PROTOCOL.md 9, Ceremonies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

from fl.protocol.codec import Writer, sha256
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import NO_DIGEST, Address, CeremonyKind, Digest, KeyUse
from fl.protocol.ports import Anchor
from fl.protocol.records import (
    CeremonyAborted,
    CeremonyChecked,
    CeremonyCommitted,
    CeremonyConfirmed,
    CeremonyDealt,
    CeremonyPhaseClosed,
    CeremonyRecord,
    CeremonyStarted,
    Entry,
)
from fl.protocol.steps import POINT_BYTES

PROOF_BYTES = 65
"""R[33] ‖ z[32]."""
"""Replaces the HPKE suite in the key id of a threshold key."""


class CeremonyPhase(IntEnum):
    """The phase of a ceremony; the contract has the same numbers."""

    NONE = 0
    COMMIT = 1
    DEAL = 2
    CHECK = 3
    CONFIRM = 4
    DONE = 5
    ABORTED = 6


KEEPS_KEY = (CeremonyKind.REFRESH, CeremonyKind.RESHARE)
"""Kinds that make new shares of the present key."""
ENDED = (CeremonyPhase.NONE, CeremonyPhase.DONE, CeremonyPhase.ABORTED)

_STEPS: dict[tuple[CeremonyPhase, type[CeremonyRecord]], CeremonyPhase] = {
    (CeremonyPhase.NONE, CeremonyStarted): CeremonyPhase.COMMIT,
    (CeremonyPhase.COMMIT, CeremonyCommitted): CeremonyPhase.COMMIT,
    (CeremonyPhase.COMMIT, CeremonyPhaseClosed): CeremonyPhase.DEAL,
    (CeremonyPhase.DEAL, CeremonyDealt): CeremonyPhase.DEAL,
    (CeremonyPhase.DEAL, CeremonyPhaseClosed): CeremonyPhase.CHECK,
    (CeremonyPhase.CHECK, CeremonyChecked): CeremonyPhase.CHECK,
    (CeremonyPhase.CHECK, CeremonyPhaseClosed): CeremonyPhase.CONFIRM,
    (CeremonyPhase.CONFIRM, CeremonyConfirmed): CeremonyPhase.CONFIRM,
    (CeremonyPhase.DONE, CeremonyConfirmed): CeremonyPhase.DONE,
}
CEREMONY_NEXT: Mapping[tuple[CeremonyPhase, type[CeremonyRecord]], CeremonyPhase] = MappingProxyType(
    _STEPS | {(phase, CeremonyAborted): CeremonyPhase.ABORTED for phase in CeremonyPhase if phase not in ENDED}
)
CEREMONY_AT_THRESHOLD: Mapping[tuple[CeremonyPhase, type[CeremonyRecord]], CeremonyPhase] = MappingProxyType(
    {(CeremonyPhase.CONFIRM, CeremonyConfirmed): CeremonyPhase.DONE}
)
"""The phase that the threshold-th equal confirmation begins, in place of the one in CEREMONY_NEXT."""


@dataclass(frozen=True)
class Committee:
    """The holders of a threshold key's shares after a ceremony."""

    use: KeyUse
    epoch: int
    """Number of the ceremony that made the shares."""
    generation: int
    """Number of the ceremony that made the key."""
    kind: CeremonyKind
    """The kind of the ceremony that made the shares."""
    origin: CeremonyKind
    """The kind of the ceremony that made the key: GENERATE, or DEALER, whose dealer knew the key."""
    threshold: int
    members: tuple[Address, ...]
    """Ascending; party j is the j-th, from 1."""
    public_key: bytes
    """Y, compressed, 33 bytes."""
    shares_digest: Digest
    expires_at: int
    """Seconds since 1970."""

    def party(self, account: Address) -> int | None:
        """Return a member's index j, from 1, or None."""
        return self.members.index(account) + 1 if account in self.members else None


@dataclass(frozen=True)
class Ceremony:
    """One run from `CeremonyStarted` to a committee, or to its abortion."""

    started: Entry
    terms: CeremonyStarted
    """The record that started it."""
    anchor: Anchor
    keys: Mapping[Address, MemberKey]
    """The receivers' keys at the start; the ceremony ignores a later rotation."""
    generation: int
    origin: CeremonyKind
    previous: Committee | None
    """The committee at the start; REFRESH and RESHARE keep its key."""
    required: int
    """How many dealers must continue."""
    phase: CeremonyPhase = CeremonyPhase.COMMIT
    phase_since: int = 0
    """Seconds since 1970 of the block that began the phase."""
    dealers: tuple[Address, ...] = ()
    """The dealers that continue, ascending: all, those who committed, those who dealt, Q."""
    committed: Mapping[Address, Digest] = field(default_factory=lambda: MappingProxyType({}))
    dealt: Mapping[Address, CeremonyDealt] = field(default_factory=lambda: MappingProxyType({}))
    checked: Mapping[Address, CeremonyChecked] = field(default_factory=lambda: MappingProxyType({}))
    confirmed: Mapping[Address, CeremonyConfirmed] = field(default_factory=lambda: MappingProxyType({}))
    public_key: bytes = b""
    """Y once DONE, compressed, 33 bytes."""
    shares_digest: Digest = NO_DIGEST
    reason: str = ""
    last: Entry | None = None
    """The ceremony's newest entry."""

    @property
    def use(self) -> KeyUse:
        return self.terms.key_use

    @property
    def number(self) -> int:
        return self.terms.ceremony

    @property
    def ended(self) -> bool:
        """Return whether nobody has to act; late receivers may still confirm a DONE ceremony."""
        return self.phase in ENDED

    @property
    def keeps_key(self) -> bool:
        return self.terms.kind in KEEPS_KEY

    @property
    def coefficients(self) -> int:
        """Return how many points a dealer records: t, or t - 1 if the first is the identity."""
        return self.terms.threshold - (1 if self.terms.kind == CeremonyKind.REFRESH else 0)

    @property
    def deadline(self) -> int:
        """Return the phase's deadline, in seconds since 1970."""
        return self.phase_since + self.terms.step_timeout

    @property
    def context(self) -> bytes:
        """Return ctx, 32 bytes (ceremony_context)."""
        return ceremony_context(self.anchor, self.terms, self.started.block_hash, self.keys)

    @property
    def committee(self) -> Committee | None:
        """Return the committee that this ceremony made, or None unless it is DONE."""
        if self.phase != CeremonyPhase.DONE:
            return None
        terms = self.terms
        return Committee(
            use=terms.key_use,
            epoch=terms.ceremony,
            generation=self.generation,
            kind=terms.kind,
            origin=self.origin,
            threshold=terms.threshold,
            members=terms.receivers,
            public_key=self.public_key,
            shares_digest=self.shares_digest,
            expires_at=terms.expires_at,
        )


def ceremony_context(
    anchor: Anchor, terms: CeremonyStarted, block_hash: bytes, keys: Mapping[Address, MemberKey]
) -> bytes:
    """Return ctx of PROTOCOL.md 9, 32 bytes; `block_hash` is that of CeremonyStarted, `keys` the receivers'.

    SHA-256(`dkg` ‖ consortium[32] ‖ chainId u64 ‖ authority[20] ‖ use u8 ‖ number u32 ‖ kind u8 ‖ t u16 ‖
    block hash[32] ‖ u16 count ‖ dealer[20]* ‖ u16 count ‖ (receiver[20] ‖ key_id[16])*).
    """
    writer = _anchored("dkg", anchor).u8(terms.key_use).u32(terms.ceremony).u8(terms.kind).u16(terms.threshold)
    writer.raw(block_hash, 32).u16(len(terms.dealers))
    for dealer in terms.dealers:
        writer.raw(dealer, 20)
    writer.u16(len(terms.receivers))
    for receiver in terms.receivers:
        writer.raw(receiver, 20).raw(keys[receiver].key_id, 16)
    return writer.digest()


def dealing_digest(anchor: Anchor, dealt: CeremonyDealt) -> Digest:
    """Return the digest that a dealer commits to before it records `dealt`.

    SHA-256(`dealing` ‖ consortium[32] ‖ chainId u64 ‖ authority[20] ‖ use u8 ‖ number u32 ‖ dealer[20] ‖ A ‖ proof ‖
    bundle digest[32]).
    """
    writer = _anchored("dealing", anchor).u8(dealt.key_use).u32(dealt.ceremony).raw(dealt.sender, 20)
    return sha256(writer.bytes() + dealt.commitments + dealt.proof + dealt.bundle_digest)


def shares_digest(use: KeyUse, number: int, public_key: bytes, shares: Sequence[bytes]) -> Digest:
    """Return the digest of everybody's public share Y_j, in order of the parties; all points compressed, 33 bytes.

    SHA-256(`committee` ‖ use u8 ‖ number u32 ‖ Y[33] ‖ u16 m ‖ Y_j[33]*).
    """
    writer = Writer("committee").u8(use).u32(number).raw(public_key, POINT_BYTES).u16(len(shares))
    for share in shares:
        writer.raw(share, POINT_BYTES)
    return writer.digest()


def _anchored(label: str, anchor: Anchor) -> Writer:
    return Writer(label).raw(anchor.consortium, 32).u64(anchor.chain_id).raw(anchor.authority, 20)
