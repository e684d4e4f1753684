"""Wide rounds over the in-memory ledger: masks and shares over a graph, exact to the last bit, clean in an audit."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.events import Event
from fl.protocol.audit import Report
from fl.protocol.batches import STEPS, cap_of
from fl.protocol.errors import LengthInvalid, SetMismatch
from fl.protocol.names import NO_DIGEST, Protection
from fl.protocol.records import PhaseClosed, RoundFrozen, SharesChecked
from fl.protocol.rounds.mask_graph import MaskGraph, graph_of
from fl.protocol.rounds.round import Phase, Round
from fl.replay.ledger_view import Keyring
from fl.replay.unmasking import check_sharers
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Plan, WidePlan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import TrainingJob
from fl.training.aggregation.kinds import work_of
from fl.training.model.weights import model_digest
from tests.support.federation import (
    CONFIG,
    Clock,
    Consortium,
    endorser,
    found,
    initial,
    memory_connect,
    memory_folder,
    nudge,
    settle,
)

STEP_S = 60
TWELVE, DEGREE, THRESHOLD, FEWEST = 12, 6, 5, 7
PHASES = [Phase.ADVERTISE, Phase.SHARE, Phase.COMPLAIN, Phase.MASK, Phase.AGREE, Phase.UNMASK]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def twelve(tmp_path: Path, clock: Clock) -> Iterator[Consortium]:
    with memory_folder(tmp_path) as folder:
        yield found(folder, memory_connect(clock), hospitals=TWELVE, now=clock)


def wide(consortium: Consortium, degree: int = DEGREE, threshold: int = THRESHOLD) -> Plan:
    plan = replace(consortium.plan(1), protection=Protection.MASKED, step_timeout_s=STEP_S, min_commitments=FEWEST)
    return replace(plan, attestations=0, wide=WidePlan(TWELVE - 1, drop_out=5 / 12, degree=degree, threshold=threshold))


def play(consortium: Consortium, clock: Clock, gone: dict[int, Phase], plan: Plan | None = None) -> Round:
    """Play one wide round; each hospital of `gone`, by number, does nothing from its phase on."""
    coordinator, _, hospitals = consortium.agents(plan or wide(consortium))
    for _ in range(400):
        current = now(coordinator)
        if current is not None and current.ended:
            return current
        phase = current.phase if current else Phase.NONE
        present = [each for place, each in enumerate(hospitals) if place not in gone or phase < gone[place]]
        acted = [each.step() for each in present]
        for hospital in present:
            hospital.finish_training()
        if not any([*acted, coordinator.step()]) and current is not None:
            clock.now += STEP_S + 1 if phase != Phase.MASK else 121
    raise AssertionError("the round never ended")


def audit(consortium: Consortium) -> Report:
    party, ledger = consortium.auditor, consortium.operator
    made = Audit(ledger.anchor, consortium.vault, AuditKey(party.account, Keyring(party.keys)), endorser())
    return made.run(ledger.replay(), lambda _done, _of: None)[0]


def sum_in_the_clear(consortium: Consortium, current: Round) -> bytes:
    """Return the digest of the model of those hospitals' words, added without a mask."""
    start, work = initial(), work_of(CONFIG, 0)
    names = [party.name for party in consortium.hospitals if party.account in current.hospitals]
    words = [work.encode(start.vector, nudge(name)(TrainingJob(1, start.vector, CONFIG))) for name in names]
    total = work.sum_of(sum(words[1:], words[0]), len(names))
    return model_digest(start.manifest.digest, work.apply(total, start.vector).model)


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
def test_two_of_twelve_may_vanish_in_any_phase_of_a_wide_round(twelve: Consortium, clock: Clock, phase: Phase) -> None:
    current = play(twelve, clock, {0: phase, 7: phase})
    assert (current.phase, current.terms.protection) == (Phase.FINAL, Protection.WIDE)
    assert len(current.hospitals) == TWELVE - (0 if phase in (Phase.AGREE, Phase.UNMASK) else 2)
    assert current.proposal is not None
    assert current.proposal.model_digest == sum_in_the_clear(twelve, current)
    report = audit(twelve)
    assert (report.findings, report.checks["aggregates"]) == ([], 1)


