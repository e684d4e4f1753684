"""The published flow with real processes and a real chain: two agents train, the third hospital uploads weights.

The weights come from a program that knows only the downloaded files and PyTorch.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.model.tensor_file import read_tensors
from scripts.commands.data import HOLDOUT, parts_of
from scripts.demo.together import found_together
from scripts.server.local_training import TrainingProcess
from scripts.server.site import training_command
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.training import save_labelled
from tests.support.processes import Party, free_port, invoke, until
from tests.support.staff_browser import StaffBrowser
from webui.errors import TrainingRunning
from webui.ports.local_training import TrainingStep

PLAN = SyntheticPlan(subjects=12, cells=6, size_px=32)
HOSPITALS = ["alpha", "beta", "gamma"]
MODEL = ("--preset", "synthetic", "--width", "8", "--image-size", "32", "--epochs", "1")
SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "own_tools" / "train.py"
EMAIL, PASSWORD = "tove@clinic.example", "a quiet river under birches"
ALONE = (
    "import runpy, sys; sys.argv.pop(0); "
    "sys.modules.update(dict.fromkeys(('fl', 'chain', 'webui', 'scripts', 'safetensors'))); "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)

SLOW_S = 500.0
"""A training gives way to others, so on a busy machine it may wait for minutes."""

pytestmark = pytest.mark.slow


class Browser(StaffBrowser):
    """One of the staff, who unpacks models."""

    def unpack(self, number: int, folder: Path) -> Path:
        zipfile.ZipFile(io.BytesIO(self.get(f"/hospital/models/{number}/model.zip").content)).extractall(folder)
        return folder


def alone(folder: Path, *command: str | Path) -> str:
    """Run a program that can import neither this project nor the package safetensors."""
    line = [sys.executable, "-I", "-c", ALONE, *map(str, command)]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=True, env={}).stdout.strip()


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    """Open a masked round in which two agents train, and the third waits for an upload."""
    found = Party(Home(tmp_path_factory.mktemp("own")), free_port())
    try:
        found.start_chain()
        found_together(found.home, found.url, HOSPITALS)
        parts = parts_of(draw_dataset(PLAN, 7), len(HOSPITALS), 7)
        labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
        save_labelled(parts[HOLDOUT], labels, found.home.member("auditor"))
        for name in ("alpha", "beta"):
            save_labelled(parts[name], labels, found.home.member(name))
            found.start_hospital(name)
        found.start("gamma", "hospital", "run", "--name", "gamma", "--uploads-only")
        found.start("auditor", "auditor", "run")
        found.start("coordinator", "coordinator", "run", *MODEL, "--rounds", "1", "--no-calibrate")
        yield found
    finally:
        for process in found.processes.values():
            process.kill()


def test_uploaded_weights_join_a_masked_round_and_the_combined_model_has_the_digest_on_the_ledger(
    party: Party, tmp_path: Path
) -> None:
    party.processes["gamma"].wait_for("waits for an upload")
    home = ("--home", str(party.home.folder))
    added = invoke(
        *("staff", "add", *home, "--role", "hospital", "--email", EMAIL, "--full-name", "Tove Lindahl"),
        env={"HEMALEDGER_STAFF_PASSWORD": PASSWORD},
    )
    assert added.exit_code == 0, added.output
    _, address = party.start_site("gamma")
    tove = Browser(address, EMAIL, PASSWORD)
    base = tove.unpack(0, tmp_path / "base")
    assert alone(base, "verify.py") == party.federation().model_digest.hex()

    own = draw_dataset(SyntheticPlan(subjects=4, cells=8, size_px=32), 9)
    np.savez(tmp_path / "own.npz", images=own.images, labels=own.labels)
    said = alone(tmp_path, SCRIPT, base, tmp_path / "own.npz", tmp_path / "weights.safetensors")
    images = re.match(r"images (\d+)", said)
    assert images is not None
    page = tove.post("/hospital/uploads", tmp_path / "weights.safetensors", samples=images[1])
    assert "Your weights passed every check" in page.text

    party.processes["gamma"].wait_for(rf"took an upload \(round 1, upload [0-9a-f]{{16}}, samples {images[1]}\)")
    party.processes["coordinator"].wait_for(r"final \(round 1\)")
    until("the end of the round", lambda: party.federation().rounds[-1].phase == Phase.FINAL)
    final = party.federation().rounds[-1]
    assert final.masked
    assert len(final.hospitals) == len(HOSPITALS)
    assert "Final in round 1" in tove.get("/hospital/uploads/1").text
    combined = tove.unpack(1, tmp_path / "combined")
    assert final.proposal is not None
    assert alone(combined, "verify.py") == final.proposal.model_digest.hex() != final.previous_model.hex()
    assert party.audit().exit_code == 0


def test_a_training_outside_any_round_reports_its_passes_can_be_stopped_and_starts_from_the_current_model(
    party: Party,
) -> None:
    until("the first round", lambda: bool(party.federation().rounds))
    folder = party.home.member("alpha").training
    training = TrainingProcess(folder, training_command(party.home, "alpha"), now)
    training.start(100)
    with pytest.raises(TrainingRunning):
        training.start(1)
    until("the first pass", lambda: training.now().done > 0, SLOW_S)
    training.stop()
    assert training.now().step is TrainingStep.STOPPED
    assert training.result() is None

    training.start(2)
    until("the end of the training", lambda: training.now().step is not TrainingStep.RUNNING, SLOW_S)
    assert training.now().step is TrainingStep.DONE, (folder / "log").read_text()
    result = training.result()
    assert result is not None
    data, declared = result
    assert read_tensors(data).metadata == {"base": party.federation().model_digest.hex()}
    assert declared.samples > 0
    assert training.now().done == 2
