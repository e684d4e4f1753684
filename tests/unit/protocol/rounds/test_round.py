from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from fl.protocol.errors import (
    BelowThreshold,
    DeadlineNotPassed,
    DeadlinePassed,
    DuplicateAttestation,
    DuplicateCommitment,
    EncodingError,
    HemaledgerError,
    ModelDigestMismatch,
    NotInRoster,
    RevokedMidRound,
    RevokedSender,
    SetMismatch,
    TermsInvalid,
    TooFewAttestations,
    UnknownSender,
    WrongPhase,
    WrongRole,
    WrongRound,
)
from fl.protocol.names import NO_DIGEST, Address, Protection, Role
from fl.protocol.records import (
    KeyRotated,
    LedgerHandedOver,
    MemberRegistered,
    MemberRevoked,
    ModelAttested,
    ModelProposed,
    RoundAborted,
    RoundFinalised,
    RoundFrozen,
    RoundOpened,
    RoundRecord,
    UpdateCommitted,
)
from fl.protocol.rounds.round import Phase
from fl.protocol.rounds.rules import advance
from tests.support.protocol.scene import (
    ANCHOR,
    AUDITOR,
    AUDITOR_2,
    CHAIN_ID,
    CLOSE_BY,
    COMMIT_BY,
    CONFIG,
    CONSORTIUM,
    CONTRACT,
    COORDINATOR,
    ENVELOPE,
    H1,
    H2,
    H3,
    HOSPITALS,
    KEYLESS,
    MODEL_0,
    MODEL_1,
    MODEL_2,
    OPERATOR,
    OUTSIDER,
    REPORT,
    START,
    SUCCESSOR,
    TERMS,
    TRUSTEE,
    Log,
    at,
    commit,
    federation,
    frozen,
    opened,
    public_key,
    update_digest,
)

PHASES = (Phase.OPEN, Phase.FROZEN, Phase.PROPOSED, Phase.FINAL, Phase.ABORTED)
PROPOSE = ModelProposed(COORDINATOR, 1, MODEL_1, ENVELOPE)
ATTEST = ModelAttested(AUDITOR, 1, MODEL_1, REPORT)
FINALISE = RoundFinalised(COORDINATOR, 1, MODEL_1)
ABORT = RoundAborted(COORDINATOR, 1, "it failed")
ALLOWED = {
    (Phase.OPEN, UpdateCommitted): Phase.OPEN,
    (Phase.OPEN, RoundFrozen): Phase.FROZEN,
    (Phase.OPEN, RoundAborted): Phase.ABORTED,
    (Phase.FROZEN, ModelProposed): Phase.PROPOSED,
    (Phase.FROZEN, RoundAborted): Phase.ABORTED,
    (Phase.PROPOSED, ModelAttested): Phase.PROPOSED,
    (Phase.PROPOSED, RoundFinalised): Phase.FINAL,
    (Phase.PROPOSED, RoundAborted): Phase.ABORTED,
}
"""PROTOCOL.md 5S: Open -> Commit -> Freeze -> Propose -> Attest -> Final, and an abort before the end."""


def standing(phase: Phase) -> Log:
    """Return a ledger in `phase` where any record of the table would be right but for the phase."""
    log = federation()
    log.add(opened(), commit(H1), commit(H2))
    if phase == Phase.OPEN:
        log.now = COMMIT_BY + 1
        return log
    log = at(phase)
    if phase == Phase.PROPOSED:
        log.add(replace(ATTEST, sender=AUDITOR_2))
    return log


@pytest.mark.parametrize(
    ("phase", "record"),
    list(product(PHASES, [commit(H3), frozen((H1, H2)), PROPOSE, ATTEST, FINALISE, ABORT])),
    ids=lambda value: value.name if isinstance(value, Phase) else type(value).__name__,
)
def test_a_record_moves_the_round_as_the_protocol_says_or_the_phase_forbids_it(
    phase: Phase, record: RoundRecord
) -> None:
    log = standing(phase)
    if isinstance(record, UpdateCommitted) and phase == Phase.OPEN:
        log.now = COMMIT_BY
    following = ALLOWED.get((phase, type(record)))
    if following is None:
        log.refuses(record, WrongPhase, {"round": 1, "phase": int(phase)})
    else:
        log.add(record)
        assert log.round.phase == following
        assert log.round.last == log.entries[-1]


