from __future__ import annotations

import hashlib
import struct
from dataclasses import replace

import pytest

from fl.protocol.audit import Report, mentions, replay_records
from fl.protocol.errors import (
    EncodingError,
    FederationAlreadyOpened,
    FederationNotOpened,
    HemaledgerError,
    LedgerClosed,
    ModelDigestMismatch,
    PredecessorMismatch,
    RevokedSender,
    RoundStillOpen,
    TermsInvalid,
    UnknownSender,
    WrongPhase,
    WrongRole,
    WrongRound,
)
from fl.protocol.federation import Federation, fold, genesis_context, step
from fl.protocol.names import NO_ADDRESS, NO_DIGEST, Address
from fl.protocol.records import (
    FederationOpened,
    KeyRotated,
    LedgerHandedOver,
    MemberRevoked,
    ModelAttested,
    ModelProposed,
    Position,
    RoundAborted,
    RoundFinalised,
    RoundOpened,
    RoundRecord,
)
from fl.protocol.rounds.round import Phase
from tests.support.protocol.scene import (
    ANCHOR,
    AUDITOR,
    AUTHORITY,
    CHAIN_ID,
    COMMIT_BY,
    CONFIG,
    CONSORTIUM,
    CONTRACT,
    COORDINATOR,
    ENVELOPE,
    FOREIGN,
    H1,
    HOSPITALS,
    KEYLESS,
    MANIFEST,
    MODEL_0,
    MODEL_1,
    MODEL_2,
    OPERATOR,
    OUTSIDER,
    REPORT,
    SUCCESSOR,
    TERMS,
    Log,
    at,
    commit,
    federation,
    frozen,
    members,
    opened,
    public_key,
    update_digest,
)

OPEN = FederationOpened(COORDINATOR, NO_ADDRESS, 0, MODEL_0, ENVELOPE, MANIFEST)
SUCCEED = FederationOpened(COORDINATOR, CONTRACT, 1, MODEL_1, ENVELOPE, MANIFEST)
HAND_OVER = LedgerHandedOver(OPERATOR, SUCCESSOR)


def handed_over() -> Log:
    log = at(Phase.FINAL)
    log.add(HAND_OVER)
    return log


def succeeded() -> Log:
    log = handed_over()
    log.contract = SUCCESSOR
    log.add(SUCCEED)
    return log


def test_a_federation_starts_from_its_initial_model() -> None:
    log = federation()
    opening = log.federation.opening
    assert (log.federation.model_digest, log.federation.last_round) == (MODEL_0, 0)
    assert log.federation.source is opening
    assert log.federation.final_round is None
    assert opening.keys[H1].public_key == public_key(H1)
    assert KEYLESS not in opening.keys


def test_the_first_models_context_has_the_published_layout() -> None:
    content = struct.pack(">32sQ20sQ32s", CONSORTIUM, CHAIN_ID, CONTRACT, 0, MANIFEST)
    expected = hashlib.sha256(b"BAFL/1/genesis" + content).digest()
    assert genesis_context(ANCHOR, 0, MANIFEST) == expected
    assert federation().federation.opening.context == expected


@pytest.mark.parametrize(
    ("record", "error", "facts"),
    [
        (replace(OPEN, sender=OUTSIDER, last_round=1), UnknownSender, {"account": OUTSIDER}),
        (replace(OPEN, sender=H1, last_round=1), WrongRole, {"account": H1}),
        (replace(OPEN, last_round=1), PredecessorMismatch, {}),
        (replace(OPEN, predecessor=SUCCESSOR), PredecessorMismatch, {}),
        (replace(opened(7), sender=H1), WrongRole, {"account": H1}),
        (opened(7), FederationNotOpened, {}),
        (replace(commit(H1), sender=COORDINATOR), WrongRole, {"account": COORDINATOR}),
        (commit(H1), WrongRound, {"expected": 0, "actual": 1}),
        (replace(commit(H1), round=0), WrongPhase, {"round": 0, "phase": 0}),
        (RoundAborted(H1, 0, ""), WrongPhase, {"round": 0, "phase": 0}),
    ],
)
def test_before_the_opening(
    record: FederationOpened | RoundRecord, error: type[HemaledgerError], facts: dict[str, object]
) -> None:
    members().refuses(record, error, facts)


