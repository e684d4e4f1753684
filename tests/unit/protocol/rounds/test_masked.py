"""Masked rounds: the table of phases, the order of refusals and the context of the masks, by hand."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import replace
from itertools import product

import pytest

from fl.protocol.errors import (
    BelowThreshold,
    DeadlineNotPassed,
    DeadlinePassed,
    DuplicateAttestation,
    DuplicateStep,
    EquivocationDetected,
    HemaledgerError,
    LengthInvalid,
    NotInSet,
    RevealConflict,
    RevokedMidRound,
    RevokedSender,
    SetMismatch,
    TamperedError,
    TermsInvalid,
    TooFewReveals,
    UnknownSender,
    WrongPhase,
    WrongRole,
    WrongRound,
)
from fl.protocol.names import Address, Digest
from fl.protocol.records import (
    KeysAdvertised,
    MemberRevoked,
    ModelAttested,
    ModelProposed,
    PhaseClosed,
    RoundAborted,
    RoundFinalised,
    RoundFrozen,
    RoundRecord,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
    UpdateCommitted,
)
from fl.protocol.rounds.round import Phase, Round
from tests.support.protocol.scene import (
    AUDITOR,
    AUDITOR_2,
    COMMIT_BY,
    COORDINATOR,
    ENVELOPE,
    H1,
    H2,
    H3,
    HOSPITALS,
    KEYLESS,
    MASKED,
    MODEL_1,
    MODEL_2,
    OPERATOR,
    OUTSIDER,
    REPORT,
    START,
    STEP_S,
    Log,
    advertise,
    check,
    close,
    commit,
    complaints,
    deal,
    endorse,
    federation,
    frozen,
    masked_at,
    opened,
    point,
    reveal,
)

PHASES = (
    Phase.ADVERTISE,
    Phase.SHARE,
    Phase.COMPLAIN,
    Phase.MASK,
    Phase.AGREE,
    Phase.UNMASK,
    Phase.PROPOSED,
    Phase.FINAL,
)
PROPOSE = ModelProposed(COORDINATOR, 1, MODEL_1, ENVELOPE)
ATTEST = ModelAttested(H1, 1, MODEL_1, REPORT)
FINALISE = RoundFinalised(COORDINATOR, 1, MODEL_1)
ABORT = RoundAborted(COORDINATOR, 1, "it failed")
TWO = (H1, H2)
LATE = START + STEP_S + 1
OTHER = Digest(b"\xee" * 32)
RECORDS: list[RoundRecord] = [
    advertise(H3),
    deal(H3),
    check(H3),
    close(Phase.ADVERTISE, TWO),
    close(Phase.SHARE, TWO),
    close(Phase.COMPLAIN, TWO),
    commit(H3),
    frozen(TWO),
    endorse(H3),
    reveal(H3),
    PROPOSE,
    replace(ATTEST, sender=H3),
    FINALISE,
    ABORT,
]
ALLOWED = {
    (Phase.ADVERTISE, KeysAdvertised): Phase.ADVERTISE,
    (Phase.ADVERTISE, PhaseClosed): Phase.SHARE,
    (Phase.SHARE, SharesDealt): Phase.SHARE,
    (Phase.SHARE, PhaseClosed): Phase.COMPLAIN,
    (Phase.COMPLAIN, SharesChecked): Phase.COMPLAIN,
    (Phase.COMPLAIN, PhaseClosed): Phase.MASK,
    (Phase.MASK, UpdateCommitted): Phase.MASK,
    (Phase.MASK, RoundFrozen): Phase.AGREE,
    (Phase.AGREE, SetEndorsed): Phase.UNMASK,
    (Phase.UNMASK, SetEndorsed): Phase.UNMASK,
    (Phase.UNMASK, SharesRevealed): Phase.UNMASK,
    (Phase.UNMASK, ModelProposed): Phase.PROPOSED,
    (Phase.PROPOSED, ModelAttested): Phase.PROPOSED,
    (Phase.PROPOSED, RoundFinalised): Phase.FINAL,
}
"""PROTOCOL.md 5, phases 1 to 8, where H1 and H2 acted (but in AGREE H1 alone: H3 is the second of two needed)."""


def standing(phase: Phase) -> Log:
    """Return a ledger in `phase` where any record of the table would be right but for the phase."""
    log = masked_at(phase, (H1,) if phase == Phase.AGREE else TWO)
    if phase == Phase.UNMASK:
        log = masked_at(Phase.AGREE, TWO)
        log.add(reveal(H1), reveal(H2))
    return log


def time_for(record: RoundRecord) -> int:
    if isinstance(record, PhaseClosed):
        return LATE
    return COMMIT_BY + 1 if isinstance(record, RoundFrozen) else START


@pytest.mark.parametrize(
    ("phase", "record"),
    list(product(PHASES, RECORDS)),
    ids=lambda value: value.name if isinstance(value, Phase) else type(value).__name__,
)
def test_a_record_moves_the_round_as_the_protocol_says_or_the_phase_forbids_it(
    phase: Phase, record: RoundRecord
) -> None:
    log = standing(phase)
    log.now = time_for(record)
    following = ALLOWED.get((phase, type(record)))
    if isinstance(record, RoundAborted) and phase != Phase.FINAL:
        following = Phase.ABORTED
    if isinstance(record, PhaseClosed) and record.phase != phase:
        following = None
    if following is None:
        log.refuses(record, WrongPhase, {"round": 1, "phase": int(phase)})
        return
    since = log.round.phase_since
    log.add(record)
    assert log.round.phase == following
    assert log.round.last == log.entries[-1]
    assert log.round.phase_since == (since if following == phase else log.now)


def test_a_masked_round_begins_with_its_whole_roster() -> None:
    log = federation()
    log.add(opened(terms=MASKED))
    assert (log.round.phase, log.round.sharers, log.round.phase_since) == (Phase.ADVERTISE, HOSPITALS, START)
    assert log.round.masked
    assert log.round.step_deadline == START + STEP_S


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 0},
        {"threshold": 1},
        {"threshold": 3},
        {"threshold": 4, "min_commitments": 4},
        {"min_commitments": 1},
        {"min_commitments": 4},
        {"step_timeout": 0},
        {"step_timeout": 30 * 86_400 + 1},
        {"attestations": 0},
        {"commit_deadline": START},
    ],
)
def test_masked_terms_that_contradict_each_other_are_refused(changes: dict[str, int]) -> None:
    federation().refuses(opened(terms=replace(MASKED, **changes)), TermsInvalid, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes", [{"threshold": 3, "min_commitments": 3}, {"step_timeout": 1}, {"step_timeout": 30 * 86_400}]
)
def test_masked_terms_at_their_bounds_are_accepted(changes: dict[str, int]) -> None:
    log = federation()
    log.add(opened(terms=replace(MASKED, **changes)))  # type: ignore[arg-type]
    assert log.round.phase == Phase.ADVERTISE


def test_two_hospitals_cannot_hide_in_a_sum() -> None:
    federation().refuses(replace(opened(terms=MASKED), roster=TWO), TermsInvalid, {})


def without(hospital: Address, phase: Phase) -> Log:
    """Return a ledger in `phase`, which `hospital` did not reach."""
    others = tuple(account for account in HOSPITALS if account != hospital)
    log = masked_at(Phase.ADVERTISE)
    log.add(close(Phase.ADVERTISE, others))
    for step, act in ((Phase.SHARE, deal), (Phase.COMPLAIN, check)):
        if phase > step:
            log.add(*(act(account) for account in others), close(step, others))
    if phase > Phase.MASK:
        log.add(*(commit(account) for account in others), frozen(others))
    return log


@pytest.mark.parametrize(
    ("log", "now", "record", "error", "facts"),
    [
        (masked_at(Phase.ADVERTISE, TWO), LATE, advertise(OUTSIDER), UnknownSender, {"account": OUTSIDER}),
        (masked_at(Phase.ADVERTISE, TWO), LATE, advertise(AUDITOR), WrongRole, {"account": AUDITOR}),
        (
            masked_at(Phase.ADVERTISE, TWO),
            LATE,
            replace(advertise(KEYLESS), round=2),
            WrongRound,
            {"expected": 1, "actual": 2},
        ),
        (masked_at(Phase.ADVERTISE, TWO), LATE, deal(KEYLESS), WrongPhase, {"round": 1, "phase": 2}),
        (masked_at(Phase.ADVERTISE, TWO), LATE, advertise(KEYLESS), NotInSet, {"account": KEYLESS}),
        (masked_at(Phase.ADVERTISE, TWO), LATE, advertise(H1), DeadlinePassed, {"deadline": START + STEP_S}),
        (
            masked_at(Phase.ADVERTISE, TWO),
            START + STEP_S,
            replace(advertise(H1), mask_key=b""),
            DuplicateStep,
            {"account": H1},
        ),
        (
            masked_at(Phase.ADVERTISE, TWO),
            START,
            replace(advertise(H3), mask_key=b"", transport_key=b"1"),
            LengthInvalid,
            {"expected": 33, "actual": 0},
        ),
        (
            masked_at(Phase.ADVERTISE, TWO),
            START,
            replace(advertise(H3), transport_key=bytes(65)),
            LengthInvalid,
            {"expected": 33, "actual": 65},
        ),
        (without(H2, Phase.SHARE), LATE, deal(H2), NotInSet, {"account": H2}),
        (
            masked_at(Phase.SHARE, TWO),
            START,
            replace(deal(H3), mask_commitments=bytes(99)),
            LengthInvalid,
            {"expected": 66, "actual": 99},
        ),
        (
            masked_at(Phase.SHARE, TWO),
            START,
            replace(deal(H3), self_commitments=bytes(33)),
            LengthInvalid,
            {"expected": 66, "actual": 33},
        ),
        (without(H2, Phase.COMPLAIN), LATE, check(H2, b"1"), NotInSet, {"account": H2}),
        (
            masked_at(Phase.COMPLAIN, TWO),
            START,
            check(H3, bytes(235)),
            LengthInvalid,
            {"expected": 234, "actual": 235},
        ),
        *(
            (masked_at(Phase.COMPLAIN, TWO), START, check(H3, complaints(*about)), SetMismatch, {"account": named})
            for about, named in (((H3, H1), H1), ((H1, H1), H1), ((OUTSIDER,), OUTSIDER))
        ),
        (
            masked_at(Phase.SHARE, TWO),
            START,
            close(Phase.SHARE, (H3,)),
            DeadlineNotPassed,
            {"deadline": START + STEP_S},
        ),
        (masked_at(Phase.SHARE, TWO), LATE, close(Phase.SHARE, (H3,)), SetMismatch, {"account": H3}),
        (masked_at(Phase.SHARE, TWO), LATE, close(Phase.SHARE, (H2, H1)), SetMismatch, {"account": H1}),
        (masked_at(Phase.SHARE, TWO), LATE, close(Phase.SHARE, (H2,)), BelowThreshold, {"actual": 1, "required": 2}),
        (masked_at(Phase.SHARE, TWO), LATE, replace(close(Phase.SHARE), sender=H1), WrongRole, {"account": H1}),
        (without(H2, Phase.MASK), COMMIT_BY + 1, commit(H2), NotInSet, {"account": H2}),
        (without(H2, Phase.MASK), COMMIT_BY + 1, commit(H1), DeadlinePassed, {"deadline": COMMIT_BY}),
        (
            without(H2, Phase.AGREE),
            LATE,
            replace(endorse(H2), set_digest=OTHER, signature=b""),
            NotInSet,
            {"account": H2},
        ),
        (
            masked_at(Phase.AGREE, (H1,)),
            LATE,
            replace(endorse(H1), set_digest=OTHER),
            DeadlinePassed,
            {"deadline": START + STEP_S},
        ),
        (
            masked_at(Phase.AGREE, (H1,)),
            START,
            replace(endorse(H1), set_digest=OTHER, signature=b""),
            EquivocationDetected,
            {"expected": frozen().set_digest, "actual": OTHER},
        ),
        (
            masked_at(Phase.AGREE, (H1,)),
            START,
            replace(endorse(H1), signature=b""),
            DuplicateStep,
            {"account": H1},
        ),
        (
            masked_at(Phase.AGREE, (H1,)),
            START,
            replace(endorse(H2), signature=bytes(64)),
            LengthInvalid,
            {"expected": 65, "actual": 64},
        ),
        (
            masked_at(Phase.UNMASK, (H1,)),
            START,
            replace(reveal(H1), set_digest=OTHER),
            EquivocationDetected,
            {"expected": frozen().set_digest, "actual": OTHER},
        ),
        (masked_at(Phase.UNMASK, (H1,)), START, reveal(H1), RevealConflict, {"account": H1}),
        (masked_at(Phase.UNMASK, (H1,)), LATE, reveal(H1), DeadlinePassed, {"deadline": START + STEP_S}),
        (masked_at(Phase.UNMASK, (H1,)), LATE, reveal(KEYLESS), NotInSet, {"account": KEYLESS}),
        (masked_at(Phase.UNMASK, (H1,)), LATE, PROPOSE, TooFewReveals, {"actual": 1, "required": 2}),
        (
            masked_at(Phase.PROPOSED, ()),
            LATE,
            replace(ATTEST, sender=KEYLESS, model_digest=MODEL_2),
            NotInSet,
            {"account": KEYLESS},
        ),
        (masked_at(Phase.PROPOSED, (H1,)), LATE, ATTEST, DuplicateAttestation, {"account": H1}),
    ],
)
def test_a_refusal_is_the_first_rule_broken_with_its_fields(
    log: Log, now: int, record: RoundRecord, error: type[HemaledgerError], facts: dict[str, object]
) -> None:
    log.now = now
    log.refuses(record, error, facts)


def test_a_wrong_set_is_an_alarm_and_not_a_mere_refusal() -> None:
    assert issubclass(EquivocationDetected, TamperedError)


def test_a_step_is_in_time_up_to_its_deadline_and_a_phase_is_closed_after_it() -> None:
    log = masked_at(Phase.ADVERTISE, (H1,))
    log.now = START + STEP_S
    log.add(advertise(H2))
    log.refuses(close(Phase.ADVERTISE, TWO), DeadlineNotPassed, {"deadline": START + STEP_S})
    log.now += 1
    log.refuses(advertise(H3), DeadlinePassed, {"deadline": START + STEP_S})
    log.add(close(Phase.ADVERTISE, TWO))
    assert log.round.sharers == TWO
    assert log.round.step_deadline == LATE + STEP_S


def test_the_endorsement_that_makes_the_threshold_starts_the_time_to_reveal() -> None:
    log = masked_at(Phase.AGREE, (H1,))
    log.now = START + STEP_S
    log.refuses(reveal(H1), WrongPhase, {"round": 1, "phase": 7})
    log.add(endorse(H3))
    assert (log.round.phase, log.round.step_deadline) == (Phase.UNMASK, START + 2 * STEP_S)
    log.now = START + 2 * STEP_S
    log.add(endorse(H2), reveal(H2))
    assert (log.round.phase_since, set(log.round.endorsed)) == (START + STEP_S, set(HOSPITALS))


def test_hospitals_and_auditors_make_a_masked_round_final_together() -> None:
    log = masked_at(Phase.PROPOSED, ())
    log.add(ATTEST, replace(ATTEST, sender=AUDITOR), FINALISE)
    assert set(log.round.attestations) == {H1, AUDITOR}
    assert log.federation.model_digest == MODEL_1


def test_a_revoked_hospital_takes_no_step_and_a_frozen_one_stops_the_round() -> None:
    log = masked_at(Phase.AGREE, TWO)
    log.add(MemberRevoked(OPERATOR, H3, "left"))
    log.refuses(replace(endorse(H3), round=9), RevokedSender, {"account": H3})
    log.add(reveal(H1), reveal(H2), PROPOSE, ATTEST, replace(ATTEST, sender=AUDITOR_2))
    log.refuses(FINALISE, RevokedMidRound, {"account": H3})


def mask_context(current: Round) -> bytes:
    rows = b"".join(
        struct.pack(">H", current.roster.index(account) + 1)
        + account
        + point(b"S" + account)
        + point(b"E" + account)
        + hashlib.sha256(point(b"S" + account, b"A" + account) + point(b"B" + account, b"C" + account)).digest()
        for account in current.sharers
    )
    return hashlib.sha256(b"BAFL/1/set2" + current.context + struct.pack(">H", len(current.sharers)) + rows).digest()


def test_the_context_of_the_masks_is_the_hash_of_what_the_hospitals_of_the_set_recorded() -> None:
    complete, smaller = masked_at(Phase.MASK).round, without(H2, Phase.MASK).round
    assert complete.mask_context == mask_context(complete)
    assert smaller.mask_context == mask_context(smaller)
    assert smaller.sharers == (H1, H3)
    dealt = replace(deal(H2), self_commitments=point(b"other", b"one"))
    keys = replace(advertise(H2), transport_key=point(b"other"))
    others = [
        smaller,
        replace(complete, number=2),
        replace(complete, dealt={**complete.dealt, H2: dealt}),
        replace(complete, advertised={**complete.advertised, H2: keys}),
    ]
    assert len({complete.mask_context, *(other.mask_context for other in others)}) == len(others) + 1
