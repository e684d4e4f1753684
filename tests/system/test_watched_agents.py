"""Agents as processes: what they say in their logs, on their metrics' port, and when somebody stops them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import requests

from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from scripts.commands.data import HOLDOUT, parts_of
from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.training import save_labelled
from tests.support.processes import HOSPITALS, SMALL, Party, Process, free_port, invoke, until

PLAN = SyntheticPlan(subjects=12, cells=12, size_px=32)
WATCHED = ("--log-format", "json", "--metrics", "127.0.0.1:0")

pytestmark = pytest.mark.slow


def asked(process: Process, path: str) -> requests.Response:
    """Ask a watched process, whose log is JSON."""
    found = process.wait_for(r'"metrics": "(http://127\.0\.0\.1:\d+)/metrics"')
    with requests.Session() as session:
        session.trust_env = False
        return session.get(found[1] + path, timeout=30)


def figure(process: Process, name: str) -> float:
    """Return one figure of a watched process; `name` may have labels."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", asked(process, "/metrics").text, re.MULTILINE)
    return float(found[1]) if found else -1.0


def lines(process: Process) -> list[dict[str, object]]:
    return [json.loads(line) for line in process.output.splitlines()]


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    found = Party(Home(tmp_path_factory.mktemp("watched")), free_port())
    try:
        found.start_chain()
        found_together(found.home, found.url, HOSPITALS, ["vera"])
        parts = parts_of(draw_dataset(PLAN, 7), len(HOSPITALS), 7)
        labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
        save_labelled(parts.pop(HOLDOUT), labels, found.home.member("auditor"))
        for name, part in parts.items():
            save_labelled(part, labels, found.home.member(name))
        found.start("auditor", "auditor", "run", *WATCHED)
        found.start("vera", "trustee", "run", "--name", "vera", *WATCHED)
        for name in HOSPITALS:
            found.start(name, "hospital", "run", "--name", name, "--threads", "1", "--device", "cpu", *WATCHED)
        yield found
    finally:
        for process in found.processes.values():
            process.kill()


@pytest.fixture(scope="module")
def after_a_round(party: Party) -> Party:
    party.start_coordinator(rounds=1).wait_for(r"final \(round 1\)")
    return party


def test_each_line_of_a_json_log_has_time_level_role_member_and_event(after_a_round: Party) -> None:
    for name in ("alpha", "auditor"):
        for line in lines(after_a_round.processes[name]):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(line["time"]))
            assert line["level"] in ("info", "warning", "error")
            assert (line["role"], line["member"]) == ("auditor" if name == "auditor" else "hospital", name)
            assert line["event"]
            assert line["message"]
    of_round = [line["event"] for line in lines(after_a_round.processes["alpha"]) if line.get("round") == 1]
    assert {"training", "trained", "update_committed"} <= set(of_round)


def test_the_metrics_of_a_hospital_tell_the_round_and_its_training(after_a_round: Party) -> None:
    alpha = after_a_round.processes["alpha"]
    until("the end of round 1", lambda: figure(alpha, 'hemaledger_rounds_ended_total{outcome="final"}') == 1)
    assert figure(alpha, 'hemaledger_round_phase{phase="final"}') == 1
    assert figure(alpha, "hemaledger_training_epoch") == figure(alpha, "hemaledger_training_epochs") == 12
    assert figure(alpha, "hemaledger_disk_free_bytes") > 0
    assert figure(alpha, 'hemaledger_vault_errors_total{kind="full"}') == 0
    assert 'member="alpha"' in asked(alpha, "/metrics").text


def test_a_hospital_is_ready_once_it_reached_chain_and_vault(after_a_round: Party) -> None:
    alpha = after_a_round.processes["alpha"]
    until("readiness", lambda: asked(alpha, "/readyz").status_code == 200)
    assert asked(alpha, "/readyz").json() == {"status": "ready", "chain": "ok", "vault": "ok", "clock": "ok"}
    assert asked(alpha, "/healthz").json() == {"status": "ok"}
    assert asked(alpha, "/other").status_code == 404


def test_status_tells_each_members_version_and_last_sign_of_life(after_a_round: Party) -> None:
    home = str(after_a_round.home.folder)

    def found() -> dict[str, dict[str, object]]:
        told = json.loads(invoke("status", "--json", "--home", home).output)
        return {each["name"]: each for each in told["members"]}

    until("alpha's sign", lambda: found()["alpha"]["sign"] is not None)
    assert found()["alpha"]["sign"]["version"] == version("hemaledger")  # type: ignore[index]
    assert found()["coordinator"]["recorded_at"]
    told = invoke("status", "--home", home)
    assert told.exit_code == 0, told.output
    assert re.search(r"alpha +hospital +seen \d+ seconds ago", told.output)
    assert "Round 1: final" in told.output


@pytest.mark.parametrize("name", ["auditor", "vera"])
def test_an_agent_that_gets_term_ends_with_0_and_says_so(after_a_round: Party, name: str) -> None:
    agent = after_a_round.processes[name]
    agent.wait_for('"event": "ready"')
    assert agent.stop() == 0, agent.output
    assert lines(agent)[-1]["event"] == "stopped"


def test_a_hospital_stopped_while_it_trains_ends_with_0_and_goes_on_from_its_pass(after_a_round: Party) -> None:
    party, long = after_a_round, (*SMALL, "--epochs", "1000", "--rounds", "2", "--change-plan")
    party.start("coordinator", "coordinator", "run", *long)
    alpha = party.processes["alpha"]
    alpha.wait_for(r'"round": 2, "event": "training"')
    until("the first pass", lambda: 0 < figure(alpha, "hemaledger_training_epoch") < 1000)
    assert alpha.stop() == 0, alpha.output
    assert lines(alpha)[-1]["event"] == "stopped"
    again = party.start("alpha", "hospital", "run", "--name", "alpha", "--threads", "1", "--device", "cpu", *WATCHED)
    assert again.wait_for(r'"event": "training"')
    until("a pass after the first", lambda: figure(again, "hemaledger_training_epoch") > 1)
    assert again.stop() == 0, again.output


def test_a_coordinator_that_gets_term_while_a_round_runs_ends_with_0(after_a_round: Party) -> None:
    coordinator = after_a_round.processes["coordinator"]
    coordinator.wait_for(r"opened \(round 2")
    assert coordinator.stop() == 0, coordinator.output


def test_an_agent_of_a_round_in_which_nothing_happens_says_for_whom_it_waits_and_until_when(
    after_a_round: Party,
) -> None:
    quiet = after_a_round.start("auditor", "auditor", "run", *WATCHED, "--quiet-after", "1")
    after_a_round.processes["auditor"] = quiet
    quiet.wait_for(r'"event": "still_waiting"')
    facts = next(line for line in lines(quiet) if line["event"] == "still_waiting")["facts"]
    assert isinstance(facts, dict)
    assert "alpha" in facts["waits for"]
    assert facts["until"].endswith("UTC")
    told = invoke("status", "--home", str(after_a_round.home.folder))
    assert re.search(r"Round 2: open\. It waits for .*alpha.*: their updates, since .* until ", told.output)


def test_the_chain_is_watched_and_ends_with_0(tmp_path: Path) -> None:
    chain = Process("chain", "run", "--port", str(free_port()), "--home", str(tmp_path), *WATCHED)
    try:
        chain.wait_for('"event": "chain_ready"')
        until("readiness", lambda: asked(chain, "/readyz").status_code == 200)
        assert figure(chain, "hemaledger_chain_block") == 0
    finally:
        code = chain.stop()
    assert code == 0, chain.output
    assert lines(chain)[-1]["event"] == "stopped"