def test_phases_have_the_numbers_of_the_contract() -> None:
    numbers = {phase.name: int(phase) for phase in Phase}
    assert list(numbers.values()) == list(range(12))
    assert {"NONE": 0, "OPEN": 1, "FROZEN": 6, "PROPOSED": 9, "FINAL": 10, "ABORTED": 11}.items() <= numbers.items()


def test_a_round_begins_with_what_it_was_opened_with() -> None:
    log = federation()
    log.add(opened())
    current = log.round
    assert (current.number, current.phase, current.roster) == (1, Phase.OPEN, HOSPITALS)
    assert (current.terms, current.previous_model, current.opener) == (TERMS, MODEL_0, COORDINATOR)
    assert not current.ended
    assert not current.complete
    assert KEYLESS not in current.keys
    assert current.keys[H1].public_key == public_key(H1)


@pytest.mark.parametrize(
    "changes",
    [
        {"protection": Protection.MASKED},
        {"threshold": 1},
        {"threshold": 2},
        {"min_commitments": 0},
        {"min_commitments": 4},
        {"attestations": 0},
        {"parameters": 0},
        {"commit_deadline": START},
        {"commit_deadline": START - 1},
        {"close_deadline": COMMIT_BY},
        {"close_deadline": COMMIT_BY - 1},
        {"close_deadline": START + 366 * 86_400 + 1},
    ],
)
def test_terms_that_contradict_each_other_are_refused(changes: dict[str, int]) -> None:
    log = federation()
    log.refuses(opened(terms=replace(TERMS, **changes)), TermsInvalid, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"min_commitments": 1},
        {"min_commitments": 3},
        {"step_timeout": 2**64 - 1},
        {"commit_deadline": START + 1},
        {"close_deadline": COMMIT_BY + 1},
        {"close_deadline": START + 366 * 86_400},
    ],
)
def test_terms_at_their_bounds_are_accepted(changes: dict[str, int]) -> None:
    log = federation()
    log.add(opened(terms=replace(TERMS, **changes)))  # type: ignore[arg-type]
    assert log.round.phase == Phase.OPEN


@pytest.mark.parametrize("roster", [(), (H2, H1), (H1, H1, H2), (H1, H3, H2)])
def test_a_roster_that_is_empty_or_not_ascending_is_refused(roster: tuple[Address, ...]) -> None:
    federation().refuses(replace(opened(), roster=roster), TermsInvalid, {})


def test_a_roster_has_at_most_1024_hospitals() -> None:
    many = tuple(Address(number.to_bytes(20, "big")) for number in range(1, 1026))
    federation().refuses(replace(opened(), roster=many), TermsInvalid, {})
    federation().refuses(replace(opened(), roster=many[:1024]), NotInRoster, {"account": many[0]})


@pytest.mark.parametrize("account", [KEYLESS, AUDITOR, COORDINATOR, OPERATOR, OUTSIDER, TRUSTEE])
def test_a_roster_holds_active_hospitals_with_a_key_only(account: Address) -> None:
    roster = tuple(sorted((H1, H2, account)))
    federation().refuses(replace(opened(), roster=roster), NotInRoster, {"account": account})


def test_a_revoked_hospital_is_in_no_roster() -> None:
    log = federation()
    log.add(MemberRevoked(OPERATOR, H2, "left"))
    log.refuses(opened(), NotInRoster, {"account": H2})


COMMIT_1 = commit(H1)


