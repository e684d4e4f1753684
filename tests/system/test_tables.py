"""A table from the command line: real processes train a regression by masked sums, and the audit replays it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import requests

from fl.training.tables.design import Design
from fl.training.tables.federation import newton_fit, shared_statistics
from fl.training.tables.logistic import Logistic, settings_for
from fl.training.tables.rows import joined, parse_values
from fl.training.tables.saved import load_model
from fl.training.tables.schema import load_schema
from fl.training.tables.suggestions import load_suggestions
from scripts.demo.together import found_together
from scripts.server.tables import TableOptions, open_tables, start_tables
from scripts.wiring.home import Home
from scripts.wiring.tables import import_table, own_table
from tests.support.processes import Party, answers, free_port, invoke, until

HOSPITALS = ["alpha", "beta", "gamma"]
SCHEMA = load_schema("pima-diabetes")

pytestmark = pytest.mark.slow


def printed(values: npt.NDArray[np.float64]) -> list[str]:
    return [f"{round(value, 6) + 0.0:.6f}" for value in values.tolist()]  # without the sign of zero


def write_rows(path: Path, count: int, seed: int) -> Path:
    draw = np.random.default_rng(seed)
    lines = [",".join([*SCHEMA.names, SCHEMA.label])]
    for _ in range(count):
        glucose, age = int(draw.integers(70, 250)), int(draw.integers(21, 80))
        ill = int(draw.random() < 1 / (1 + np.exp(-(glucose - 150) / 20 - (age - 50) / 30)))
        lines.append(
            f"{draw.integers(0, 9)},{glucose},{draw.integers(50, 100)},0,0,{draw.uniform(18, 50):.1f},0.5,{age},{ill}"
        )
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Party, Path]]:
    """Train one table."""
    folder = tmp_path_factory.mktemp("table")
    party = Party(Home(folder / "run"), free_port())
    try:
        party.start_chain()
        found_together(party.home, party.url, HOSPITALS)
        for seed, name in enumerate(HOSPITALS):
            import_table(write_rows(folder / f"{name}.csv", 60 + seed, seed), SCHEMA, party.home.member(name))
            party.start_hospital(name)
        party.start("auditor", "auditor", "run")
        words = ("--schema", SCHEMA.name, "--model", str(folder / "model.json"))
        run = party.start("coordinator", "coordinator", "table", *words)
        assert run.exit_code() == 0, run.output
        yield party, folder / "model.json"
    finally:
        for process in party.processes.values():
            process.kill()


def test_the_model_is_that_of_the_pooled_rows(trained: tuple[Party, Path]) -> None:
    party, path = trained
    rows = [joined([own_table(party.home.member(name)) for name in HOSPITALS])]
    design = Design(SCHEMA, shared_statistics(rows))
    pooled = newton_fit(rows, design, settings_for(design))[-1].candidate
    found = load_model(path).model
    assert isinstance(found, Logistic)
    assert printed(found.coefficients) == printed(pooled)


def test_the_site_has_the_digits_of_the_command_line_and_says_what_was_checked(trained: tuple[Party, Path]) -> None:
    party, path = trained
    options = TableOptions.parse([f"diabetes={party.home.folder}"], None, party.home)
    process = start_tables(options)
    assert process is not None
    try:
        values = parse_values({"Glucose": "168", "BMI": "38", "Age": "50"}, SCHEMA)
        found = open_tables(options, "alpha", process).answer("diabetes", values)
    finally:
        process.close()
    assert found.risk == load_model(path).risk(values, load_suggestions())
    words = ("--value", "Glucose=168", "--value", "BMI=38", "--value", "Age=50")
    assert f"Risk: {found.risk.probability:.1%}\n" in invoke("tables", "risk", str(path), *words).output
    assert found.model.served.verification.whole
    assert found.model.served.model_digest == load_model(path).digest


def test_a_patient_of_a_running_site_gets_that_answer(trained: tuple[Party, Path]) -> None:
    party, path = trained
    port = str(free_port())
    words = ("--name", "alpha", "--port", port, "--table", f"diabetes={party.home.folder}", "--patient-risks")
    site = party.start("site", "serve", *words)
    site.wait_for("The site is at")
    browser, address = requests.Session(), f"http://127.0.0.1:{port}"
    browser.trust_env = False
    until("the site's first answer", lambda: answers(address))

    def send(page: str, **form: str) -> requests.Response:
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(f"{address}{page}").text)
        assert token is not None
        return browser.post(f"{address}{page}", data={"csrf_token": token[1], **form})

    person = {"name": "Maya Lindqvist", "date_of_birth": "1987-04-12", "email": "maya@patients.example"}
    secret = "the quick brown fox"
    assert send("/sign-up", **person, password=secret, again=secret).ok
    if "/sign-in" in browser.get(f"{address}/risks/").url:
        send("/sign-in", email=person["email"], password=secret)
    values = {"Pregnancies": "1", "Glucose": "168", "BMI": "38,5", "DiabetesPedigreeFunction": "0.5", "Age": "50"}
    form = {f"column-{place}": values.get(name, "") for place, name in enumerate(SCHEMA.names)}
    page = send("/risks/diabetes/mine", **form).text
    given = parse_values({**values, "BMI": "38.5"}, SCHEMA)
    found = load_model(path).risk(given, load_suggestions())
    assert f"{100 * found.probability:.1f} %" in page
    for end in (found.low, found.high):
        assert f"{100 * min(max(end, 0.001), 0.999):.1f} %" in page
    assert load_model(path).digest.hex()[:32] in page
    site.stop()


def test_the_audit_replays_every_step_and_names_what_the_sums_reveal(trained: tuple[Party, Path]) -> None:
    party, path = trained
    done = party.audit("--format", "json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["findings"], report["alarms"]) == (0, [], [])
    statistics, *steps = report["rounds"]
    assert statistics["totals"]["purpose"] == "table-statistics"
    assert {each["totals"]["purpose"] for each in steps} == {"newton-step"}
    assert len(steps) <= 8
    assert all(lane["reveals"] for each in report["rounds"] for lane in each["totals"]["lanes"])
    assert load_model(path).digest.hex() in done.stdout
