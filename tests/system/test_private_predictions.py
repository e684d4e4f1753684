"""`hemaledger head` on a real chain, with trustees' servers as processes: the answer is the model's own, rounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.protocol.names import KeyUse
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.background_training import TrainingJob
from fl.training.aggregation.quantise import LocalMetrics, Vector
from fl.training.data.dataset import save_dataset
from fl.training.data.synthetic import SyntheticPlan, draw_cell, draw_dataset
from fl.training.model.spec import LITE0, ModelSpec
from fl.training.pictures.gate import prepare
from fl.training.pictures.images import Pixels, encode_png
from fl.training.presets import DEFAULT_LOCAL
from fl.training.recipe import Recipe
from scripts.commands.head import ANSWERS
from scripts.demo.together import AUDITOR, COORDINATOR, Work, found_together, gather, share_key
from scripts.wiring.evaluation import open_model
from scripts.wiring.home import Home
from scripts.wiring.options import DataOptions
from scripts.wiring.plans import first_model
from scripts.wiring.training import import_images
from tests.support.processes import Process, free_port, invoke

TRUSTEES = ("ines", "jonas", "salma")
SPEC = ModelSpec(kind=LITE0, trained="head")

pytestmark = pytest.mark.slow


def quiet(_what: object, _facts: object) -> None:
    """Tell nobody."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Return a consortium on a running chain with one final model of which the head alone was trained."""
    place = Home(tmp_path / "run")
    chain = Process("chain", "run", "--home", str(place.folder), "--port", str(port := free_port()))
    chain.wait_for("Chain ready at")
    found_together(place, f"http://127.0.0.1:{port}", ["alpha"], TRUSTEES)
    share_key(place, TRUSTEES, quiet, KeyUse.INFERENCE)
    save_dataset(replace(draw_dataset(SyntheticPlan(subjects=4, cells=4), 1), drawn=False), tmp_path / "drawn.npz")
    import_images(tmp_path / "drawn.npz", place, AUDITOR, DataOptions(), held_out=True)
    recipe = Recipe(SPEC, DEFAULT_LOCAL, 1)
    plan = Plan(1, 1, 1, RoundConfig(0.5, 50.0, 100, recipe.to_dict(), LEUKEMIA), 600, 600)
    work = Work(plan, first_model(recipe), {"alpha": train}, lambda _model, _config: Evaluation({"auroc": 0.5}))
    gather(place, work, dict.fromkeys((COORDINATOR, AUDITOR, "alpha"), quiet)).run(quiet)
    yield place
    chain.stop()


def train(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
    moved = np.random.default_rng(2).normal(scale=0.05, size=task.previous.shape).astype(np.float32)
    return task.previous + moved, LocalMetrics(100, 80, 0.5)


def hemaledger(home: Home, *words: str, code: int = 0) -> str:
    result = invoke("head", *words, "--home", str(home.folder))
    assert result.exit_code == code, result.output
    return result.output


def test_a_hospital_gets_the_models_answer_from_two_of_three_trustees(home: Home, tmp_path: Path) -> None:
    announced = hemaledger(home, "announce", "--name", AUDITOR)
    digest = re.search("0x[0-9a-f]{64}", announced)
    assert digest
    assert "It gives 80 answers" in announced
    bought = hemaledger(home, "buy", digest.group(), "--name", "alpha", "--answers", "2", "--days", "5")
    number = bought.split()[1].rstrip(":")
    hemaledger(home, "buy", digest.group(), "--name", "alpha", "--answers", "79", code=77)
    servers = {
        name: Process("head", "serve", "--home", str(home.folder), "--name", name, "--port", "0")
        for name in TRUSTEES[:2]
    }
    urls = {name: each.wait_for(ANSWERS + r"(\S+)").group(1) for name, each in servers.items()}
    urls["salma"] = f"http://127.0.0.1:{free_port()}"  # she is not there
    picture = tmp_path / "cell.png"
    pixels = draw_cell(1, 5)
    picture.write_bytes(encode_png(pixels))
    asking = ("ask", str(picture), "--name", "alpha", "--request", number)
    lines = [word for name, url in urls.items() for word in ("--trustee", f"{name}={url}")]
    told = hemaledger(home, *asking, *lines)
    assert "salma did not answer" in told
    assert "It took" in told
    said = [float(share) for share in re.findall(r": (0\.\d{4}|1\.0000)", told)]
    assert said == pytest.approx(expected(home, pixels), abs=0.02)
    with_one = ("--trustee", f"ines={urls['ines']}")
    hemaledger(home, *asking, *with_one, code=77)
    assert "this would be number 3" in hemaledger(home, *asking, *lines, code=77)
    for server in servers.values():
        server.stop()


def expected(home: Home, pixels: Pixels) -> list[float]:
    """Return what the whole model says without encryption."""
    predictor = open_model(home, "alpha").predictor
    picture = prepare(pixels, SPEC.size_px, stained=True, frame=None)
    shares, _ = predictor.look(picture[np.newaxis])
    return [float(share) for share in shares[0]]
