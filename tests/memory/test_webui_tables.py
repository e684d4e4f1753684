"""Models of tables behind the site: verified like those of pictures, and with the digits of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fl.protocol.errors import FederationNotOpened
from fl.training.tables.network import NETWORK_LOCAL
from fl.training.tables.plans import NetworkPlan, TablePlan
from fl.training.tables.rows import parse_values
from fl.training.tables.saved import save_model
from fl.training.tables.suggestions import SHIPPED, load_suggestions
from scripts.commands.tables import tables
from scripts.predictor.tables import TableProcess
from tests.support.site_tables import PIMA, TrainedTable, play, trained
from webui.federation.tables import FederationTables

PERSON = {"Pregnancies": "3", "Glucose": "168", "BMI": "38.2", "DiabetesPedigreeFunction": "0.6", "Age": "50"}


@pytest.fixture(scope="module")
def process() -> Iterator[TableProcess]:
    made = TableProcess(SHIPPED.read_bytes())
    yield made
    made.close()


def service(process: TableProcess, **models: TrainedTable) -> FederationTables:
    return FederationTables({key: one.source for key, one in models.items()}, process.open)


def test_the_answer_is_that_of_the_command_line_to_the_last_digit(process: TableProcess, tmp_path: Path) -> None:
    model = trained()
    values = parse_values(PERSON, PIMA)
    found = service(process, pima=model).answer("pima", values)
    assert found.risk == model.saved.risk(values, load_suggestions())

    save_model(model.saved, tmp_path / "model.json")
    words = [word for name, value in PERSON.items() for word in ("--value", f"{name}={value}")]
    printed = CliRunner().invoke(tables, ["risk", str(tmp_path / "model.json"), *words]).output
    assert f"Risk: {found.risk.probability:.1%}" in printed
    assert f"{found.risk.low:.1%} to {found.risk.high:.1%}" in printed
    for factor in found.risk.factors:
        assert f"{factor.log_odds:+.3f}  {factor.text}" in printed
    assert found.risk.warning in printed


def test_many_persons_get_the_answers_that_each_of_them_gets(process: TableProcess) -> None:
    tables = service(process, pima=trained())
    rows = np.stack([parse_values(PERSON | {"Glucose": glucose}, PIMA) for glucose in ("90", "168", "")])
    found = tables.answers("pima", rows)
    single = [tables.answer("pima", row).risk for row in rows]
    assert found.chances.tolist() == [[one.probability, one.low, one.high] for one in single]


def test_the_model_is_described_by_its_ledger_and_by_the_auditor_who_held_rows_back(process: TableProcess) -> None:
    model = service(process, pima=trained()).model("pima")
    assert model.schema == PIMA
    assert model.served.model_digest == trained().saved.digest
    assert model.served.verification.whole
    assert "auditor" in model.served.attested_by
    assert model.report.data is not None
    assert model.report.data.images == 40
    assert model.report.metrics is not None
    assert "auroc" in model.report.metrics


def test_a_model_whose_training_has_not_ended_does_not_answer(process: TableProcess) -> None:
    with pytest.raises(FederationNotOpened):
        service(process, pima=trained(steps=1)).model("pima")


def test_a_value_far_from_the_rows_of_training_is_named(process: TableProcess) -> None:
    values = parse_values(PERSON | {"BMI": "89", "Age": "109"}, PIMA)
    found = service(process, pima=trained()).answer("pima", values)
    assert found.unlike == ("BMI", "Age")


def test_a_network_answers_too_and_each_table_for_itself(process: TableProcess) -> None:
    local = replace(NETWORK_LOCAL, epochs=2)
    network = play(NetworkPlan(PIMA, rows_bits=8, rounds=1, hidden=(4,), local=local, seed=3))
    tables, values = service(process, pima=trained(), network=network), parse_values(PERSON, PIMA)
    for _ in range(2):
        for key, model in (("pima", trained()), ("network", network)):
            assert tables.answer(key, values).risk == model.saved.risk(values, load_suggestions())


@pytest.mark.slow
def test_a_newcomer_sums_the_statistics_again_from_the_model_that_was_granted_to_it(process: TableProcess) -> None:
    model = play(TablePlan(PIMA, rows_bits=8, steps=8), "epsilon")
    world = model.world
    statistics = world.federation.rounds[0]
    assert world.account("epsilon") in statistics.roster
    for report in statistics.attestations.values():
        world.consortium.vault.delete(report)
    tables = FederationTables({"pima": lambda: model.source_of(world.party("epsilon"))}, process.open)
    values = parse_values(PERSON, PIMA)
    assert tables.answer("pima", values).risk == model.saved.risk(values, load_suggestions())
