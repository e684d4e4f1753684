"""The network of a table as rounds on the ledger, and designs that do not follow from the ledger's sums."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl.audit.first_model import check_first_model
from fl.protocol.audit import AuditStep
from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.rounds.round import Round
from fl.replay.table_design import TableDesigns
from fl.roles.auditor import Auditor
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial
from fl.roles.hospital.agent import Hospital
from fl.roles.runner import Agent
from fl.training.aggregation.reference import RULE
from fl.training.local.train import TrainContext
from fl.training.tables.design import Design
from fl.training.tables.federation import FedAvg, fedavg, shared_statistics
from fl.training.tables.network import Network, reference_of
from fl.training.tables.plans import NetworkPlan, TablePlan
from fl.training.tables.rounds import enter
from fl.training.tables.rows import parse_values
from fl.training.tables.saved import load_model, save_model
from fl.training.tables.statistics import Statistics
from fl.training.tables.suggestions import load_suggestions
from scripts.commands.audit import first_digest
from scripts.wiring.tables import TableCoordinator, table_evaluator, table_trainer
from tests.support.federation import endorser, memory_folder
from tests.support.masked_world import NAMES, Four, rest
from tests.support.masked_world import step as step_once
from tests.support.toy_table import BASE, NETWORK, REGRESSION, SCHEMA, drawn
from tests.support.world import World, audit

TABLES = {name: drawn(name) for name in NAMES}
DESIGN = Design(SCHEMA, shared_statistics([TABLES[name] for name in ("alpha", "beta", "gamma")], 8))
WRONG = replace(DESIGN, statistics=Statistics((DESIGN.statistics.means[0] + 1e-9,), DESIGN.statistics.spreads))


class Credulous(Hospital):
    """A hospital that takes part whatever the design is."""

    def _check_config(self, federation: Federation, current: Round) -> None:
        pass


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


def auditor(world: World) -> Auditor:
    """Return an auditor with rows that no hospital has."""
    return Auditor(world.consortium.auditor.ports(world.consortium.vault), table_evaluator(drawn("held-out rows")))


def hospitals(world: World, kind: Callable[..., Hospital] = Hospital) -> list[Hospital]:
    parties, vault = world.consortium.hospitals, world.consortium.vault
    return [kind(each.ports(vault), table_trainer(TABLES[each.name], each.name)[0]) for each in parties]


def boss(world: World, table: TablePlan | NetworkPlan) -> TableCoordinator:
    plan = world.masked_plan() if isinstance(world, Four) else world.plan(min_hospitals=3)
    ports = world.consortium.coordinator.ports(world.consortium.vault)
    return TableCoordinator(ports, replace(plan, config=BASE), table)


def sum_statistics(world: World) -> None:
    """Run the round of statistics of a regression, and no other."""
    plan = replace(world.plan(min_hospitals=3), config=REGRESSION.statistics(BASE), rounds=1)
    ports = world.consortium.coordinator.ports(world.consortium.vault)
    rest(Coordinator(ports, plan, Initial(*REGRESSION.first())), auditor(world), *hospitals(world))
    assert world.phases() == ["FINAL"]


def step(world: World, design: Design, members: list[Hospital]) -> None:
    """Open one Newton round with a design, and let everybody act."""
    plan = replace(world.plan(min_hospitals=3), config=REGRESSION.config(design, 1, BASE), rounds=2)
    ports = world.consortium.coordinator.ports(world.consortium.vault)
    rest(Coordinator(ports, plan, Initial(*REGRESSION.first())), auditor(world), *members)


def report_of(world: World, number: int) -> dict[str, Any]:
    """Return the auditor's report about a round."""
    digest = world.federation.round(number).attestations[world.consortium.auditor.account]
    found: dict[str, Any] = json.loads(world.consortium.vault.get(digest, 1 << 20))
    return found


def test_masked_rounds_train_the_network_that_the_same_steps_give_in_memory(four: Four, tmp_path: Path) -> None:
    coordinator = boss(four, NETWORK)
    rest(coordinator, auditor(four), *hospitals(four))
    assert coordinator.done
    assert four.phases() == ["FINAL"] * 3
    saved = coordinator.model
    assert saved is not None
    assert saved.digest == four.federation.model_digest
    assert saved.design == Design(SCHEMA, shared_statistics(list(TABLES.values()), 8))
    same = fedavg(TABLES, saved.design, FedAvg(NETWORK.recipe, NETWORK.rounds, NETWORK.rows_bits))
    assert np.array_equal(saved.vector, same)

    metrics = [report_of(four, number)["metrics"] for number in (1, 2, 3)]
    assert metrics[0] == {}
    held_out, answers = drawn("held-out rows"), Network.from_vector(saved.vector, NETWORK.kind)
    right = (answers.log_odds(saved.design.of(held_out)) > 0) == (held_out.labels == 1)
    assert metrics[1]["accuracy"] == metrics[2]["accuracy"] == right.mean()

    report = audit(four)
    check_first_model(four.federation, four.consortium.vault, report, first_digest)
    assert (report.findings, report.alarms) == ([], [])
    assert (report.checks["aggregates"], report.checks["first models"]) == (3, 1)

    save_model(saved, tmp_path / "network.json")
    answer = load_model(tmp_path / "network.json").risk(parse_values({"age": "80"}, SCHEMA), load_suggestions())
    assert answer.low < answer.probability < answer.high
    assert isinstance(saved.model, Network)


