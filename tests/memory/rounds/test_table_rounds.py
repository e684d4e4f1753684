"""A logistic regression by masked Newton steps: on the ledger, replayed, audited, and equal to pooled training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.protocol.errors import DatasetUnusable, EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.replay.round_documents import read_manifest
from fl.replay.round_replay import Tools, replay_round
from fl.replay.round_sum import RoundSum
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial
from fl.roles.hospital.background_training import Train
from fl.training.aggregation.newton_step import NewtonState
from fl.training.aggregation.quantise import Vector
from fl.training.aggregation.work import LaneValues
from fl.training.local.train import TrainContext
from fl.training.tables.design import Design
from fl.training.tables.federation import newton_fit, shared_statistics, task_of
from fl.training.tables.logistic import Logistic
from fl.training.tables.plans import TablePlan
from fl.training.tables.rounds import enter, first_model, newton_config, settings_of, statistics_config
from fl.training.tables.rows import Table, groups_of, joined
from fl.training.tables.schema import Column, Kind, Schema
from fl.training.tables.statistics import statistics_of
from scripts.wiring.home import MemberHome
from scripts.wiring.tables import TableCoordinator, has_table, import_table, own_table, table_trainer
from tests.support.federation import endorser, memory_folder
from tests.support.masked_world import NAMES, Four, rest
from tests.support.world import audit

SCHEMA = Schema(
    name="toy",
    source="drawn",
    licence="CC0",
    header=True,
    ordered=(),
    columns=(
        Column("age", "Age", Kind.NUMBER, "years", 18, 110, missing=("?",)),
        Column("pain", "Pain", Kind.CATEGORY, categories=("1", "2", "3")),
    ),
    label="ill",
    disease=("1",),
    healthy=("0",),
    reported="illness",
    population="drawn persons",
)
BITS, ROUNDS = 8, 5
SETTINGS = settings_of(SCHEMA, rows_bits=BITS)
WHERE = TrainContext(0, 1, "alpha", "cpu")
BASE = RoundConfig(0.5, 50.0, 2**21, {}, task_of(SCHEMA))


def drawn(name: str) -> Table:
    draw = np.random.default_rng(int.from_bytes(name.encode(), "big"))
    count = 30 + len(name)
    age, pain = draw.integers(18, 110, count).astype(np.float64), draw.integers(0, 3, count).astype(np.float64)
    labels = (draw.random(count) < 1 / (1 + np.exp(-(age - 60) / 15 - pain + 1))).astype(np.int64)
    age[draw.random(count) < 0.1] = np.nan
    values = np.stack([age, pain], axis=1)
    return Table(SCHEMA, values, labels, groups_of(values), name)


TABLES = {name: drawn(name) for name in NAMES}


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


def train(name: str) -> Train:
    return table_trainer(TABLES[name], name)[0]


def run(world: Four, config: RoundConfig, rounds: int) -> None:
    """Run rounds until so many are final."""

    def evaluate(_model: Vector, _config: RoundConfig) -> Evaluation:
        return Evaluation()

    plan = replace(world.masked_plan(rounds), config=config)
    vault = world.consortium.vault
    coordinator = Coordinator(world.consortium.coordinator.ports(vault), plan, Initial(*first_model(SETTINGS)))
    hospitals = [world.hospital(name, train(name)) for name in NAMES]
    rest(coordinator, Auditor(world.consortium.auditor.ports(vault), evaluate), *hospitals)
    assert world.phases() == ["FINAL"] * rounds


def test_masked_newton_steps_give_the_coefficients_of_pooled_training(four: Four) -> None:
    run(four, statistics_config(SCHEMA, BITS, BASE), 1)
    vault = four.consortium.vault
    reader = four.hospital("gamma", train("gamma"))._masked._reader
    tools = Tools(RoundSum(reader, vault), vault, endorser())
    manifest = read_manifest(four.federation.opening, vault)
    start = first_model(SETTINGS)[1]
    totals = replay_round(four.current, start, manifest, tools).totals
    design = Design(SCHEMA, statistics_of(SCHEMA, totals, BITS))
    assert design.statistics == shared_statistics(list(TABLES.values()), BITS)

    run(four, newton_config(design, SETTINGS, BASE), 1 + ROUNDS)
    pooled = newton_fit([joined(list(TABLES.values()))], design, SETTINGS)
    state = NewtonState.start(SETTINGS)
    for number in range(2, 2 + ROUNDS):
        vector = replay_round(four.federation.rounds[number - 1], state.to_vector(), manifest, tools).model
        state = NewtonState.from_vector(vector, SETTINGS)
    assert state.converged
    assert [f"{value:.9f}" for value in state.candidate] == [f"{value:.9f}" for value in pooled[-1].candidate]
    report = audit(four)
    assert (report.findings, report.alarms) == ([], [])
    assert report.checks["aggregates"] == 1 + ROUNDS


def test_a_hospital_enters_nothing_into_a_round_of_another_schema_or_other_lanes() -> None:
    other = replace(SCHEMA, reported="another illness")
    table, previous = TABLES["alpha"], first_model(SETTINGS)[1]
    right = statistics_config(SCHEMA, BITS, BASE)
    wrong = [statistics_config(other, BITS, BASE), replace(right, training={"seed": 1})]
    finer = statistics_config(SCHEMA, BITS - 1, BASE).training
    wrong.append(replace(right, training={**right.training, "sum": finer["sum"]}))
    wrong.append(replace(right, training={**right.training, "rule": {"name": "newton", **SETTINGS.to_dict()}}))
    for config in wrong:
        with pytest.raises(EncodingError):
            enter(table, previous, config, WHERE)
    entered = enter(table, previous, right, WHERE)
    assert isinstance(entered, LaneValues)
    assert entered.rows == len(table)


def test_the_coordinator_ends_at_the_optimum_and_has_the_model_that_answers(four: Four) -> None:
    vault = four.consortium.vault
    plan = replace(four.masked_plan(), config=BASE)
    ports = four.consortium.coordinator.ports(vault)
    boss = TableCoordinator(ports, plan, TablePlan(SCHEMA, rows_bits=BITS))
    auditor = Auditor(four.consortium.auditor.ports(vault), lambda _model, _config: Evaluation())
    rest(boss, auditor, *(four.hospital(name, train(name)) for name in NAMES))
    assert boss.done
    assert boss.model is not None
    assert len(four.phases()) < 1 + 8
    design = Design(SCHEMA, shared_statistics(list(TABLES.values()), BITS))
    pooled = newton_fit([joined(list(TABLES.values()))], design, SETTINGS)[-1]
    assert isinstance(boss.model.model, Logistic)
    assert [f"{value:.9f}" for value in boss.model.model.coefficients] == [f"{value:.9f}" for value in pooled.candidate]
    again = TableCoordinator(ports, plan, TablePlan(SCHEMA, rows_bits=BITS))
    assert not again.step()
    assert again.model is not None
    assert again.model.digest == boss.model.digest == four.federation.model_digest


def test_a_hospitals_rows_are_copied_only_if_they_fit(tmp_path: Path) -> None:
    source, member = tmp_path / "rows.csv", MemberHome(tmp_path / "alpha", "alpha")
    source.write_text("age,pain,ill\n17,1,0\n")
    with pytest.raises(DatasetUnusable):
        import_table(source, SCHEMA, member)
    assert not has_table(member)
    source.write_text("age,pain,ill\n18,1,0\n?,3,1\n")
    import_table(source, SCHEMA, member)
    assert has_table(member)
    assert own_table(member).labels.tolist() == [0, 1]