@pytest.mark.parametrize(
    ("phase", "now", "record", "error", "facts"),
    [
        # The sender, before the round, before everything else.
        (Phase.OPEN, START, replace(COMMIT_1, sender=OUTSIDER, round=9), UnknownSender, {"account": OUTSIDER}),
        (Phase.OPEN, START, replace(COMMIT_1, sender=AUDITOR, round=9), WrongRole, {"account": AUDITOR}),
        (Phase.OPEN, START, replace(COMMIT_1, sender=KEYLESS, round=9), WrongRound, {"expected": 1, "actual": 9}),
        (Phase.FROZEN, START, replace(COMMIT_1, sender=KEYLESS), WrongPhase, {"round": 1, "phase": 6}),
        (Phase.OPEN, COMMIT_BY + 1, replace(COMMIT_1, sender=KEYLESS), NotInRoster, {"account": KEYLESS}),
        (Phase.OPEN, COMMIT_BY + 1, COMMIT_1, DeadlinePassed, {"deadline": COMMIT_BY}),
        (Phase.OPEN, COMMIT_BY, COMMIT_1, DuplicateCommitment, {"account": H1}),
        (Phase.OPEN, START, replace(frozen(), sender=OUTSIDER, round=9), UnknownSender, {"account": OUTSIDER}),
        (Phase.OPEN, START, replace(frozen(), sender=H1, round=9), WrongRole, {"account": H1}),
        (Phase.OPEN, START, replace(frozen(), round=2), WrongRound, {"expected": 1, "actual": 2}),
        (Phase.FROZEN, START, frozen((H2, H1)), WrongPhase, {"round": 1, "phase": 6}),
        (Phase.OPEN, START, frozen((H2, H1, H3)), SetMismatch, {"account": H1}),
        (Phase.OPEN, START, frozen((H1, H1)), SetMismatch, {"account": H1}),
        (Phase.OPEN, START, frozen((KEYLESS,)), SetMismatch, {"account": KEYLESS}),
        (Phase.OPEN, START, frozen((H2, OUTSIDER)), SetMismatch, {"account": OUTSIDER}),
        (Phase.OPEN, START, frozen((H3,)), BelowThreshold, {"actual": 1, "required": 2}),
        (Phase.OPEN, START, frozen(()), BelowThreshold, {"actual": 0, "required": 2}),
        (Phase.FROZEN, START, replace(PROPOSE, sender=OUTSIDER, round=9), UnknownSender, {"account": OUTSIDER}),
        (Phase.FROZEN, START, replace(PROPOSE, sender=AUDITOR, round=9), WrongRole, {"account": AUDITOR}),
        (Phase.FROZEN, START, replace(PROPOSE, round=0), WrongRound, {"expected": 1, "actual": 0}),
        (Phase.PROPOSED, START, replace(ATTEST, sender=OUTSIDER, round=9), UnknownSender, {"account": OUTSIDER}),
        (Phase.PROPOSED, START, replace(ATTEST, sender=COORDINATOR, round=9), WrongRole, {"account": COORDINATOR}),
        (Phase.PROPOSED, START, replace(ATTEST, sender=H1, round=9), WrongRound, {"expected": 1, "actual": 9}),
        (Phase.FROZEN, START, replace(ATTEST, sender=H1), WrongPhase, {"round": 1, "phase": 6}),
        (Phase.PROPOSED, START, replace(ATTEST, sender=H1, model_digest=MODEL_2), WrongRole, {"account": H1}),
        (Phase.PROPOSED, START, replace(ATTEST, round=9), WrongRound, {"expected": 1, "actual": 9}),
        (
            Phase.PROPOSED,
            START,
            replace(ATTEST, model_digest=MODEL_2),
            ModelDigestMismatch,
            {"expected": MODEL_1, "actual": MODEL_2},
        ),
        (Phase.PROPOSED, START, replace(FINALISE, sender=OUTSIDER, round=9), UnknownSender, {"account": OUTSIDER}),
        (Phase.PROPOSED, START, replace(FINALISE, sender=AUDITOR, round=9), WrongRole, {"account": AUDITOR}),
        (Phase.PROPOSED, START, replace(FINALISE, round=9), WrongRound, {"expected": 1, "actual": 9}),
        (Phase.PROPOSED, START, FINALISE, TooFewAttestations, {"actual": 0, "required": 1}),
        (Phase.OPEN, CLOSE_BY + 1, replace(ABORT, sender=OUTSIDER, round=9), UnknownSender, {"account": OUTSIDER}),
        (Phase.OPEN, CLOSE_BY + 1, replace(ABORT, round=9), WrongRound, {"expected": 1, "actual": 9}),
        (Phase.FINAL, START, replace(ABORT, sender=H1), WrongPhase, {"round": 1, "phase": 10}),
        (Phase.OPEN, CLOSE_BY, replace(ABORT, sender=H1), DeadlineNotPassed, {"deadline": CLOSE_BY}),
    ],
)
def test_a_refusal_is_the_first_rule_broken_with_its_fields(
    phase: Phase, now: int, record: RoundRecord, error: type[HemaledgerError], facts: dict[str, object]
) -> None:
    log = at(phase)
    log.now = now
    log.refuses(record, error, facts)