def test_drop_outs_in_two_phases_of_one_wide_round_leave_the_sum_exact(twelve: Consortium, clock: Clock) -> None:
    current = play(twelve, clock, {2: Phase.SHARE, 9: Phase.UNMASK})
    assert (current.phase, len(current.hospitals), len(current.sharers)) == (Phase.FINAL, 11, 11)
    assert current.proposal is not None
    assert current.proposal.model_digest == sum_in_the_clear(twelve, current)
    assert audit(twelve).findings == []
    graph = graph_of(current)
    assert all(len(graph.neighbours(account)) == DEGREE for account in current.receivers)


def test_a_wide_round_of_few_hospitals_has_the_complete_graph(tmp_path: Path, clock: Clock) -> None:
    with memory_folder(tmp_path) as folder:
        four = found(folder, memory_connect(clock), hospitals=4, now=clock)
        plan = replace(wide(four), min_commitments=3, wide=WidePlan(above=3, drop_out=0.25, degree=3, threshold=3))
        current = play(four, clock, {1: Phase.MASK}, plan)
        assert (current.phase, len(current.hospitals)) == (Phase.FINAL, 3)
        graph = graph_of(current)
        assert isinstance(graph, MaskGraph)
        assert graph.complete
        assert current.proposal is not None
        assert current.proposal.model_digest == sum_in_the_clear(four, current)
        assert audit(four).findings == []


def until(coordinator: Coordinator, hospitals: list[Hospital], phase: Phase) -> Round:
    for _ in range(200):
        current = now(coordinator)
        if current is not None and current.phase == phase:
            return current
        for hospital in hospitals:
            hospital.step()
            hospital.finish_training()
        coordinator.step()
    raise AssertionError(f"{phase.name} was never reached")


def now(coordinator: Coordinator) -> Round | None:
    rounds = coordinator.view.refresh().rounds
    return rounds[-1] if rounds else None


def refusals(consortium: Consortium) -> set[str]:
    """Return the names of the errors for which hospitals left the round."""
    events = [event for party in consortium.hospitals for event in party.events]
    return {str(facts["reason"]).partition(":")[0] for what, facts in events if what == Event.ROUND_REFUSED}


def test_hospitals_send_nothing_in_a_wide_round_whose_graph_does_not_bear_the_colluders_they_expect(
    twelve: Consortium,
) -> None:
    coordinator, _, hospitals = twelve.agents(wide(twelve, degree=2, threshold=2))
    settle(coordinator, *hospitals)
    current = now(coordinator)
    assert current is not None
    assert (current.proposal, current.advertised) == (None, {})
    assert refusals(twelve) == {"GraphTooThin"}


def test_the_file_of_a_batch_has_a_cap_that_follows_from_the_terms(twelve: Consortium) -> None:
    coordinator, _, hospitals = twelve.agents(wide(twelve))
    current = until(coordinator, hospitals, Phase.COMPLAIN)
    caps = {phase: cap_of(TWELVE, current, phase) for phase in STEPS}
    step, head = 1 + 20 + 4 + 65, 64
    assert caps[Phase.SHARE] == head + TWELVE * (step + 66 * THRESHOLD + 32)
    assert caps[Phase.COMPLAIN] == head + TWELVE * (step + 117 * DEGREE)
    assert {caps[each] for each in set(STEPS) - {Phase.SHARE, Phase.COMPLAIN}} == {head + TWELVE * (step + 97)}


