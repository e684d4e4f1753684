"""The conditions for a ceremony's records: pure functions over `ceremony.CEREMONY_NEXT`.

Invariant: the checks have the order of Ceremonies.sol, so both refuse a record with the same error;
tests/vectors/authority.json tests both. Trustees and auditors check the rest (points, proofs, complaints, public
shares), which a contract cannot check.

Source: PROTOCOL.md 9, Ceremonies.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from types import MappingProxyType
from typing import TypeVar

from fl.protocol.errors import (
    BelowThreshold,
    CeremonyInvalid,
    CommitteeMismatch,
    DeadlineNotPassed,
    DeadlinePassed,
    DealingMismatch,
    DuplicateStep,
    NoCommittee,
    NotInCommittee,
    SetMismatch,
    WrongPhase,
)
from fl.protocol.keys.ceremony import (
    CEREMONY_AT_THRESHOLD,
    CEREMONY_NEXT,
    KEEPS_KEY,
    PROOF_BYTES,
    Ceremony,
    CeremonyPhase,
    Committee,
    dealing_digest,
)
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address, CeremonyKind, KeyUse, Role, shown
from fl.protocol.ports import Anchor
from fl.protocol.records import (
    CeremonyAborted,
    CeremonyChecked,
    CeremonyCommitted,
    CeremonyConfirmed,
    CeremonyDealt,
    CeremonyPhaseClosed,
    CeremonyStarted,
    Entry,
)
from fl.protocol.steps import (
    DAY_S,
    MAX_STEP_TIMEOUT_S,
    POINT_BYTES,
    check_ascending,
    check_complaints,
    check_length,
)

USES = tuple(KeyUse)
"""The key uses that this version allows."""
MIN_THRESHOLD = 2
MAX_COMMITTEE = 32
"""The contract keeps one bit per dealer and receiver."""
MAX_VALIDITY_S = 3660 * DAY_S
"""Ten years."""

R = TypeVar("R")
CeremonyRecord = (
    CeremonyCommitted | CeremonyDealt | CeremonyChecked | CeremonyPhaseClosed | CeremonyConfirmed | CeremonyAborted
)


def start(entry: Entry, terms: CeremonyStarted, committee: Committee | None, book: KeyBook, anchor: Anchor) -> Ceremony:
    """Return the ceremony that `terms` start; the caller already checked the sender, and that no ceremony is open.

    Raises:
        CeremonyInvalid, NoCommittee, NotInCommittee: as ICeremonies.startCeremony.
    """
    _check_terms(terms, entry.timestamp)
    required = _required(terms, committee, book)
    for account in terms.receivers:
        member = book.members.get(account)
        if member is None or member.revoked or member.role != Role.TRUSTEE or member.key is None:
            raise NotInCommittee(account)
    if terms.kind == CeremonyKind.RESHARE and committee is not None:
        for account in terms.dealers:
            if account not in committee.members or book.members[account].revoked:
                raise NotInCommittee(account)
    keeps = committee if terms.kind in KEEPS_KEY else None
    keys = {account: book.members[account].keys[-1] for account in terms.receivers}
    return Ceremony(
        started=entry,
        terms=terms,
        anchor=anchor,
        keys=MappingProxyType(keys),
        generation=keeps.generation if keeps else terms.ceremony,
        origin=keeps.origin if keeps else terms.kind,
        previous=committee,
        required=required,
        phase_since=entry.timestamp,
        dealers=terms.dealers,
        last=entry,
    )


def advance(current: Ceremony, entry: Entry, record: CeremonyRecord, book: KeyBook) -> Ceremony:
    """Return the ceremony after `record`, whose sender is active and whose number is this ceremony's."""
    phase = CEREMONY_NEXT.get((current.phase, type(record)))
    if phase is None or (isinstance(record, CeremonyPhaseClosed) and record.phase != current.phase):
        raise WrongPhase(current.number, current.phase)
    changed = _advance(current, record, entry.timestamp, book)
    if changed.public_key:
        phase = CEREMONY_AT_THRESHOLD.get((phase, type(record)), phase)
    since = entry.timestamp if phase != current.phase else current.phase_since
    return replace(changed, phase=phase, phase_since=since, last=entry)


def _advance(current: Ceremony, record: CeremonyRecord, now: int, book: KeyBook) -> Ceremony:
    who = record.sender
    match record:
        case CeremonyCommitted():
            _check_once(current, who, current.dealers, current.committed, now)
            return replace(current, committed=_with(current.committed, who, record.digest))
        case CeremonyDealt():
            _check_once(current, who, current.dealers, current.dealt, now)
            _check_dealing(current, record)
            return replace(current, dealt=_with(current.dealt, who, record))
        case CeremonyChecked():
            _check_once(current, who, current.terms.receivers, current.checked, now)
            check_complaints(record.complaints, current.dealers)
            return replace(current, checked=_with(current.checked, who, record))
        case CeremonyPhaseClosed():
            return _close(current, record, now, book)
        case CeremonyConfirmed():
            return _confirm(current, record, now)
        case CeremonyAborted():
            _check_participant(current, who, book)
            if book.members[who].role != Role.OPERATOR and now <= current.deadline:
                raise DeadlineNotPassed(current.deadline)
            return replace(current, reason=shown(record.reason))


