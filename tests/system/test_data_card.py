"""A data card from the command line: real processes sum it, and the audit prints what the hospitals have together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import pytest

from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.dataset import Dataset
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.data_card import count_data_card
from scripts.commands.data import HOLDOUT, parts_of
from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.training import save_labelled
from tests.support.processes import Party, free_port

PLAN = SyntheticPlan(subjects=12, cells=6, size_px=32)
HOSPITALS = ["alpha", "beta", "gamma"]
MODEL = ("--preset", "synthetic", "--width", "8", "--image-size", "32")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def parts() -> Mapping[str, Dataset]:
    return parts_of(draw_dataset(PLAN, 7), len(HOSPITALS), 7)


@pytest.fixture(scope="module")
def summed(tmp_path_factory: pytest.TempPathFactory, parts: Mapping[str, Dataset]) -> Iterator[Party]:
    """Sum one data card before anything is trained, then train one round."""
    party = Party(Home(tmp_path_factory.mktemp("card")), free_port())
    try:
        party.start_chain()
        found_together(party.home, party.url, HOSPITALS)
        labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
        save_labelled(parts[HOLDOUT], labels, party.home.member("auditor"))
        for name in HOSPITALS:
            save_labelled(parts[name], labels, party.home.member(name))
            party.start_hospital(name)
        party.start("auditor", "auditor", "run")
        card = party.start("card", "coordinator", "sum", "--purpose", "data-card", *MODEL)
        assert card.exit_code() == 0, card.output
        run = party.start(
            "coordinator", "coordinator", "run", *MODEL, "--epochs", "1", "--rounds", "1", "--no-calibrate"
        )
        assert run.exit_code() == 0, run.output
        yield party
    finally:
        for process in party.processes.values():
            process.kill()


def test_the_audit_gives_the_exact_counts_of_all_hospitals(summed: Party, parts: Mapping[str, Dataset]) -> None:
    done = summed.audit("--format", "json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["findings"], report["alarms"]) == (0, [], [])
    card, trained = report["rounds"]
    assert (card["phase"], trained["phase"], card["protection"]) == ("final", "final", "masked")
    counts = [count_data_card(parts[name], LEUKEMIA) for name in HOSPITALS]
    lanes = {lane["name"]: lane["sum"] for lane in card["totals"]["lanes"]}
    exact = {
        name: [sum(each) for each in zip(*(count[name].tolist() for count in counts), strict=True)]
        for name in counts[0]
    }
    assert lanes == exact
    assert trained["totals"] == {}


def test_the_words_about_the_round_name_each_lane_and_what_it_reveals(summed: Party) -> None:
    story = summed.audit("--round", "1", "--explain").output
    assert "It also gave everybody totals of all hospitals. " in story
    assert "From how many persons these images come" in story
    assert story.rstrip().endswith("Nothing wrong was found in this round: every step was checked.")