def test_a_federation_is_opened_once() -> None:
    federation().refuses(OPEN, FederationAlreadyOpened, {})
    federation().refuses(replace(OPEN, sender=H1), WrongRole, {"account": H1})
    at(Phase.FINAL).refuses(OPEN, FederationAlreadyOpened, {})


def test_the_model_in_force_of_an_unopened_federation_is_refused() -> None:
    with pytest.raises(FederationNotOpened):
        _ = members().federation.model_digest
    with pytest.raises(FederationNotOpened):
        _ = Federation(ANCHOR, lambda _key, _message, _proof: True).opening


@pytest.mark.parametrize(
    ("record", "error", "facts"),
    [
        (replace(opened(), sender=OUTSIDER), UnknownSender, {"account": OUTSIDER}),
        (replace(opened(), sender=OPERATOR, round=9), WrongRole, {"account": OPERATOR}),
        (opened(2, MODEL_1), WrongRound, {"expected": 1, "actual": 2}),
        (opened(0, MODEL_1), WrongRound, {"expected": 1, "actual": 0}),
        (
            opened(1, MODEL_1, replace(TERMS, parameters=0)),
            ModelDigestMismatch,
            {"expected": MODEL_0, "actual": MODEL_1},
        ),
        (replace(opened(terms=replace(TERMS, parameters=0)), roster=(OUTSIDER,)), TermsInvalid, {}),
    ],
)
def test_an_opening_of_a_round_is_refused_by_the_first_rule_broken(
    record: RoundOpened, error: type[HemaledgerError], facts: dict[str, object]
) -> None:
    federation().refuses(record, error, facts)


@pytest.mark.parametrize("phase", [Phase.OPEN, Phase.FROZEN, Phase.PROPOSED])
def test_one_round_at_a_time(phase: Phase) -> None:
    log = at(phase)
    log.refuses(opened(9, MODEL_2), RoundStillOpen, {"round": 1})
    log.refuses(HAND_OVER, RoundStillOpen, {"round": 1})
    assert log.federation.active_round == log.round


def test_an_aborted_round_leaves_the_previous_model_in_force() -> None:
    log = at(Phase.ABORTED)
    log.refuses(opened(2, MODEL_1), ModelDigestMismatch, {"expected": MODEL_0, "actual": MODEL_1})
    log.add(opened(2))
    assert log.federation.model_digest == MODEL_0
    assert log.federation.last_round == 2


def test_a_proposal_is_not_the_model_in_force_until_it_is_final() -> None:
    assert at(Phase.PROPOSED).federation.model_digest == MODEL_0
    log = at(Phase.FINAL)
    assert log.federation.model_digest == MODEL_1
    assert log.federation.source == log.round
    log.add(opened(2, MODEL_1))
    assert log.federation.model_digest == MODEL_1


def test_rounds_are_found_by_number() -> None:
    log = at(Phase.FINAL)
    log.add(opened(2, MODEL_1))
    assert log.federation.round(1).phase == Phase.FINAL
    assert log.federation.round(2).phase == Phase.OPEN
    with pytest.raises(WrongRound) as refusal:
        log.federation.round(3)
    assert refusal.value.facts() == {"expected": 2, "actual": 3}


@pytest.mark.parametrize("earlier", [0, 5, -1])
def test_entries_come_in_ascending_order(earlier: int) -> None:
    log = federation()
    entry = replace(log.entry(opened()), position=log.entries[earlier].position)
    with pytest.raises(EncodingError) as refusal:
        step(log.federation, entry)
    assert refusal.value.why == "its records are out of order"


def test_two_records_of_one_block_are_ordered_by_their_index() -> None:
    log = federation()
    last = log.entries[-1].position
    later = replace(log.entry(opened()), position=Position(last.block, last.index + 1))
    assert step(log.federation, later).active_round is not None


@pytest.mark.parametrize("contract", [FOREIGN, AUTHORITY, SUCCESSOR])
def test_a_record_of_a_foreign_contract_is_refused(contract: Address) -> None:
    for record in (opened(), OPEN, HAND_OVER):
        federation().refuses(record, EncodingError, contract=contract)


