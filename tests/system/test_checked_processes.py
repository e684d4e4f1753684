"""A checked round with real processes and the real contract: an update 10 times as long is named, no other one is."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.check_verdicts import verdicts
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from scripts.commands.data import HOLDOUT, parts_of
from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.training import save_labelled
from tests.support.processes import Party, Process, free_port

PLAN = SyntheticPlan(subjects=16, cells=6, size_px=32)
LIAR = "delta"
HOSPITALS = ["alpha", "beta", "gamma", LIAR]
CHECKED = ("--protection", "masked", "--check-updates", "1", "--check-buckets", "64")
MODEL = ("--preset", "synthetic", "--width", "8", "--image-size", "32", "--epochs", "1", "--no-calibrate")

pytestmark = pytest.mark.slow


class OwnTools(Process):
    """A hospital whose program is not ours."""

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.support.scaling_hospital", *self.arguments]


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    """Play an honest round, one in which one of four hospitals lies, and two without it."""
    found = Party(Home(tmp_path_factory.mktemp("checked")), free_port())
    try:
        found.start_chain()
        found_together(found.home, found.url, HOSPITALS)
        parts = parts_of(draw_dataset(PLAN, 7), len(HOSPITALS), 7)
        labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
        save_labelled(parts.pop(HOLDOUT), labels, found.home.member("auditor"))
        for name, part in parts.items():
            save_labelled(part, labels, found.home.member(name))
        for name in HOSPITALS:
            if name != LIAR:
                found.start_hospital(name)
        run = ("hospital", "run", "--name", LIAR, "--threads", "1", "--device", "cpu", "--home", str(found.home.folder))
        found.processes[LIAR] = OwnTools(*run)
        found.start("auditor", "auditor", "run")
        boss = found.start(
            "coordinator",
            "coordinator",
            "run",
            *MODEL,
            *CHECKED,
            "--hospitals",
            "3",
            "--min-commitments",
            "3",
            "--rounds",
            "3",
        )
        assert boss.exit_code() == 0, boss.output
        yield found
    finally:
        for process in found.processes.values():
            process.kill()


def test_the_long_update_ends_its_round_and_the_next_one_goes_on_without_its_hospital(party: Party) -> None:
    federation, vault = party.federation(), party.home.vault
    assert [each.phase for each in federation.rounds] == [Phase.FINAL, Phase.ABORTED, Phase.FINAL, Phase.FINAL]
    found = [list(verdicts(federation, each, vault).values()) for each in federation.rounds]
    assert [len(each) for each in found] == [1, 1, 1, 1]
    named = [{federation.book.name_of(who): why for who, why in each[0].named.items()} for each in found]
    assert named == [{}, {LIAR: "UpdateTooLong"}, {}, {}]
    assert all(not each[0].unclear for each in found)
    assert party.account(LIAR) not in federation.rounds[2].roster
    assert len(federation.rounds[2].roster) == 3


def test_the_audit_judges_again_and_names_the_same_hospital(party: Party) -> None:
    report = party.audit()
    assert report.exit_code == 0, report.output
    assert f"{LIAR}: its update is longer than that of any honest hospital" in report.output
    for name in set(HOSPITALS) - {LIAR}:
        assert f"{name}: its update" not in report.output
