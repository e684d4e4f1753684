"""Requests on the fold; the refusals of the contract are in tests/vectors/authority.json."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl.protocol.errors import (
    DeadlinePassed,
    DuplicateStep,
    EncodingError,
    HemaledgerError,
    KeyExpired,
    RequestClosed,
    RequestInvalid,
    RevokedSender,
    StaleCommittee,
    WrongRequest,
    WrongRole,
)
from fl.protocol.keys.ceremony import CeremonyPhase
from fl.protocol.keys.requests import Approval, Refused, RequestPhase
from fl.protocol.names import Address, CeremonyKind, KeyUse, Refusal
from fl.protocol.records import DecryptionFulfilled, DecryptionRefused, MemberRevoked
from tests.support.protocol.committee import (
    CAPSULE,
    D1,
    D2,
    D3,
    EXPIRES,
    LABEL,
    USE,
    approve,
    ask,
    run,
    start,
    trustees,
)
from tests.support.protocol.scene import AUDITOR, COORDINATOR, H1, OPERATOR, Log


def asked() -> Log:
    log = run(trustees(), start())
    log.add(ask(log))
    return log


def test_a_request_keeps_what_was_asked_and_every_answer() -> None:
    log = asked()
    entry = log.entries[-1]
    log.add(approve(D1), DecryptionRefused(D2, 1, Refusal.CONSENT))
    request = log.federation.threshold.request(1)
    assert (request.number, request.requester, request.key_use, request.epoch) == (1, H1, USE, 1)
    assert (request.record.label, request.record.capsule_digest) == (LABEL, CAPSULE)
    assert (request.requested, request.last) == (entry, log.entries[-1])
    assert dict(request.approvals) == {D1: Approval(approve(D1).digest, log.entries[-2])}
    assert dict(request.refusals) == {D2: Refused(Refusal.CONSENT, log.entries[-1])}
    assert request.phase == RequestPhase.OPEN


def test_answers_come_in_the_order_of_the_ledger() -> None:
    log = asked()
    log.add(DecryptionRefused(D3, 1, Refusal.PURPOSE), approve(D1))
    request = log.federation.threshold.request(1)
    assert list(request.answers) == [D3, D1]
    assert [each.entry for each in request.answers.values()] == log.entries[-2:]


def answer_of(log: Log, trustee: Address, number: int = 1) -> type[Exception] | None:
    """Return the error with which the rule answers a trustee now; None: it may answer."""
    try:
        log.federation.threshold.answerable(number, trustee, log.now, log.federation.book)
    except HemaledgerError as error:
        return type(error)
    return None


def test_whether_a_trustee_may_answer_is_what_the_ledger_would_say() -> None:
    log = asked()
    log.add(approve(D1))
    assert [answer_of(log, each) for each in (D1, D2, D3)] == [DuplicateStep, None, None]
    assert (answer_of(log, H1), answer_of(log, D2, 2)) == (WrongRole, WrongRequest)
    log.add(MemberRevoked(OPERATOR, D2, "left"))
    assert answer_of(log, D2) is RevokedSender
    log.now = log.federation.threshold.request(1).record.deadline + 1
    assert [answer_of(log, each) for each in (D1, D3)] == [DeadlinePassed, DeadlinePassed]
    log.now = EXPIRES + 1
    assert answer_of(log, D3) is KeyExpired


def test_a_closed_request_is_closed_for_those_who_answered_it_too() -> None:
    log = asked()
    log.add(approve(D1), approve(D2), DecryptionFulfilled(H1, 1))
    assert [answer_of(log, each) for each in (D1, D3)] == [RequestClosed, RequestClosed]


def test_a_request_waits_a_year_at_most() -> None:
    log = run(trustees(), start())
    for wrong in (0, 366 * 86_400 + 1):
        log.refuses(ask(log, deadline_s=wrong), RequestInvalid, {})
    log.add(ask(log, deadline_s=366 * 86_400))
    assert log.federation.threshold.request(1).phase == RequestPhase.OPEN


def test_a_request_ends_with_its_requester_when_enough_approved() -> None:
    log = asked()
    log.add(approve(D3), approve(D1))
    assert log.federation.threshold.request(1).phase == RequestPhase.APPROVED
    log.add(approve(D2), DecryptionFulfilled(H1, 1))
    request = log.federation.threshold.request(1)
    assert (request.phase, request.closed, len(request.approvals)) == (RequestPhase.FULFILLED, True, 3)


@pytest.mark.parametrize("refusals", [1, 2])
def test_a_request_is_refused_when_the_threshold_is_out_of_reach(refusals: int) -> None:
    log = asked()
    log.add(*(DecryptionRefused(who, 1, Refusal.JUDGEMENT) for who in (D1, D2)[:refusals]))
    hopeless = refusals == 2
    assert log.federation.threshold.request(1).phase == (RequestPhase.REFUSED if hopeless else RequestPhase.OPEN)
    if hopeless:
        log.refuses(approve(D3), RequestClosed, {"request": 1})


@pytest.mark.parametrize("number", [0, 2, 7])
def test_the_number_of_a_request_is_the_contracts(number: int) -> None:
    log = run(trustees(), start())
    log.refuses(replace(ask(log), request=number), EncodingError)


@pytest.mark.parametrize("number", [0, 2, 2**64 - 1])
def test_only_requests_that_were_made_are_found(number: int) -> None:
    with pytest.raises(WrongRequest):
        asked().federation.threshold.request(number)


def test_a_request_dies_with_its_committee_but_what_was_approved_may_be_fulfilled() -> None:
    log = asked()
    log.add(ask(log), approve(D1, 2), approve(D2, 2))
    run(log, start(2, CeremonyKind.REFRESH))
    log.refuses(approve(D1), StaleCommittee, {"asked": 1, "current": 2})
    log.add(DecryptionFulfilled(H1, 2))
    assert log.federation.threshold.request(2).phase == RequestPhase.FULFILLED
    log.add(ask(log))
    assert log.federation.threshold.request(3).epoch == 2


def test_an_unfinished_ceremony_disturbs_no_request() -> None:
    log = asked()
    run(log, start(2, CeremonyKind.REFRESH), CeremonyPhase.CONFIRM)
    log.add(approve(D1))


def test_nothing_is_asked_or_answered_after_the_shares_expired() -> None:
    log = asked()
    log.add(ask(log, deadline_s=200_000))
    log.now = EXPIRES
    log.add(approve(D1, 2))
    log.now = EXPIRES + 1
    for record in (approve(D2, 2), ask(log)):
        log.refuses(record, KeyExpired, {"key_use": 1, "expired_at": EXPIRES})


def test_the_requesters_revocation_stops_approvals_and_not_refusals() -> None:
    log = asked()
    log.add(MemberRevoked(OPERATOR, H1, "left"))
    log.refuses(approve(D1), RevokedSender, {"account": H1})
    log.add(DecryptionRefused(D1, 1, Refusal.REQUESTER))


@pytest.mark.parametrize("who", [COORDINATOR, AUDITOR, OPERATOR, D1])
def test_records_are_asked_for_by_hospitals_alone(who: Address) -> None:
    log = run(trustees(), start())
    log.refuses(replace(ask(log), sender=who), WrongRole, {"account": who})


@pytest.mark.parametrize("who", [COORDINATOR, OPERATOR, D1])
def test_predictions_are_asked_for_by_hospitals_and_auditors_alone(who: Address) -> None:
    log = run(trustees(), start())
    record = replace(ask(log), key_use=KeyUse.INFERENCE)
    log.refuses(replace(record, sender=who), WrongRole, {"account": who})
    for member in (H1, AUDITOR):
        log.refuses(replace(record, sender=member), StaleCommittee, {"asked": 1, "current": 0})
