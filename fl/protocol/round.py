"""When it may happen: a round is a value, its rules are the tables `NEXT` and `MAY` and the pure function `advance`.

Invariant: the checks stand in the order of FederationLedger.sol, so both refuse the same record with the same error;
tests/vectors/rounds.json is run against both.

Source: PROTOCOL.md 5S (sealed rounds); phases 2-5, 7 and 8 are kept free for masked rounds (PROTOCOL.md 5).
Not here: opening a round, which needs the whole federation (federation.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import pairwise
from types import MappingProxyType

from fl.protocol.codec import Writer
from fl.protocol.errors import (
    BelowThreshold,
    DeadlineNotPassed,
    DeadlinePassed,
    DuplicateAttestation,
    DuplicateCommitment,
    EncodingError,
    ModelDigestMismatch,
    NotInRoster,
    RevokedMidRound,
    SetMismatch,
    TermsInvalid,
    TooFewAttestations,
    WrongPhase,
    WrongRole,
    WrongRound,
)
from fl.protocol.keys import KeyBook, MemberKey
from fl.protocol.names import Address, Digest, Protection, Role
from fl.protocol.ports import Anchor
from fl.protocol.records import (
    Entry,
    ModelAttested,
    ModelProposed,
    RoundAborted,
    RoundFinalised,
    RoundFrozen,
    RoundOpened,
    RoundRecord,
    Terms,
    UpdateCommitted,
)

MAX_ROSTER = 1024


class Phase(IntEnum):
    """Where a round stands; the numbers are those of the contract, gaps are kept for masked rounds."""

    NONE = 0
    OPEN = 1
    FROZEN = 6
    PROPOSED = 9
    FINAL = 10
    ABORTED = 11


ENDED = (Phase.NONE, Phase.FINAL, Phase.ABORTED)

NEXT: Mapping[tuple[Protection, Phase, type[RoundRecord]], Phase] = MappingProxyType(
    {
        (Protection.SEALED, Phase.OPEN, UpdateCommitted): Phase.OPEN,
        (Protection.SEALED, Phase.OPEN, RoundFrozen): Phase.FROZEN,
        (Protection.SEALED, Phase.FROZEN, ModelProposed): Phase.PROPOSED,
        (Protection.SEALED, Phase.PROPOSED, ModelAttested): Phase.PROPOSED,
        (Protection.SEALED, Phase.PROPOSED, RoundFinalised): Phase.FINAL,
        (Protection.SEALED, Phase.OPEN, RoundAborted): Phase.ABORTED,
        (Protection.SEALED, Phase.FROZEN, RoundAborted): Phase.ABORTED,
        (Protection.SEALED, Phase.PROPOSED, RoundAborted): Phase.ABORTED,
    }
)

MAY: Mapping[type[RoundRecord], Role | None] = MappingProxyType(
    {
        RoundOpened: Role.COORDINATOR,
        UpdateCommitted: Role.HOSPITAL,
        RoundFrozen: Role.COORDINATOR,
        ModelProposed: Role.COORDINATOR,
        ModelAttested: Role.AUDITOR,
        RoundFinalised: Role.COORDINATOR,
        RoundAborted: None,
    }
)
"""Who records what; None is every active member. What follows the opening is the opener's."""


@dataclass(frozen=True)
class Proposal:
    """What the coordinator proposed."""

    model_digest: Digest
    envelope_digest: Digest


@dataclass(frozen=True)
class Round:
    """One open-to-final cycle."""

    number: int
    terms: Terms
    roster: tuple[Address, ...]
    previous_model: Digest
    opener: Address
    anchor: Anchor
    """With the contract that holds this round."""
    opened: Entry
    keys: Mapping[Address, MemberKey]
    """The key of every active member when the round opened; a rotation takes effect in the next round."""
    phase: Phase = Phase.OPEN
    commitments: Mapping[Address, Digest] = field(default_factory=lambda: MappingProxyType({}))
    hospitals: tuple[Address, ...] = ()
    """The frozen set, ascending."""
    proposal: Proposal | None = None
    attestations: Mapping[Address, Digest] = field(default_factory=lambda: MappingProxyType({}))
    """Auditor -> digest of its report."""
    reason: str = ""
    last: Entry | None = None
    """The entry that brought the round where it stands."""

    @property
    def ended(self) -> bool:
        """Return whether nothing more can happen to this round."""
        return self.phase in ENDED

    @property
    def complete(self) -> bool:
        """Return whether every hospital of the roster committed."""
        return len(self.commitments) == len(self.roster)

    @property
    def context(self) -> bytes:
        """Return ctx of PROTOCOL.md 5, 32 bytes: what this round is, down to the block that opened it."""
        anchor, terms = self.anchor, self.terms
        return (
            Writer("round")
            .raw(anchor.consortium, 32)
            .u64(anchor.chain_id)
            .raw(anchor.contract, 20)
            .u64(self.number)
            .raw(self.opened.block_hash, 32)
            .raw(terms_digest(terms), 32)
            .raw(self.previous_model, 32)
            .raw(self.roster_root, 32)
            .digest()
        )

    @property
    def roster_root(self) -> Digest:
        """Return SHA-256(`roster` ‖ u16 n ‖ (account[20] ‖ epoch u32 ‖ key[65])*)."""
        writer = Writer("roster").u16(len(self.roster))
        for account in self.roster:
            key = self.keys[account]
            writer.raw(account, 20).u32(key.epoch).raw(key.public_key, 65)
        return writer.digest()


