"""The steps that only masked rounds have: set up keys, agree on one set, reveal shares.

Invariant: the same checks, order and errors as in FederationLedger.sol. Every hospital and auditor checks the rest
(points, shares, complaints, signatures), which a contract cannot check.

Source: PROTOCOL.md 5, phases 1, 2, 2b, 5 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fl.protocol.errors import (
    BelowThreshold,
    DeadlineNotPassed,
    DeadlinePassed,
    DuplicateStep,
    EquivocationDetected,
    LengthInvalid,
    NotInSet,
    RevealConflict,
    WrongPhase,
)
from fl.protocol.growing import with_item
from fl.protocol.names import Address, Digest
from fl.protocol.records import (
    KeysAdvertised,
    MaskedRecord,
    PhaseClosed,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
)
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
            check_complaints(record.complaints, current.sharers)
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
    return others if current.wide is None else min(current.wide.degree, others)


def _close(current: Round, record: PhaseClosed, now: int) -> Round:
    """End a set-up phase; the named hospitals continue."""
    if record.phase != current.phase:
        raise WrongPhase(current.number, current.phase)
    did: Mapping[Phase, Mapping[Address, object]] = {
        Phase.ADVERTISE: current.advertised,
        Phase.SHARE: current.dealt,
        Phase.COMPLAIN: current.checked,
    }
    done = did[current.phase]
    if len(done) < len(current.sharers) and now <= current.step_deadline:
        raise DeadlineNotPassed(current.step_deadline)
    check_ascending(record.hospitals, done)
    if len(record.hospitals) < current.terms.min_commitments:
        raise BelowThreshold(len(record.hospitals), current.terms.min_commitments)
    receivers = record.hospitals if current.phase == Phase.ADVERTISE else current.receivers
    return replace(current, sharers=record.hospitals, receivers=receivers)


def _check_once(current: Round, sender: Address, done: Mapping[Address, object], now: int) -> None:
    if sender not in current.sharers:
        raise NotInSet(sender)
    _check_time(current, now)
    if sender in done:
        raise DuplicateStep(sender)


def _check_frozen(current: Round, sender: Address, given: Digest, now: int) -> None:
    if sender not in current.hospitals:
        raise NotInSet(sender)
    _check_time(current, now)
    if given != current.set_digest:
        raise EquivocationDetected(current.set_digest, given)


def _check_time(current: Round, now: int) -> None:
    """Raise DeadlinePassed; the steps of a wide round come in one batch, which may be recorded later."""
    if current.wide is None and now > current.step_deadline:
        raise DeadlinePassed(current.step_deadline)
