"""Flower starts the rounds: a SuperLink with TLS, SuperNodes that sign in with their keys, and agents with sockets.

Nothing here sleeps to be in time: a process is waited for by its output, with a deadline.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fl.protocol.names import Role
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.roles import create_member
from scripts.wiring.training import save_labelled
from tests.support.flower import FLWR, MISSING, FlowerParty
from tests.support.processes import Party, free_port

NAMES = ["alpha", "beta", "gamma", "delta"]
LATE = "epsilon"
ROUNDS = 3
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not FLWR.exists(), reason=MISSING)]


@dataclass
class Story:
    """What `flwr run` said in three runs over one federation."""

    flower: FlowerParty
    first: str
    """All hospitals are there."""
    refused: str
    """What the SuperNode said whose key nobody registered."""
    second: str
    """Beta's SuperNode is gone, and the SuperLink is killed and started again in the middle."""
    third: str
    """Beta's SuperNode is back, and epsilon joined."""


@pytest.fixture(scope="module")
def flower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlowerParty]:
    """Start a chain, four hospitals, an auditor, a coordinator, a SuperLink, and SuperNodes that it knows."""
    folder = tmp_path_factory.mktemp("fl")
    party = Party(Home(folder / "home"), free_port())
    found = FlowerParty(party, folder / "flower")
    try:
        party.start_chain()
        found_together(party.home, party.url, NAMES)
        for name in ("auditor", *NAMES):
            _give_cells(party, name)
        found.up("--port", str(free_port()))
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


def _give_cells(party: Party, name: str) -> None:
    """Give a member drawn cells, each member others."""
    seed = ["auditor", *NAMES, LATE].index(name)
    labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
    save_labelled(draw_dataset(SyntheticPlan(subjects=4, cells=4, size_px=32), seed), labels, party.home.member(name))


@pytest.fixture(scope="module")
def story(flower: FlowerParty) -> Story:
    """Make three rounds: a calm one, one with faults, and one with a newcomer."""
    party = flower.party
    first = flower.run(rounds=1, min_nodes=len(NAMES))
    assert first.exit_code() == 0, first.output
    flower.programs["beta"].kill()
    party.home.member(LATE).create_password()
    create_member(party.home, LATE, Role.HOSPITAL)  # it has keys, but nobody registered them
    flower.up()
    stranger = flower.start_node(LATE)
    flower.run(rounds=1, min_nodes=len(NAMES) - 1)
    party.processes["alpha"].wait_for(r"alpha: advertised \(round 2\)")
    party.processes["gamma"].wait_for(r"gamma: advertised \(round 2\)")
    stranger.wait_for("ERROR")
    flower.programs["superlink"].kill()
    flower.start_superlink()
    second = flower.run(rounds=1, min_nodes=len(NAMES) - 1)
    assert second.exit_code() == 0, second.output
    stranger.kill()
    found_together(party.home, party.url, [*NAMES, LATE])
    _give_cells(party, LATE)
    flower.start_hospital(LATE)
    flower.register(LATE)
    flower.start_node(LATE)
    party.processes["coordinator"].wait_for("granted")
    flower.start_node("beta")
    third = flower.run(min_nodes=len(NAMES) + 1)
    assert third.exit_code() == 0, third.output
    return Story(flower, first.output, stranger.output, second.output, third.output)


def test_flwr_run_makes_a_masked_round_and_says_how_it_went(story: Story) -> None:
    assert re.search("Round 1: final, 4 of 4 hospitals, training accuracy", story.first), story.first
    assert not re.search("WARN|ERROR", story.first), story.first


def test_a_supernode_whose_key_nobody_registered_takes_no_part(story: Story) -> None:
    assert "ERROR" in story.refused
    assert LATE not in story.second


def test_a_round_goes_on_without_a_node_that_is_gone_and_says_whose(story: Story) -> None:
    assert "Round 2: final, 3 of 4 hospitals" in story.second, story.second
    assert "Round 2 went on without: beta." in story.second, story.second


def test_a_hospital_whose_supernode_is_gone_begins_no_round(story: Story) -> None:
    beta = story.flower.party.processes["beta"].output
    assert "advertised (round 2" not in beta, beta
    assert "committed (round 3)" in beta, beta


def test_a_newcomer_and_a_restarted_node_take_part_in_the_next_round(story: Story) -> None:
    assert "Round 3: final, 5 of 5 hospitals" in story.third, story.third
    assert "The coordinator's plan is done." in story.third


def test_rounds_that_flower_started_pass_the_audit(story: Story) -> None:
    rounds = story.flower.party.federation().rounds
    assert [(each.phase, each.masked, len(each.hospitals)) for each in rounds] == [
        (Phase.FINAL, True, count) for count in (4, 3, 5)
    ]
    audit = story.flower.party.audit("--format", "json")
    assert audit.exit_code == 0, audit.output
    assert json.loads(audit.stdout)["findings"] == []


def test_no_secret_is_in_what_flower_sees(story: Story) -> None:
    folder, party = story.flower.folder, story.flower.party
    seen = "".join(program.output for program in story.flower.programs.values()) + story.third
    for name in NAMES:
        member = party.home.member(name)
        assert member.password not in seen
        key = folder / "hospitals" / name / "node.key"
        assert key.stat().st_mode & 0o077 == 0