@pytest.mark.parametrize(
    ("phase", "sender", "record"),
    [
        (Phase.OPEN, H1, COMMIT_1),
        (Phase.OPEN, COORDINATOR, frozen()),
        (Phase.FROZEN, COORDINATOR, PROPOSE),
        (Phase.PROPOSED, AUDITOR, ATTEST),
        (Phase.PROPOSED, COORDINATOR, FINALISE),
        (Phase.OPEN, COORDINATOR, ABORT),
    ],
)
def test_a_revoked_sender_is_refused_first(phase: Phase, sender: Address, record: RoundRecord) -> None:
    log = at(phase)
    log.add(MemberRevoked(OPERATOR, sender, "left"))
    log.refuses(replace(record, round=9), RevokedSender, {"account": sender})


@pytest.mark.parametrize(
    ("phase", "record"), [(Phase.OPEN, frozen()), (Phase.FROZEN, PROPOSE), (Phase.PROPOSED, FINALISE)]
)
def test_a_new_coordinator_can_only_abort_anothers_round(phase: Phase, record: RoundRecord) -> None:
    log = at(phase)
    heir = Address(b"\xe1" * 20)
    log.add(MemberRevoked(OPERATOR, COORDINATOR, ""), MemberRegistered(OPERATOR, heir, Role.COORDINATOR, "heir"))
    log.refuses(replace(record, sender=heir, round=9), WrongRole, {"account": heir})
    log.add(replace(ABORT, sender=heir))
    assert log.round.phase == Phase.ABORTED


def test_the_commit_deadline_is_the_last_moment_to_commit() -> None:
    log = federation()
    log.add(opened())
    log.now = COMMIT_BY
    log.add(commit(H1))
    log.now = COMMIT_BY + 1
    log.refuses(commit(H2), DeadlinePassed, {"deadline": COMMIT_BY})


def test_an_incomplete_round_is_frozen_after_the_deadline_only() -> None:
    log = federation()
    log.add(opened(), commit(H1), commit(H3))
    for now in (START, COMMIT_BY):
        log.now = now
        log.refuses(frozen((H1, H3)), DeadlineNotPassed, {"deadline": COMMIT_BY})
        log.refuses(frozen((H3, H1)), DeadlineNotPassed, {"deadline": COMMIT_BY})
    log.now = COMMIT_BY + 1
    log.add(frozen((H1, H3)))
    assert log.round.hospitals == (H1, H3)


def test_a_complete_round_is_frozen_at_once_and_may_leave_hospitals_out() -> None:
    log = at(Phase.OPEN)
    assert log.round.complete
    log.add(frozen((H2, H3)))
    assert log.round.hospitals == (H2, H3)
    assert log.round.commitments == {hospital: update_digest(hospital) for hospital in HOSPITALS}


@pytest.mark.parametrize("wrong", [NO_DIGEST, frozen((H1, H2)).set_digest, frozen(number=2).set_digest])
def test_a_set_digest_that_is_not_that_of_the_set_is_refused(wrong: bytes) -> None:
    log = at(Phase.OPEN)
    log.refuses(replace(frozen(), set_digest=wrong), EncodingError)  # type: ignore[arg-type]
    log.add(frozen())


def test_others_abort_after_the_close_deadline_and_the_opener_at_any_time() -> None:
    for sender in (H1, AUDITOR, OPERATOR, TRUSTEE, KEYLESS):
        log = at(Phase.FROZEN)
        log.now = CLOSE_BY
        log.refuses(replace(ABORT, sender=sender), DeadlineNotPassed, {"deadline": CLOSE_BY})
        log.now = CLOSE_BY + 1
        log.add(replace(ABORT, sender=sender, reason="too slow"))
        assert (log.round.phase, log.round.reason, log.round.ended) == (Phase.ABORTED, "too slow", True)
    log = at(Phase.OPEN)
    log.add(ABORT)
    assert log.round.ended


def test_an_auditor_attests_once_and_enough_auditors_make_it_final() -> None:
    log = federation()
    terms = replace(TERMS, attestations=2)
    log.add(opened(terms=terms), *map(commit, HOSPITALS), frozen(), PROPOSE, ATTEST)
    log.refuses(ATTEST, DuplicateAttestation, {"account": AUDITOR})
    wrong_too = replace(ATTEST, model_digest=MODEL_2)
    log.refuses(wrong_too, ModelDigestMismatch, {"expected": MODEL_1, "actual": MODEL_2})
    log.refuses(FINALISE, TooFewAttestations, {"actual": 1, "required": 2})
    log.add(replace(ATTEST, sender=AUDITOR_2, report_digest=NO_DIGEST))
    wrong_model = replace(FINALISE, model_digest=MODEL_2)
    log.refuses(wrong_model, ModelDigestMismatch, {"expected": MODEL_1, "actual": MODEL_2})
    log.add(FINALISE)
    assert log.round.attestations == {AUDITOR: REPORT, AUDITOR_2: NO_DIGEST}
    assert log.federation.model_digest == MODEL_1


