"""The steps that only masked rounds have: set up keys, agree on one set, reveal shares.

Invariant: the same checks, order and errors as in FederationLedger.sol. Every hospital and auditor checks the rest
(points, shares, complaints, signatures), which a contract cannot check.

Source: PROTOCOL.md 5, phases 1, 2, 2b, 5 and 6.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from fl.protocol.errors import (
    BelowThreshold,
    DeadlineNotPassed,
    DeadlinePassed,
    DuplicateStep,
    EncodingError,
    EquivocationDetected,
    LengthInvalid,
    NotInSet,
    RevealConflict,
    WrongPhase,
)
from fl.protocol.growing import with_item
from fl.protocol.names import Address, Digest
from fl.protocol.records import (
    ClustersClosed,
    KeysAdvertised,
    MaskedRecord,
    PhaseClosed,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
)
from fl.protocol.rounds.clusters import check_fewest, clusters_of, terms_of
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.steps import COMPLAINT_BYTES, POINT_BYTES, check_ascending, check_complaints, check_length

SIGNATURE_BYTES = 65


def advance(current: Round, record: MaskedRecord, now: int) -> Round:
    """Return the round after a step of a masked round; the caller already checked round number and phase."""
    match record:
        case PhaseClosed():
            return _close(current, record, now)
        case KeysAdvertised():
            _check_once(current, record.sender, current.advertised, now)
            check_length(record.mask_key, POINT_BYTES)
            check_length(record.transport_key, POINT_BYTES)
            return replace(current, advertised=with_item(current.advertised, record.sender, record))
        case SharesDealt():
            _check_once(current, record.sender, current.dealt, now)
            check_length(record.mask_commitments, POINT_BYTES * current.terms.threshold)
            check_length(record.self_commitments, POINT_BYTES * current.terms.threshold)
            return replace(current, dealt=with_item(current.dealt, record.sender, record))
        case SharesChecked():
            _check_once(current, record.sender, current.checked, now)
            check_complaints(record.complaints, _accusable(current, record.sender))
            if len(record.complaints) > COMPLAINT_BYTES * most_complaints(current):
                raise LengthInvalid(COMPLAINT_BYTES * most_complaints(current), len(record.complaints))
            return replace(current, checked=with_item(current.checked, record.sender, record))
        case SetEndorsed():
            _check_frozen(current, record.sender, record.set_digest, now)
            if record.sender in current.endorsed:
                raise DuplicateStep(record.sender)
            check_length(record.signature, SIGNATURE_BYTES)
            return replace(current, endorsed=with_item(current.endorsed, record.sender, record))
        case SharesRevealed():
            _check_frozen(current, record.sender, record.set_digest, now)
            if record.sender in current.revealed:
                raise RevealConflict(record.sender)
            return replace(current, revealed=with_item(current.revealed, record.sender, record))


def most_complaints(current: Round) -> int:
    """Return about how many others a hospital may complain: its neighbours in a wide round, else all who go on."""
    others = len(current.sharers)
    if current.wide is None or current.wide.clusters is not None:  # who sees one cluster allows no less than others do
        return others if current.wide is None else current.wide.degree
    return min(current.wide.degree, others)


def _accusable(current: Round, sender: Address) -> Sequence[Address]:
    """Return about whom a hospital may complain: all who go on; with clusters, its mates among them."""
    clusters = clusters_of(current)
    if clusters is None:
        return current.sharers
    return [each for each in clusters.mates(sender) if each in current.going]


def _close(current: Round, record: PhaseClosed, now: int) -> Round:
    """End a set-up phase; the named hospitals continue."""
    if record.phase != current.phase:
        raise WrongPhase(current.number, current.phase)
    if terms_of(current) is not None and not isinstance(record, ClustersClosed):
        raise EncodingError("record", "it has no root over the clusters of the round")
    did: Mapping[Phase, Mapping[Address, object]] = {
        Phase.ADVERTISE: current.advertised,
        Phase.SHARE: current.dealt,
        Phase.COMPLAIN: current.checked,
    }
    done = did[current.phase]
    if len(done) < len(current.sharers) and now <= current.step_deadline:
        raise DeadlineNotPassed(current.step_deadline)
    check_going(current, record.hospitals, done)
    receivers = record.hospitals if current.phase == Phase.ADVERTISE else current.receivers
    closed = replace(current, sharers=record.hospitals, receivers=receivers)
    if not isinstance(record, ClustersClosed):
        return closed
    received = _received(record) if current.phase == Phase.SHARE else current.received
    across = {each.sender: each for each in record.across}
    return replace(closed, roots=rooted(current, record.root), across=across, received=received)


def _received(record: ClustersClosed) -> Mapping[Address, Digest]:
    """Return the file with the parcels for each hospital that goes on; EncodingError unless each has one."""
    if len(record.received) != len(record.hospitals):
        raise EncodingError("record", "it does not name a file of parcels for each hospital")
    return MappingProxyType(dict(zip(record.hospitals, record.received, strict=True)))


def check_going(current: Round, hospitals: Sequence[Address], done: Collection[Address]) -> None:
    """Check who goes on after a phase: some of those who did its step, and enough, in each cluster too.

    Raises:
        SetMismatch: somebody did not act, or they do not ascend.
        BelowThreshold: too few go on.
    """
    check_ascending(hospitals, done)
    if current.viewer is None and len(hospitals) < current.terms.min_commitments:
        raise BelowThreshold(len(hospitals), current.terms.min_commitments)
    check_fewest(current, hospitals)


def rooted(current: Round, root: Digest) -> Mapping[Phase, Digest]:
    """Return the roots of the phases with that of the phase at hand; EncodingError in a round without clusters."""
    if terms_of(current) is None:
        raise EncodingError("record", "it has a root over clusters, and the round has none")
    return MappingProxyType({**current.roots, current.phase: root})


def _check_once(current: Round, sender: Address, done: Mapping[Address, object], now: int) -> None:
    if sender not in current.going:
        raise NotInSet(sender)
    _check_time(current, now)
    if sender in done:
        raise DuplicateStep(sender)


def _check_frozen(current: Round, sender: Address, given: Digest, now: int) -> None:
    if sender not in current.in_set:
        raise NotInSet(sender)
    _check_time(current, now)
    if given != current.set_digest:
        raise EquivocationDetected(current.set_digest, given)


def _check_time(current: Round, now: int) -> None:
    """Raise DeadlinePassed; the steps of a wide round come in one batch, which may be recorded later."""
    if current.wide is None and now > current.step_deadline:
        raise DeadlinePassed(current.step_deadline)