def advance(current: Round, entry: Entry, book: KeyBook) -> Round:
    """Return the round after `entry`, or raise the rule's RefusedError; `current` is unchanged either way."""
    record, now = entry.record, entry.timestamp
    if not isinstance(record, RoundRecord) or isinstance(record, RoundOpened):
        raise EncodingError("record", f"{type(record).__name__} does not belong to an open round")
    check_sender(record, book)
    if MAY[type(record)] == Role.COORDINATOR and record.sender != current.opener:
        raise WrongRole(record.sender)
    phase = _step(current, record)
    match record:
        case UpdateCommitted():
            changed = _commit(current, record, now)
        case RoundFrozen():
            changed = _freeze(current, record, now)
        case ModelProposed():
            changed = replace(current, proposal=Proposal(record.model_digest, record.envelope_digest))
        case ModelAttested():
            changed = _attest(current, record)
        case RoundFinalised():
            changed = _finalise(current, record, book)
        case RoundAborted():
            changed = _abort(current, record, now)
    return replace(changed, phase=phase, last=entry)


def check_sender(record: RoundRecord, book: KeyBook) -> None:
    """Raise UnknownSender, RevokedSender or WrongRole unless `MAY` allows the sender this record."""
    book.active(record.sender, MAY[type(record)])


def check_terms(opened: RoundOpened, now: int) -> None:
    """Raise TermsInvalid when the terms contradict each other; `now` in seconds since 1970."""
    terms, roster = opened.terms, opened.roster
    ok = (
        terms.protection == Protection.SEALED
        and 1 <= terms.min_commitments <= len(roster) <= MAX_ROSTER
        and terms.attestations >= 1
        and terms.parameters >= 1
        and now < terms.commit_deadline < terms.close_deadline
        and _ascending(roster)
    )
    if not ok:
        raise TermsInvalid


def terms_digest(terms: Terms) -> Digest:
    """Return SHA-256 of the terms in the order of their fields."""
    writer = Writer("terms").u8(terms.protection).u16(terms.min_commitments).u16(terms.attestations)
    writer.u64(terms.parameters).raw(terms.config_digest, 32)
    return writer.u64(terms.commit_deadline).u64(terms.close_deadline).digest()


def set_digest(current: Round, hospitals: Sequence[Address]) -> Digest:
    """Return the digest of the frozen set, as the contract computes it.

    SHA-256(`set3` ‖ consortium[32] ‖ chainId u64 ‖ contract[20] ‖ round u64 ‖ count u16 ‖ (account ‖ digest)*).
    """
    anchor = current.anchor
    writer = Writer("set3").raw(anchor.consortium, 32).u64(anchor.chain_id).raw(anchor.contract, 20)
    writer.u64(current.number).u16(len(hospitals))
    for account in hospitals:
        writer.raw(account, 20).raw(current.commitments[account], 32)
    return writer.digest()


def _step(current: Round, record: RoundRecord) -> Phase:
    """Return the phase after `record`, or raise WrongRound or WrongPhase."""
    if record.round != current.number:
        raise WrongRound(current.number, record.round)
    following = NEXT.get((current.terms.protection, current.phase, type(record)))
    if following is None:
        raise WrongPhase(current.number, current.phase)
    return following


def _commit(current: Round, record: UpdateCommitted, now: int) -> Round:
    if record.sender not in current.roster:
        raise NotInRoster(record.sender)
    if now > current.terms.commit_deadline:
        raise DeadlinePassed(current.terms.commit_deadline)
    if record.sender in current.commitments:
        raise DuplicateCommitment(record.sender)
    return replace(current, commitments=MappingProxyType({**current.commitments, record.sender: record.digest}))


def _freeze(current: Round, record: RoundFrozen, now: int) -> Round:
    if not current.complete and now <= current.terms.commit_deadline:
        raise DeadlineNotPassed(current.terms.commit_deadline)
    previous = b""
    for account in record.hospitals:
        if account <= previous or account not in current.commitments:
            raise SetMismatch(account)
        previous = account
    if len(record.hospitals) < current.terms.min_commitments:
        raise BelowThreshold(len(record.hospitals), current.terms.min_commitments)
    if record.set_digest != set_digest(current, record.hospitals):
        raise EncodingError("frozen set", "its digest is not that of its members")
    return replace(current, hospitals=record.hospitals)


def _attest(current: Round, record: ModelAttested) -> Round:
    proposed = _proposed(current)
    if record.model_digest != proposed.model_digest:
        raise ModelDigestMismatch(proposed.model_digest, record.model_digest)
    if record.sender in current.attestations:
        raise DuplicateAttestation(record.sender)
    attestations = MappingProxyType({**current.attestations, record.sender: record.report_digest})
    return replace(current, attestations=attestations)


def _finalise(current: Round, record: RoundFinalised, book: KeyBook) -> Round:
    for account in current.hospitals:
        if book.members[account].revoked:
            raise RevokedMidRound(account)
    if len(current.attestations) < current.terms.attestations:
        raise TooFewAttestations(len(current.attestations), current.terms.attestations)
    if record.model_digest != _proposed(current).model_digest:
        raise ModelDigestMismatch(_proposed(current).model_digest, record.model_digest)
    return current


def _abort(current: Round, record: RoundAborted, now: int) -> Round:
    if record.sender != current.opener and now <= current.terms.close_deadline:
        raise DeadlineNotPassed(current.terms.close_deadline)
    return replace(current, reason=record.reason)


def _proposed(current: Round) -> Proposal:
    if current.proposal is None:
        raise WrongPhase(current.number, current.phase)
    return current.proposal


def _ascending(accounts: Sequence[Address]) -> bool:
    return all(left < right for left, right in pairwise(accounts))