def test_a_frozen_hospital_revoked_before_the_end_stops_the_round_before_anything_else() -> None:
    log = at(Phase.PROPOSED)
    log.add(MemberRevoked(OPERATOR, H2, "left"))
    log.refuses(FINALISE, RevokedMidRound, {"account": H2})
    log.add(ATTEST)
    log.refuses(replace(FINALISE, model_digest=MODEL_2), RevokedMidRound, {"account": H2})
    log.add(ABORT)


def test_a_revoked_hospital_that_was_left_out_stops_nothing() -> None:
    log = at(Phase.OPEN)
    log.add(frozen((H1, H2)), PROPOSE, ATTEST, MemberRevoked(OPERATOR, H3, "left"), FINALISE)
    assert log.round.phase == Phase.FINAL


def test_a_digest_of_zero_and_a_copied_digest_are_commitments_like_any_other() -> None:
    log = federation()
    log.add(opened(), replace(commit(H1), digest=NO_DIGEST), commit(H2), replace(commit(H3), digest=update_digest(H2)))
    assert log.round.commitments == {H1: NO_DIGEST, H2: update_digest(H2), H3: update_digest(H2)}


def test_a_rotation_takes_effect_in_the_next_round() -> None:
    log = at(Phase.OPEN)
    context = log.round.context
    log.add(KeyRotated(H1, 2, public_key(H1, 2), bytes(64)))
    assert log.round.keys[H1].epoch == 1
    assert log.round.context == context
    log.add(ABORT, opened(2))
    assert (log.round.keys[H1].epoch, log.round.keys[H1].public_key) == (2, public_key(H1, 2))


@pytest.mark.parametrize("record", [opened(), LedgerHandedOver(OPERATOR, SUCCESSOR), MemberRevoked(OPERATOR, H1, "")])
def test_records_that_are_no_steps_of_a_round_do_not_advance_one(
    record: RoundOpened | LedgerHandedOver | MemberRevoked,
) -> None:
    log = at(Phase.OPEN)
    with pytest.raises(EncodingError):
        advance(log.round, log.entry(record), log.federation.book)


def digest_of_terms() -> bytes:
    fields = struct.pack(">BHHHQ32sQQQ", 2, 2, 1, 0, 10, CONFIG, 0, COMMIT_BY, CLOSE_BY)
    return hashlib.sha256(b"BAFL/1/terms" + fields).digest()


def digest_of_roster(epochs: Callable[[Address], int] = lambda _account: 1) -> bytes:
    rows = [
        struct.pack(">20sI65s", account, epochs(account), public_key(account, epochs(account))) for account in HOSPITALS
    ]
    return hashlib.sha256(b"BAFL/1/roster" + struct.pack(">H", 3) + b"".join(rows)).digest()


def test_the_context_is_the_hash_of_all_that_tells_this_round_from_others() -> None:
    log = federation()
    log.add(opened())
    head = struct.pack(">32sQ20sQ", CONSORTIUM, CHAIN_ID, CONTRACT, 1)
    content = head + log.entries[-1].block_hash + digest_of_terms() + MODEL_0 + digest_of_roster()
    assert log.round.roster_root == digest_of_roster()
    assert log.round.context == hashlib.sha256(b"BAFL/1/round" + content).digest()
    assert log.round.anchor == ANCHOR


def test_the_context_differs_in_everything_it_names() -> None:
    log = federation()
    log.add(opened())
    current = log.round
    others = [
        replace(current, number=2),
        replace(current, anchor=replace(ANCHOR, consortium=bytes(32))),
        replace(current, anchor=replace(ANCHOR, chain_id=1)),
        replace(current, anchor=replace(ANCHOR, contract=SUCCESSOR)),
        replace(current, opened=replace(current.opened, block_hash=bytes(32))),
        replace(current, previous_model=MODEL_1),
        replace(current, roster=(H1, H2)),
        replace(current, terms=replace(TERMS, attestations=2)),
        replace(current, terms=replace(TERMS, threshold=2)),
        replace(current, terms=replace(TERMS, step_timeout=1)),
        replace(current, keys={**current.keys, H1: current.keys[H2]}),
    ]
    assert len({current.context, *(other.context for other in others)}) == len(others) + 1
