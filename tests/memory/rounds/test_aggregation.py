"""Rounds under every rule of aggregation: coordinator, hospitals, auditor and audit compute the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.events import Event
from fl.protocol.errors import AggregationUnusable
from fl.protocol.names import Protection, Role
from fl.protocol.records import RoundOpened, Terms
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Keyring, LedgerView
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.roles.serving.current_model import VerifiedModelCache
from fl.training.aggregation.choice import (
    CLIPPED,
    FEDADAM,
    FEDAVG,
    FEDAVGM,
    FEDYOGI,
    KRUM,
    MEDIAN,
    TRIMMED,
    Aggregation,
)
from fl.training.aggregation.quantise import LocalMetrics, Vector, quantise
from fl.training.aggregation.sum import Sum
from fl.training.evaluation.predict import Predictor
from fl.training.local.config import LocalConfig
from fl.training.recipe import Recipe
from tests.support.federation import (
    CONFIG,
    SPEC,
    Clock,
    Consortium,
    Party,
    endorser,
    found,
    initial,
    memory_connect,
    memory_folder,
    nudge,
    settle,
)

OPTIMISERS = [Aggregation(FEDAVGM), Aggregation(FEDADAM, lr=0.01), Aggregation(FEDYOGI, lr=0.01)]
ROBUST = [Aggregation(MEDIAN), Aggregation(TRIMMED), Aggregation(KRUM), Aggregation(CLIPPED, bound=0.3)]
WEIGHTS = initial().vector.size


@pytest.fixture
def consortium(tmp_path: Path) -> Iterator[Consortium]:
    with memory_folder(tmp_path) as folder:
        clock = Clock()
        found_ = found(folder, memory_connect(clock), hospitals=4, now=clock)
        found_.hospitals.append(found_.join("epsilon", Role.HOSPITAL))
        yield found_


def planned(consortium: Consortium, choice: Aggregation, protection: Protection, rounds: int = 2) -> Plan:
    recipe = Recipe(SPEC, LocalConfig(), 1, choice)
    plan = replace(consortium.plan(rounds), config=replace(CONFIG, training=recipe.to_dict()), protection=protection)
    return replace(plan, step_timeout_s=60)


def started(choice: Aggregation) -> Initial:
    start = initial()
    return Initial(start.manifest.with_state(choice.state), np.concatenate([start.vector, choice.first_state(WEIGHTS)]))


def run(consortium: Consortium, plan: Plan, choice: Aggregation, trains: dict[str, Train] | None = None) -> None:
    seen: list[Vector] = []

    def judge(model: Vector, _config: object) -> Evaluation:
        seen.append(model)
        return Evaluation({"auroc": 0.5})

    coordinator = Coordinator(consortium.coordinator.ports(consortium.vault), plan, started(choice))
    auditor = Auditor(consortium.auditor.ports(consortium.vault), judge)
    hospitals = [
        Hospital(party.ports(consortium.vault), (trains or {}).get(party.name, nudge(party.name)))
        for party in consortium.hospitals
    ]
    for _ in range(50):
        settle(coordinator, auditor, *hospitals)
        if coordinator.done:
            break
        for hospital in hospitals:
            hospital.finish_training()
    assert coordinator.done
    assert {vector.size for vector in seen} == {WEIGHTS}, "an auditor evaluates the weights alone"


def newest(consortium: Consortium, choice: Aggregation) -> Vector:
    party = consortium.auditor
    reader = FileReader(party.account, consortium.vault, Keyring(party.keys))
    federation = LedgerView(consortium.operator).refresh()
    return reader.model(federation.source, started(choice).manifest)


def expected(consortium: Consortium, plan: Plan, choice: Aggregation) -> Vector:
    """Return the models of the rounds, computed outside the roles from the same trainings."""
    model = started(choice).vector
    for number in range(1, plan.rounds + 1):
        previous, rows = model[:WEIGHTS], []
        for party in consortium.hospitals:
            learned, metrics = nudge(party.name)(TrainingJob(number, previous, plan.config))
            rows.append(quantise(previous, learned, metrics, plan.config))
        total = Sum(WEIGHTS)
        for row in rows:
            total.add(row)
        total.each = rows
        model = total.apply(model, plan.config)
    return model


def audited(consortium: Consortium, party: Party) -> list[str]:
    key = AuditKey(party.account, Keyring(party.keys))
    made = Audit(consortium.operator.anchor, consortium.vault, key, endorser())
    report, _ = made.run(consortium.operator.replay(), lambda _done, _of: None)
    assert report.checks["aggregates"] == 2
    return [finding.name for finding in report.findings]


BOTH = (Protection.MASKED, Protection.SEALED)
CASES = [(choice, protection) for choice in (Aggregation(FEDAVG), *OPTIMISERS) for protection in BOTH]
CASES += [(choice, Protection.SEALED) for choice in ROBUST]


@pytest.mark.parametrize(
    ("choice", "protection"), CASES, ids=[f"{choice.rule} {protection.name}" for choice, protection in CASES]
)
def test_everybody_computes_the_same_model_and_the_audit_replays_it(
    consortium: Consortium, choice: Aggregation, protection: Protection
) -> None:
    plan = planned(consortium, choice, protection)
    run(consortium, plan, choice)
    assert audited(consortium, consortium.auditor) == []
    assert newest(consortium, choice).tobytes() == expected(consortium, plan, choice).tobytes()
    terms = LedgerView(consortium.operator).refresh().rounds[-1].terms
    assert terms.parameters == WEIGHTS, "an update has no words for the server's state"


def test_the_site_serves_the_weights_without_the_state(consortium: Consortium) -> None:
    choice = OPTIMISERS[1]
    run(consortium, planned(consortium, choice, Protection.SEALED), choice)
    party = consortium.hospitals[0]
    cache = VerifiedModelCache(
        party.ledger, consortium.vault, party.account, Keyring(party.keys), lambda: 1_800_000_000, Predictor
    )
    picture = np.zeros((16, 16, 3), np.uint8)
    served = cache.current().predictor.answer(picture).probabilities
    assert (served == Predictor(SPEC, newest(consortium, choice)[:WEIGHTS]).probability(picture)).all()


@pytest.mark.parametrize("choice", ROBUST, ids=[choice.rule for choice in ROBUST])
def test_one_liar_in_a_sealed_round_moves_no_weight_far(consortium: Consortium, choice: Aggregation) -> None:
    def lie(job: TrainingJob) -> tuple[Vector, LocalMetrics]:
        return job.previous + np.float32(0.4), LocalMetrics(samples=1000, correct=1000, loss=0.0)

    plan = planned(consortium, choice, Protection.SEALED, rounds=1)
    run(consortium, plan, choice, {"gamma": lie})
    moved = np.abs(newest(consortium, choice) - initial().vector)
    assert moved.max() < (0.05 if choice.rule != CLIPPED else choice.bound)


# --- What cannot work is refused before anybody trains -------------------------------------------------------------


def never(_job: TrainingJob) -> tuple[Vector, LocalMetrics]:
    raise AssertionError("a hospital trained for a round that cannot work")


@pytest.mark.parametrize("choice", ROBUST, ids=[choice.rule for choice in ROBUST])
def test_a_coordinator_opens_no_masked_round_whose_rule_looks_at_updates(
    consortium: Consortium, choice: Aggregation
) -> None:
    plan = planned(consortium, choice, Protection.MASKED)
    coordinator = Coordinator(consortium.coordinator.ports(consortium.vault), plan, started(choice))
    with pytest.raises(AggregationUnusable, match="use a sealed round"):
        settle(coordinator)
    assert LedgerView(consortium.operator).refresh().rounds == ()


@pytest.mark.parametrize(
    ("choice", "start", "why"),
    [
        (Aggregation(FEDADAM), Aggregation(), "carry no state"),
        (Aggregation(), Aggregation(FEDAVGM), "carry server.momentum"),
        (Aggregation(FEDAVGM), Aggregation(FEDYOGI), "carry server.mean and server.square"),
        (Aggregation(KRUM, attackers=2), Aggregation(), "needs 7 hospitals, and there are 5"),
        (Aggregation(TRIMMED, attackers=3), Aggregation(), "needs 7 hospitals, and there are 5"),
    ],
)
def test_a_coordinator_opens_no_round_that_model_or_hospitals_do_not_allow(
    consortium: Consortium, choice: Aggregation, start: Aggregation, why: str
) -> None:
    plan = planned(consortium, choice, Protection.SEALED)
    coordinator = Coordinator(consortium.coordinator.ports(consortium.vault), plan, started(start))
    with pytest.raises(AggregationUnusable, match=why):
        settle(coordinator)


def test_a_hospital_trains_for_no_masked_round_whose_rule_looks_at_updates(consortium: Consortium) -> None:
    """A coordinator with other software opens it."""
    plan = planned(consortium, Aggregation(), Protection.MASKED)
    boss, vault = consortium.coordinator, consortium.vault
    Coordinator(boss.ports(vault), plan, started(Aggregation())).step()
    federation = LedgerView(consortium.operator).refresh()
    wanted = planned(consortium, Aggregation(MEDIAN), Protection.MASKED).config
    terms = Terms(
        protection=Protection.MASKED,
        min_commitments=5,
        attestations=5,
        threshold=4,
        parameters=WEIGHTS,
        config_digest=vault.put(wanted.to_bytes()),
        step_timeout=60,
        commit_deadline=boss.now() + 120,
        close_deadline=boss.now() + 240,
    )
    roster = tuple(sorted(party.account for party in consortium.hospitals))
    boss.ledger.append(RoundOpened(boss.account, 1, terms, roster, federation.model_digest))
    party = consortium.hospitals[0]
    hospital = Hospital(party.ports(vault), never)
    settle(hospital)
    hospital.finish_training()
    assert [what for what, _ in party.events] == [Event.ROUND_REFUSED]
    assert "AggregationUnusable" in str(party.events[0][1]["reason"])
