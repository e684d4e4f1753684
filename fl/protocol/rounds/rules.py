"""The conditions for a round's records: `advance`, one pure function over `round.NEXT`.

Invariant: the checks have the order of FederationLedger.sol, so both refuse a record with the same error;
tests/vectors/rounds.json tests both.

Source: PROTOCOL.md 5 and 5S.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from fl.protocol.errors import (
    DeadlineNotPassed,
    DeadlinePassed,
    DuplicateAttestation,
    DuplicateCommitment,
    EncodingError,
    ModelDigestMismatch,
    NotDrawn,
    NotInRoster,
    NotInSet,
    RevokedMidRound,
    TermsInvalid,
    TooFewAttestations,
    TooFewReveals,
    WrongPhase,
    WrongRole,
    WrongRound,
)
from fl.protocol.growing import with_item
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address, Protection, Role, shown
from fl.protocol.records import (
    ClustersFrozen,
    CommonRecord,
    Entry,
    MaskedRecord,
    ModelAttested,
    ModelProposed,
    PhaseClosed,
    RoundAborted,
    RoundFinalised,
    RoundFrozen,
    RoundOpened,
    RoundRecord,
    UpdateCommitted,
    WideOpening,
    WideTerms,
)
from fl.protocol.rounds import masked
from fl.protocol.rounds.clusters import is_agreed, is_seen, sizes, terms_of, thinnest
from fl.protocol.rounds.replayers import drawn
from fl.protocol.rounds.round import AT_THRESHOLD, MAY, NEXT, Phase, Round, clusters_digest, kind_of, set_digest
from fl.protocol.steps import DAY_S, MAX_STEP_TIMEOUT_S

MAX_ROSTER = 1024
MAX_WIDE_ROSTER = 16_384
MIN_MASKED = 3
"""A sum of fewer hospitals does not hide an update; two hospitals use a sealed round."""
MIN_CLUSTERS = 2
MAX_DURATION_S = 366 * DAY_S
"""From the opening to the close deadline."""


def advance(current: Round, entry: Entry, book: KeyBook) -> Round:
    """Return the round after `entry`, or raise the rule's RefusedError."""
    record, now = entry.record, entry.timestamp
    if not isinstance(record, RoundRecord) or isinstance(record, RoundOpened):
        raise EncodingError("record", f"{type(record).__name__} does not belong to an open round")
    check_sender(record, book, signed_before=current.wide is not None)
    if MAY[kind_of(record)] == (Role.COORDINATOR,) and record.sender != current.opener:
        raise WrongRole(record.sender)
    phase = _step(current, record)
    changed = (
        masked.advance(current, record, now)
        if isinstance(record, MaskedRecord)
        else _advance_common(current, record, now, book)
    )
    if (phase, kind_of(record)) in AT_THRESHOLD and is_agreed(changed):
        phase = AT_THRESHOLD[phase, kind_of(record)]
    if isinstance(record, RoundFrozen):
        changed = replace(changed, frozen=entry)
    elif isinstance(record, ModelProposed):
        changed = replace(changed, proposal_block=entry.block_hash)
    elif isinstance(record, PhaseClosed) and current.phase == Phase.ADVERTISE:
        changed = replace(changed, graph_block=entry.block_hash)
    since = now if phase != current.phase else current.phase_since
    return replace(changed, phase=phase, phase_since=since, last=entry)


def _advance_common(current: Round, record: CommonRecord, now: int, book: KeyBook) -> Round:
    """Return the round after a record that both sealed and masked rounds have."""
    match record:
        case UpdateCommitted():
            return _commit(current, record, now)
        case RoundFrozen():
            return _freeze(current, record, now)
        case ModelProposed():
            return _propose(current, record)
        case ModelAttested():
            return _attest(current, record, book)
        case RoundFinalised():
            return _finalise(current, record, book)
        case RoundAborted():
            return _abort(current, record, now, book)


def check_sender(record: RoundRecord, book: KeyBook, *, signed_before: bool = False) -> None:
    """Raise UnknownSender, RevokedSender or WrongRole unless `MAY` allows the sender this record.

    A hospital or auditor that `signed_before` its step was recorded may have been revoked since (PROTOCOL.md 5W.2).
    """
    roles, late = MAY[kind_of(record)], signed_before and book.members.get(record.sender)
    member = late if late and late.role in (Role.HOSPITAL, Role.AUDITOR) else book.active(record.sender)
    if roles and member.role not in roles:
        raise WrongRole(record.sender)


def check_terms(opened: RoundOpened, now: int) -> None:
    """Raise TermsInvalid if the terms contradict each other; `now` is in seconds since 1970."""
    terms, roster = opened.terms, opened.roster
    ok = (
        _fits(opened)
        and 1 <= terms.min_commitments <= len(roster)
        and terms.attestations >= 1
        and terms.parameters >= 1
        and now < terms.commit_deadline < terms.close_deadline <= now + MAX_DURATION_S
        and _ascending(roster)
    )
    if not ok:
        raise TermsInvalid


def _fits(opened: RoundOpened) -> bool:
    """Return whether the terms fit the protection and the number of hospitals."""
    terms, count = opened.terms, len(opened.roster)
    in_time = 1 <= terms.step_timeout <= MAX_STEP_TIMEOUT_S
    match terms.protection:
        case Protection.MASKED:
            majority = count >= MIN_MASKED and count < 2 * terms.threshold <= 2 * terms.min_commitments
            return majority and in_time and count <= MAX_ROSTER
        case Protection.WIDE:
            return isinstance(opened, WideOpening) and in_time and _fits_wide(opened, opened.wide)
        case _:
            return terms.threshold == 0 and count <= MAX_ROSTER


