"""A consortium whose members share no folder: each has its own, and the vault is on a store that speaks S3."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from scripts.commands.data import HOLDOUT, parts_of
from scripts.demo.together import AUDITOR, COORDINATOR, found_together
from scripts.wiring.home import Home
from scripts.wiring.training import save_labelled
from tests.support.processes import Party, free_port, invoke
from tests.support.s3_server import BUCKET, BadLine, address, client, s3_server

PLAN = SyntheticPlan(subjects=12, cells=12, size_px=32)
HOSPITALS = ("alpha", "beta", "gamma")
SMALL = (
    *("--preset", "synthetic", "--width", "8", "--image-size", "32", "--epochs", "2", "--no-calibrate"),
    *("--hospitals", "3", "--rounds", "2", "--protection", "masked"),
)

pytestmark = pytest.mark.slow


class Apart(Party):
    """Members with a folder each; `home` is the operator's."""

    def own(self, name: str) -> Home:
        """Return a member's own machine: consortium.json, its own keys and images, and nothing else."""
        folder = self.home.folder.parent / f"machine-{name}"
        if not folder.exists():
            shutil.copytree(self.home.member(name).folder, folder / "members" / name)
            shutil.copy(self.home.deployment_file, folder)
        return Home(folder)

    def run(self, name: str, *arguments: str) -> None:
        self.processes[name] = type(self.processes["chain"])(*arguments, "--home", str(self.own(name).folder))


@pytest.fixture(scope="module")
def line() -> Iterator[BadLine]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as endpoint:
        bad = BadLine(endpoint)
        yield bad
        bad.close()


def trained(folder: Path, vault: str, line: BadLine | None = None) -> Apart:
    """Run two masked rounds of three hospitals; with a line, the store is silent for a while in the first round."""
    party = Apart(Home(folder / "operator"), free_port())
    try:
        party.start_chain()
        found_together(party.home, party.url, HOSPITALS, vault=vault)
        parts = parts_of(draw_dataset(PLAN, 7), len(HOSPITALS), 7)
        labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
        save_labelled(parts.pop(HOLDOUT), labels, party.home.member(AUDITOR))
        for name, part in parts.items():
            save_labelled(part, labels, party.home.member(name))
        for name in HOSPITALS:
            party.run(name, "hospital", "run", "--name", name, "--threads", "1", "--device", "cpu")
        party.run(AUDITOR, "auditor", "run")
        party.run(COORDINATOR, "coordinator", "run", *SMALL)
        if line is not None:
            party.processes["beta"].wait_for(r"training \(round 1\)")
            line.faults += ["silent"] * 30
        assert party.processes[COORDINATOR].exit_code() == 0, party.processes[COORDINATOR].output
    except BaseException:
        stop(party)
        raise
    return party


def stop(party: Party) -> None:
    for process in party.processes.values():
        process.send(signal.SIGCONT)
        process.kill()


@pytest.fixture(scope="module")
def on_a_store(tmp_path_factory: pytest.TempPathFactory, line: BadLine) -> Iterator[Apart]:
    party = trained(tmp_path_factory.mktemp("store"), address(line.url), line)
    yield party
    stop(party)


def test_rounds_end_though_the_store_was_silent_for_a_while(on_a_store: Apart) -> None:
    federation = on_a_store.federation()
    assert [federation.round(number).phase for number in (1, 2)] == [Phase.FINAL, Phase.FINAL]
    assert not (on_a_store.home.folder / "vault").exists()


def test_an_auditor_with_a_folder_of_its_own_finds_nothing_wrong(on_a_store: Apart) -> None:
    result = invoke("audit", "--home", str(on_a_store.own(AUDITOR).folder), "--auditor", AUDITOR)
    assert result.exit_code == 0, result.output


def test_a_file_that_somebody_changed_in_the_store_is_found(on_a_store: Apart, line: BadLine) -> None:
    home, name = on_a_store.own(AUDITOR), Party(on_a_store.own("alpha"), 0).promises("alpha")[0].hex()
    shutil.rmtree(home.folder / "cache")
    client(line.url).put_object(Bucket=BUCKET, Key=f"one/{name[:2]}/{name}", Body=b"something else")
    result = invoke("audit", "--home", str(home.folder), "--auditor", AUDITOR)
    assert result.exit_code == 76, result.output  # at least one finding
    assert "alpha" in result.output