def test_a_complaint_about_a_hospital_that_is_no_neighbour_is_false(twelve: Consortium) -> None:
    coordinator, _, hospitals = twelve.agents(wide(twelve))
    current = until(coordinator, hospitals, Phase.COMPLAIN)
    liar, graph = twelve.hospitals[0], graph_of(current)
    stranger = next(each for each in current.sharers if each not in graph.holders(liar.account))
    too_many = b"".join(each + os.urandom(97) for each in current.sharers[: DEGREE + 1])
    with pytest.raises(LengthInvalid):
        liar.ledger.append(SharesChecked(liar.account, 1, too_many))
    liar.ledger.append(SharesChecked(liar.account, 1, stranger + os.urandom(97)))
    for _ in range(20):
        settle(coordinator, *hospitals[1:])
        for hospital in hospitals[1:]:
            hospital.finish_training()
    current = now(coordinator) or current
    assert current.phase == Phase.FINAL
    assert liar.account not in current.sharers
    assert stranger in current.hospitals
    assert audit(twelve).findings == []


def test_a_hospital_looks_at_its_neighbours_dealings_alone_and_an_audit_at_all(twelve: Consortium) -> None:
    coordinator, _, hospitals = twelve.agents(wide(twelve))
    current = until(coordinator, hospitals, Phase.COMPLAIN)
    liar, graph, boss = twelve.hospitals[0], graph_of(current), twelve.coordinator
    accused = graph.neighbours(liar.account)[0]
    liar.ledger.append(SharesChecked(liar.account, 1, accused + os.urandom(97)))
    settle(*hospitals[1:])
    boss.ledger.append(PhaseClosed(boss.account, 1, Phase.COMPLAIN, current.sharers))  # it may not name the liar
    for hospital in hospitals[1:]:
        hospital.step()
        hospital.finish_training()
        hospital.step()
    near_both = {each for each in current.sharers if {liar.account, accused} <= graph.holders(each)} - {liar.account}
    refused = {
        party.account
        for party in twelve.hospitals
        if any("SetMismatch" in str(facts.get("reason")) for what, facts in party.events if what == Event.ROUND_REFUSED)
    }
    assert 0 < len(refused) < TWELVE - 1
    assert refused == near_both
    after = now(coordinator)
    assert after is not None
    with pytest.raises(SetMismatch):
        check_sharers(after, twelve.vault)


def test_a_coordinator_that_leaves_out_the_neighbours_of_one_hospital_gets_no_share(twelve: Consortium) -> None:
    coordinator, _, hospitals = twelve.agents(wide(twelve))
    current = until(coordinator, hospitals, Phase.MASK)
    for hospital in hospitals:
        hospital.finish_training()
        hospital.step()
    boss, victim = twelve.coordinator, twelve.hospitals[0].account
    left_out = graph_of(current).neighbours(victim)[:3]
    chosen = tuple(each for each in current.sharers if each not in left_out)
    boss.ledger.append(RoundFrozen(boss.account, 1, chosen, NO_DIGEST))
    settle(*hospitals)
    current = now(coordinator) or current
    assert (current.phase, len(current.endorsed), current.revealed) == (Phase.UNMASK, 9, {})
    assert refusals(twelve) == {"SharesMissing"}


def test_a_round_that_too_few_answer_ends_with_the_names_of_those_whose_shares_are_missing(
    twelve: Consortium, clock: Clock
) -> None:
    coordinator, _, hospitals = twelve.agents(wide(twelve))
    current = until(coordinator, hospitals, Phase.AGREE)
    for hospital in hospitals:
        hospital.step()
    victim = twelve.hospitals[0]
    silent = graph_of(current).neighbours(victim.account)[:3]
    settle(*(each for each, party in zip(hospitals, twelve.hospitals, strict=True) if party.account not in silent))
    assert not coordinator.step() or (now(coordinator) or current).phase == Phase.UNMASK
    clock.now += STEP_S + 1
    settle(coordinator)
    current = coordinator.view.refresh().rounds[0]
    assert (current.phase, current.proposal) == (Phase.ABORTED, None)
    assert "too few hold shares of" in current.reason
    assert victim.name in current.reason.partition("too few")[2]