def _check_terms(terms: CeremonyStarted, now: int) -> None:
    """Raise CeremonyInvalid if the terms contradict each other; `now` is in seconds since 1970."""
    ok = (
        1 <= terms.step_timeout <= MAX_STEP_TIMEOUT_S
        and now < terms.expires_at <= now + MAX_VALIDITY_S
        and terms.key_use in USES
        and MIN_THRESHOLD <= terms.threshold <= len(terms.receivers) <= MAX_COMMITTEE
        and _ascending(terms.receivers)
    )
    if not ok:
        raise CeremonyInvalid


def _required(terms: CeremonyStarted, committee: Committee | None, book: KeyBook) -> int:
    """Return how many dealers must continue, or raise CeremonyInvalid if the dealers do not fit the kind."""
    required, fits = terms.threshold, terms.dealers == terms.receivers
    if terms.kind == CeremonyKind.DEALER:
        operators = tuple(member.account for member in book.having(Role.OPERATOR))
        required, fits = 1, terms.dealers == operators
    elif terms.kind in KEEPS_KEY:
        if committee is None:
            raise NoCommittee(terms.key_use)
        if terms.kind == CeremonyKind.REFRESH:
            fits = fits and (terms.receivers, terms.threshold) == (committee.members, committee.threshold)
        else:
            required = committee.threshold
            fits = len(terms.dealers) >= required and _ascending(terms.dealers)
    if not fits:
        raise CeremonyInvalid
    return required


def _check_dealing(current: Ceremony, record: CeremonyDealt) -> None:
    check_length(record.commitments, POINT_BYTES * current.coefficients)
    check_length(record.proof, PROOF_BYTES)
    if dealing_digest(current.anchor, record) != current.committed[record.sender]:
        raise DealingMismatch(record.sender)


def _close(current: Ceremony, record: CeremonyPhaseClosed, now: int, book: KeyBook) -> Ceremony:
    """End COMMIT, DEAL or CHECK with the named dealers: all who committed or dealt; after CHECK, some of them."""
    _check_participant(current, record.sender, book)
    acted: Mapping[CeremonyPhase, Collection[Address]] = {
        CeremonyPhase.COMMIT: current.committed,
        CeremonyPhase.DEAL: current.dealt,
        CeremonyPhase.CHECK: current.checked,
    }
    done = acted[current.phase]
    checking = current.phase == CeremonyPhase.CHECK
    awaited = current.terms.receivers if checking else current.dealers
    if len(done) < len(awaited) and now <= current.deadline:
        raise DeadlineNotPassed(current.deadline)
    check_ascending(record.dealers, current.dealers if checking else done)
    for account in () if checking else current.dealers:
        if account in done and account not in record.dealers:
            raise SetMismatch(account)
    if len(record.dealers) < current.required:
        raise BelowThreshold(len(record.dealers), current.required)
    return replace(current, dealers=record.dealers)


def _confirm(current: Ceremony, record: CeremonyConfirmed, now: int) -> Ceremony:
    """Take a confirmation; the threshold-th equal one sets the outcome, and later ones must equal it."""
    late_allowed = current.phase == CeremonyPhase.DONE
    time = min(now, current.deadline) if late_allowed else now
    _check_once(current, record.sender, current.terms.receivers, current.confirmed, time)
    check_length(record.public_key, POINT_BYTES)
    outcome = (record.public_key, record.shares_digest)
    if current.keeps_key and current.previous is not None and record.public_key != current.previous.public_key:
        raise CommitteeMismatch
    if current.public_key and outcome != (current.public_key, current.shares_digest):
        raise CommitteeMismatch
    confirmed = _with(current.confirmed, record.sender, record)
    equal = [other for other in confirmed.values() if (other.public_key, other.shares_digest) == outcome]
    changed = replace(current, confirmed=confirmed)
    if len(equal) < current.terms.threshold:
        return changed
    return replace(changed, public_key=record.public_key, shares_digest=record.shares_digest)


def _check_participant(current: Ceremony, sender: Address, book: KeyBook) -> None:
    takes_part = sender in current.terms.dealers or sender in current.terms.receivers
    if not takes_part and book.members[sender].role != Role.OPERATOR:
        raise NotInCommittee(sender)


def _check_once(
    current: Ceremony, sender: Address, may: Collection[Address], done: Collection[Address], now: int
) -> None:
    if sender not in may:
        raise NotInCommittee(sender)
    if now > current.deadline:
        raise DeadlinePassed(current.deadline)
    if sender in done:
        raise DuplicateStep(sender)


def _ascending(accounts: Sequence[Address]) -> bool:
    return all(left < right for left, right in pairwise(accounts))


def _with(done: Mapping[Address, R], sender: Address, value: R) -> Mapping[Address, R]:
    return MappingProxyType({**done, sender: value})