def _fits_wide(opened: RoundOpened, wide: WideTerms) -> bool:
    """Return whether graph and sample fit the roster, so that two sets cannot both get enough signatures or shares."""
    terms, count = opened.terms, len(opened.roster)
    holders = min(wide.degree + 1, count)
    return (
        holders >= MIN_MASKED
        and count <= MAX_WIDE_ROSTER
        and (wide.degree % 2 == 0 or wide.degree + 1 >= count)
        and holders < 2 * terms.threshold <= 2 * holders
        and count < 2 * terms.min_commitments
        and wide.replayers <= count
        and (wide.clusters is None or _fits_clusters(count, terms.threshold, wide))
    )


def _fits_clusters(count: int, threshold: int, wide: WideTerms) -> bool:
    """Return whether the clusters fit the roster: in none can two sets get enough signatures or shares."""
    clusters = wide.clusters
    if clusters is None or not MIN_CLUSTERS <= clusters.count <= count // MIN_MASKED:
        return False
    large, small = sizes(count, clusters.count)
    return (
        large <= MAX_ROSTER  # files of shares have at most as many entries
        and wide.degree == 2 * (large // 2)
        and large < 2 * threshold
        and threshold <= clusters.fewest <= small
        and large < 2 * clusters.fewest
        and 1 <= clusters.across <= small
    )


def _step(current: Round, record: RoundRecord) -> Phase:
    """Return the phase after `record`, or raise WrongRound or WrongPhase."""
    if record.round != current.number:
        raise WrongRound(current.number, record.round)
    following = NEXT.get((current.terms.protection, current.phase, kind_of(record)))
    if following is None:
        raise WrongPhase(current.number, current.phase)
    return following


def _commit(current: Round, record: UpdateCommitted, now: int) -> Round:
    if record.sender not in current.committers:
        raise NotInSet(record.sender) if current.masked else NotInRoster(record.sender)
    if current.wide is None and now > current.terms.commit_deadline:
        raise DeadlinePassed(current.terms.commit_deadline)
    if record.sender in current.commitments:
        raise DuplicateCommitment(record.sender)
    return replace(current, commitments=with_item(current.commitments, record.sender, record.digest))


def _freeze(current: Round, record: RoundFrozen, now: int) -> Round:
    if not current.complete and now <= current.terms.commit_deadline:
        raise DeadlineNotPassed(current.terms.commit_deadline)
    masked.check_going(current, record.hospitals, current.commitments)
    if (terms_of(current) is not None) != isinstance(record, ClustersFrozen):
        raise EncodingError("record", "it has no root over the clusters of the round")
    roots, digest = current.roots, set_digest(current, record.hospitals)
    if isinstance(record, ClustersFrozen):
        roots = masked.rooted(current, record.root)
        digest = clusters_digest(current.anchor, current.number, record.root)
    if record.set_digest != digest:
        raise EncodingError("frozen set", "its digest does not fit its members")
    return replace(current, hospitals=record.hospitals, set_digest=record.set_digest, roots=roots)


def _propose(current: Round, record: ModelProposed) -> Round:
    least = thinnest(current, current.revealed)
    answered = len(current.revealed) if least is None else least[0]
    if current.masked and answered < current.terms.threshold:
        raise TooFewReveals(answered, current.terms.threshold)
    return replace(current, proposal=record)


def _attest(current: Round, record: ModelAttested, book: KeyBook) -> Round:
    if book.members[record.sender].role == Role.HOSPITAL:
        if not current.masked:
            raise WrongRole(record.sender)
        if record.sender not in (current.hospitals if _in_view(current, record.sender) else current.roster):
            raise NotInSet(record.sender)
        if current.wide is not None and record.sender not in drawn(current):
            raise NotDrawn(record.sender)
    proposed = _proposed(current)
    if record.model_digest != proposed.model_digest:
        raise ModelDigestMismatch(proposed.model_digest, record.model_digest)
    if record.sender in current.attestations:
        raise DuplicateAttestation(record.sender)
    return replace(current, attestations=with_item(current.attestations, record.sender, record.report_digest))


def _in_view(current: Round, account: Address) -> bool:
    """Return whether this reader knows if an account is in the set; who looks at one cluster does not always."""
    return account not in current.roster or is_seen(current, account)


def _finalise(current: Round, record: RoundFinalised, book: KeyBook) -> Round:
    if current.wide is None:
        check_set_active(current, book)
    if len(current.attestations) < current.terms.attestations:
        raise TooFewAttestations(len(current.attestations), current.terms.attestations)
    if record.model_digest != _proposed(current).model_digest:
        raise ModelDigestMismatch(_proposed(current).model_digest, record.model_digest)
    return current


def check_set_active(current: Round, book: KeyBook) -> None:
    """Raise RevokedMidRound if a hospital of the set was revoked; in a wide round only its coordinator looks."""
    for account in current.hospitals:
        if book.members[account].revoked:
            raise RevokedMidRound(account)


def _abort(current: Round, record: RoundAborted, now: int, book: KeyBook) -> Round:
    due = now > current.terms.close_deadline or book.members[current.opener].revoked
    if record.sender != current.opener and not due:
        raise DeadlineNotPassed(current.terms.close_deadline)
    return replace(current, reason=shown(record.reason))


def _proposed(current: Round) -> ModelProposed:
    if current.proposal is None:
        raise WrongPhase(current.number, current.phase)
    return current.proposal


def _ascending(accounts: Sequence[Address]) -> bool:
    return all(left < right for left, right in pairwise(accounts))