@pytest.mark.parametrize(
    ("record", "error", "facts"),
    [
        (replace(HAND_OVER, sender=COORDINATOR), WrongRole, {"account": COORDINATOR}),
        (replace(HAND_OVER, sender=OUTSIDER), UnknownSender, {"account": OUTSIDER}),
        (replace(HAND_OVER, successor=NO_ADDRESS), PredecessorMismatch, {}),
        (replace(HAND_OVER, successor=CONTRACT), PredecessorMismatch, {}),
    ],
)
def test_only_the_operator_hands_over_to_another_contract(
    record: LedgerHandedOver, error: type[HemaledgerError], facts: dict[str, object]
) -> None:
    at(Phase.FINAL).refuses(record, error, facts)


@pytest.mark.parametrize("record", [opened(2, MODEL_1), replace(OPEN, sender=OUTSIDER), HAND_OVER, commit(H1), SUCCEED])
def test_a_ledger_that_handed_over_is_closed_to_everybody(record: RoundRecord | FederationOpened) -> None:
    handed_over().refuses(record, LedgerClosed, {"successor": SUCCESSOR})
    succeeded().refuses(record, LedgerClosed, {"successor": SUCCESSOR}, contract=CONTRACT)


@pytest.mark.parametrize(
    "record",
    [
        replace(SUCCEED, predecessor=NO_ADDRESS),
        replace(SUCCEED, predecessor=FOREIGN),
        replace(SUCCEED, last_round=0),
        replace(SUCCEED, last_round=2),
        replace(SUCCEED, model_digest=MODEL_0),
        replace(SUCCEED, manifest_digest=CONFIG),
    ],
)
def test_a_successor_continues_with_the_final_state_of_its_predecessor(record: FederationOpened) -> None:
    handed_over().refuses(record, PredecessorMismatch, {}, contract=SUCCESSOR)


def test_a_successor_takes_nothing_before_it_is_opened() -> None:
    log = handed_over()
    log.contract = SUCCESSOR
    log.refuses(replace(SUCCEED, sender=H1), WrongRole, {"account": H1})
    log.refuses(replace(opened(2, MODEL_1), sender=H1), WrongRole, {"account": H1})
    log.refuses(opened(2, MODEL_1), FederationNotOpened, {})
    log.refuses(replace(HAND_OVER, successor=FOREIGN), FederationNotOpened, {})
    log.refuses(replace(commit(H1), sender=AUDITOR), WrongRole, {"account": AUDITOR})
    log.refuses(commit(H1), WrongRound, {"expected": 0, "actual": 1})
    for record in (SUCCEED, opened(2, MODEL_1)):
        log.refuses(record, EncodingError, contract=FOREIGN)


def test_a_successor_goes_on_counting_rounds_from_the_same_model() -> None:
    log = succeeded()
    assert (log.federation.model_digest, log.federation.last_round) == (MODEL_1, 1)
    assert log.federation.anchor == replace(ANCHOR, contract=SUCCESSOR)
    assert log.federation.source is log.federation.opening
    assert log.federation.opening.context == genesis_context(log.federation.anchor, 1, MANIFEST)
    log.refuses(SUCCEED, FederationAlreadyOpened, {})
    log.refuses(opened(1, MODEL_1), WrongRound, {"expected": 2, "actual": 1})
    log.add(opened(2, MODEL_1), *(commit(hospital, 2) for hospital in HOSPITALS))
    log.refuses(frozen(number=2, contract=CONTRACT), EncodingError)
    log.add(frozen(number=2, contract=SUCCESSOR))
    log.add(ModelProposed(COORDINATOR, 2, MODEL_2, ENVELOPE), ModelAttested(AUDITOR, 2, MODEL_2, NO_DIGEST))
    log.add(RoundFinalised(COORDINATOR, 2, MODEL_2))
    assert log.federation.model_digest == MODEL_2
    assert [found.anchor.contract for found in log.federation.rounds] == [CONTRACT, SUCCESSOR]


def test_the_predecessors_last_round_counts_as_no_round_of_the_successor() -> None:
    log = succeeded()
    log.refuses(replace(commit(H1), sender=AUDITOR), WrongRole, {"account": AUDITOR})
    log.refuses(commit(H1), WrongPhase, {"round": 1, "phase": 0})
    log.refuses(RoundAborted(COORDINATOR, 1, ""), WrongPhase, {"round": 1, "phase": 0})
    log.refuses(commit(H1, 2), WrongRound, {"expected": 1, "actual": 2})


