"""`hemaledger ckks` with real processes: a hospital asks another one's network about values that it cannot read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.training.tables.logistic import probability
from fl.training.tables.rows import parse_values
from fl.training.tables.saved import load_model
from scripts.commands.ckks import ANSWERS
from scripts.demo.table import draw_people
from scripts.demo.together import found_together
from scripts.wiring.hidden import polynomial_of
from scripts.wiring.home import Home
from scripts.wiring.tables import import_table
from tests.support.processes import Party, Process, free_port, invoke
from tests.support.table_networks import SCHEMA

pytest.importorskip("tenseal")
pytestmark = pytest.mark.slow
HOSPITALS = ["alpha", "beta"]
PERSON = {"Glucose": "168", "BMI": "38", "Age": "50", "Pregnancies": "2", "DiabetesPedigreeFunction": "0.6"}


@pytest.fixture
def trained(tmp_path: Path) -> Iterator[tuple[Party, Path]]:
    """Train a network for one round."""
    party = Party(Home(tmp_path / "run"), free_port())
    try:
        party.start_chain()
        found_together(party.home, party.url, HOSPITALS)
        for seed, name in enumerate(HOSPITALS):
            (tmp_path / f"{name}.csv").write_text(draw_people(SCHEMA, 90, seed))
            import_table(tmp_path / f"{name}.csv", SCHEMA, party.home.member(name))
            party.start_hospital(name)
        party.start("auditor", "auditor", "run")
        words = ("--kind", "network", "--rounds", "1", "--hospitals", "2", "--protection", "sealed")
        told = ("--schema", SCHEMA.name, "--model", str(tmp_path / "model.json"))
        run = party.start("coordinator", "coordinator", "table", *words, *told)
        assert run.exit_code() == 0, run.output
        yield party, tmp_path / "model.json"
    finally:
        for process in party.processes.values():
            process.kill()


def hemaledger(*words: str, code: int = 0) -> str:
    result = invoke("ckks", *words)
    assert result.exit_code == code, result.output
    return result.output


def test_a_hospital_gets_the_networks_answer_and_the_host_reads_nothing(
    trained: tuple[Party, Path], tmp_path: Path
) -> None:
    party, model = trained
    home, card = str(party.home.folder), tmp_path / "card.json"
    assert "The card of model" in hemaledger("card", str(model), str(card))
    host = Process("ckks", "serve", str(model), "--home", home, "--name", "alpha", "--port", "0", "--answers", "1")
    url = host.wait_for(ANSWERS + r"(\S+)").group(1)
    values = [word for column, value in PERSON.items() for word in ("--value", f"{column}={value}")]
    asking = ("ask", str(card), "--home", home, "--name", "beta", "--host", f"alpha={url}", *values)
    told = hemaledger(*asking)
    saved = load_model(model)
    row = saved.design.matrix(parse_values(PERSON, SCHEMA)[None, :])
    expected = float(probability(polynomial_of(saved).log_odds(row))[0])
    share = re.search(r"Risk of .*: (\d+\.\d)%", told)
    assert share
    assert float(share[1]) == pytest.approx(100 * expected, abs=0.3)
    assert "neither a value nor the answer" in told
    assert "MB" in told
    hemaledger(*asking, code=75)  # the host gives this hospital one answer
    assert "QuotaUsed" in host.output or "1 private answers are allowed here" in host.output
    host.stop()
