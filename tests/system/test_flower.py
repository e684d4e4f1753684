"""Flower starts the rounds: a SuperLink with TLS, SuperNodes that sign in with their keys, and agents with sockets.

Nothing here sleeps to be in time: a process is waited for by its output, with a deadline.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from scripts.commands.data import HOLDOUT, parts_of
from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.training import save_labelled
from tests.support.flower import FLWR, MISSING, FlowerParty
from tests.support.processes import Party, Process, free_port

NAMES = ["alpha", "beta", "gamma"]
ROUNDS = 2
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FLWR.exists(), reason=MISSING)]


@pytest.fixture(scope="module")
def flower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowerParty]:
    """Start a chain, three hospitals, an auditor, a coordinator, a SuperLink, and three SuperNodes that it knows."""
    folder = tmp_path_factory.mktemp("fl")
    party = Party(Home(folder / "home"), free_port())
    found = FlowerParty(party, folder / "flower")
    try:
        party.start_chain()
        found_together(party.home, party.url, NAMES)
        parts = parts_of(draw_dataset(SyntheticPlan(subjects=9, cells=4, size_px=32), 7), len(NAMES), 7)
        labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
        save_labelled(parts.pop(HOLDOUT), labels, party.home.member("auditor"))
        for name, part in parts.items():
            save_labelled(part, labels, party.home.member(name))
        found.up()
        found.start_superlink()
        for name in NAMES:
            found.register(name)
            found.start_node(name)
            found.start_hospital(name)
        party.start("auditor", "auditor", "run")
        found.start_coordinator(len(NAMES), ROUNDS)
        yield found
    finally:
        found.stop()
        for process in party.processes.values():
            process.kill()


@pytest.fixture(scope="module")
def finished(flower: FlowerParty) -> Process:
    """Let `flwr run` make all rounds of the plan."""
    run = flower.run(min_nodes=len(NAMES))
    assert run.exit_code() == 0, run.output
    return run


def test_flwr_run_makes_masked_rounds_and_says_how_each_went(flower: FlowerParty, finished: Process) -> None:
    for number in range(1, ROUNDS + 1):
        assert re.search(rf"Round {number}: final, 3 of 3 hospitals, training accuracy", finished.output), (
            finished.output
        )
    assert "The coordinator's plan is done." in finished.output
    assert not re.search("WARN|ERROR", finished.output), finished.output
    rounds = flower.party.federation().rounds
    assert [(found.phase, found.masked, len(found.hospitals)) for found in rounds] == [(Phase.FINAL, True, 3)] * ROUNDS


def test_rounds_that_flower_started_pass_the_audit(flower: FlowerParty, finished: Process) -> None:
    assert finished.exit_code() == 0
    audit = flower.party.audit("--format", "json")
    assert audit.exit_code == 0, audit.output
    assert json.loads(audit.stdout)["findings"] == []