def test_a_successor_can_hand_over_in_its_turn() -> None:
    log = succeeded()
    third = Address(b"\xa3" * 20)
    log.add(LedgerHandedOver(OPERATOR, third))
    for contract, successor in ((CONTRACT, SUCCESSOR), (SUCCESSOR, third)):
        log.refuses(opened(2, MODEL_1), LedgerClosed, {"successor": successor}, contract=contract)
    log.add(replace(SUCCEED, predecessor=SUCCESSOR), contract=third)
    assert log.federation.anchor.contract == third


def test_members_and_keys_change_while_ledgers_do() -> None:
    log = handed_over()
    log.add(KeyRotated(H1, 2, public_key(H1, 2), bytes(64)), MemberRevoked(OPERATOR, AUDITOR, ""))
    log.add(SUCCEED, contract=SUCCESSOR)
    assert log.federation.opening.keys[H1].epoch == 2
    assert AUDITOR not in log.federation.opening.keys
    revoked = ModelAttested(AUDITOR, 1, MODEL_1, REPORT)
    log.refuses(revoked, RevokedSender, {"account": AUDITOR}, contract=SUCCESSOR)


def test_folding_in_one_go_or_in_two_parts_gives_the_same() -> None:
    log = succeeded()
    start = Federation(ANCHOR, log.verify)
    assert fold(start, log.entries) == log.federation
    for cut in range(len(log.entries)):
        assert fold(fold(start, log.entries[:cut]), log.entries[cut:]) == log.federation


def test_a_reader_that_knows_only_the_newest_contract_folds_the_same_history() -> None:
    log = succeeded()
    newest = Federation(replace(ANCHOR, contract=SUCCESSOR), log.verify)
    assert fold(newest, log.entries) == log.federation


def test_an_audits_replay_ends_at_the_first_record_that_the_rules_forbid_and_names_it() -> None:
    log = at(Phase.OPEN)
    good = len(log.entries)
    bad = log.entry(replace(frozen(), sender=H1))
    after = replace(log.entry(frozen()), position=Position(99, 0))
    report = Report()
    folded = replay_records(Federation(ANCHOR, log.verify), [*log.entries, bad, after], report)
    assert folded == log.federation
    assert report.checks["records"] == good
    assert not report.clean
    [finding] = report.findings
    assert (finding.name, finding.round) == ("WrongRole", 1)
    assert finding.subject == f"RoundFrozen in block {good + 1} by HOSPITAL-11"
    assert "0x" + "11" * 20 in finding.sentence
    said = {"name": "WrongRole", "round": 1, "subject": finding.subject, "sentence": finding.sentence, "step": None}
    assert report.to_dict()["findings"] == [{**said, "evidence": dict(finding.evidence)}]
    assert finding.evidence


def test_every_digest_on_the_ledger_is_mentioned_with_its_place() -> None:
    log = at(Phase.FINAL)
    found = [(mention.what, mention.digest, mention.sender, mention.round) for mention in mentions(log.entries)]
    assert found == [
        ("initial model (sealed)", ENVELOPE, COORDINATOR, 0),
        ("initial model (weights)", MODEL_0, COORDINATOR, 0),
        ("model manifest", MANIFEST, COORDINATOR, 0),
        ("round configuration", CONFIG, COORDINATOR, 1),
        *(("sealed update", update_digest(hospital), hospital, 1) for hospital in HOSPITALS),
        ("global model (sealed)", ENVELOPE, COORDINATOR, 1),
        ("global model (weights)", MODEL_1, COORDINATOR, 1),
        ("auditor's report", REPORT, AUDITOR, 1),
    ]


def test_an_attestation_without_a_report_mentions_none() -> None:
    log = at(Phase.PROPOSED)
    log.add(ModelAttested(AUDITOR, 1, MODEL_1, NO_DIGEST))
    assert "auditor's report" not in {mention.what for mention in mentions(log.entries)}


def test_what_was_folded_cannot_be_changed_from_outside() -> None:
    log = at(Phase.OPEN)
    for mapping in (log.round.commitments, log.round.keys, log.federation.book.members):
        with pytest.raises(TypeError):
            mapping[H1] = None  # type: ignore[index]
    assert log.round.terms.commit_deadline == COMMIT_BY