def test_a_hospital_trains_no_network_that_does_not_fit_the_design() -> None:
    table, where = TABLES["alpha"], TrainContext(0, 2, "alpha", "cpu")
    previous, right = NETWORK.first()[1], NETWORK.config(DESIGN, 1, BASE)
    wider = {**right.training, "model": replace(NETWORK.kind, inputs=NETWORK.kind.inputs + 1).to_dict()}
    bare: dict[str, JsonValue] = {"design": right.training["design"]}
    other = replace(NETWORK, schema=replace(SCHEMA, reported="another illness"))
    theirs = other.config(replace(DESIGN, schema=other.schema), 1, BASE).training
    last = NETWORK.config(DESIGN, 1 + NETWORK.rounds, BASE).training
    coarser = {**last, "rule": {**reference_of(replace(NETWORK.kind, hidden=(3,)), 8).to_dict(), "name": RULE}}
    for training in (wider, bare, theirs, coarser, {**right.training, "more": 1}):
        with pytest.raises(EncodingError):
            enter(table, previous, replace(right, training=training), where)
    assert isinstance(enter(table, previous, right, where), tuple)


def test_a_federation_of_a_regression_trains_no_network(world: World) -> None:
    sum_statistics(world)
    with pytest.raises(SettingInvalid, match="another shape"):
        boss(world, NETWORK).step()


def test_a_design_that_follows_from_the_sums_is_taken_by_hospitals_that_cannot_open_them(world: World) -> None:
    sum_statistics(world)
    step(world, DESIGN, hospitals(world))
    assert world.phases() == ["FINAL", "FINAL"]
    assert audit(world).clean


def test_no_hospital_enters_a_round_whose_design_differs_in_a_billionth(world: World) -> None:
    sum_statistics(world)
    step(world, WRONG, hospitals(world))
    assert world.current.commitments == {}
    for party in world.consortium.hospitals:
        assert world.refusals(party.name), "refused each round that the coordinator opened"
        for reason in world.refusals(party.name):
            assert reason.startswith("DesignMismatch")
            assert "mean of age" in reason


def test_no_hospital_of_a_masked_round_enters_it_with_another_design(four: Four) -> None:
    coordinator, members = boss(four, REGRESSION), hospitals(four)
    agents: list[Agent] = [coordinator, auditor(four), *members]
    while four.phases() != ["FINAL"]:
        for agent in agents:
            step_once(agent)
    plan = replace(four.masked_plan(2), config=REGRESSION.config(WRONG, 1, BASE))
    ports = four.consortium.coordinator.ports(four.consortium.vault)
    rest(Coordinator(ports, plan, Initial(*REGRESSION.first())), *members)
    assert four.current.advertised == {}
    assert all("DesignMismatch" in four.refusals(name)[0] for name in NAMES)


def test_an_auditor_attests_no_round_of_credulous_hospitals_and_an_audit_finds_it(world: World) -> None:
    sum_statistics(world)
    step(world, WRONG, hospitals(world, Credulous))
    assert world.phases() == ["FINAL", "PROPOSED"]
    assert "DesignMismatch" in world.refusals("auditor")[0]
    (finding,) = audit(world).findings
    assert (finding.name, finding.round, finding.step) == ("DesignMismatch", 2, AuditStep.TERMS)


def test_a_design_before_any_statistics_is_refused(world: World) -> None:
    plan = replace(world.plan(min_hospitals=3), config=REGRESSION.config(DESIGN, 1, BASE), rounds=1)
    ports = world.consortium.coordinator.ports(world.consortium.vault)
    rest(Coordinator(ports, plan, Initial(*REGRESSION.first())), *hospitals(world))
    assert all("no final round summed statistics" in world.refusals(name)[0] for name in ("alpha", "beta", "gamma"))


def test_somebody_without_a_key_reads_the_statistics_in_the_auditors_report(world: World) -> None:
    sum_statistics(world)
    summed = TableDesigns(None, None, world.consortium.vault, endorser()).before(world.federation, 2)
    assert summed is not None
    assert summed.statistics == DESIGN.statistics
