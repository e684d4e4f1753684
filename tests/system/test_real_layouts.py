"""Real cells in folders with the names that people give: the demo learns, and the site calls a blast a blast.

Each layout trains for ten minutes and more, so they are run on request: HEMALEDGER_LAYOUTS=4 trains four rounds each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.plan import Plan
from fl.training.data.dataset import TEST, Dataset, load_dataset
from fl.training.data.load import load_source
from fl.training.evaluation.predict import Predictor
from fl.training.model.device import use_threads
from fl.training.model.weights import Vector
from fl.training.pictures.images import Pixels, encode_png
from fl.training.presets import DEFAULT_PRESET
from fl.training.recipe import Recipe
from scripts.commands.data import HOLDOUT, parts_of
from scripts.demo.child_process import ChainProcess
from scripts.demo.together import AUDITOR, COORDINATOR, Work, found_together, gather
from scripts.server.site import open_services
from scripts.wiring.home import Home
from scripts.wiring.options import DataOptions
from scripts.wiring.plans import CLIP, L2_BOUND, first_model
from scripts.wiring.training import evaluator, import_images, trainer
from webui.presentation.verdict_wording import verdict

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("HEMALEDGER_DATA", ROOT.parent / "shared" / "data")) / "leukemia_cnmc_128.npz"
ROUNDS = os.environ.get("HEMALEDGER_LAYOUTS", "")
LAYOUTS: dict[str, tuple[Mapping[str, tuple[str, ...]], tuple[str, ...]]] = {
    "leukemia, non-leukemia": ({"all": ("leukemia",), "hem": ("non-leukemia",)}, ()),
    "ALL, HEM": ({"all": ("ALL",), "hem": ("HEM",)}, ()),
    "normal, leukemia": ({"all": ("leukemia",), "hem": ("normal",)}, ()),
    "mixed": ({"all": ("Pre", "ALL", "Leukaemia"), "hem": ("Benign", "hem", "0_normal")}, ("--task", "leukemia")),
}
"""C-NMC's names -> folders, dealt by person; what else the demo must know."""
NAMES_BY_HOSPITAL: tuple[Mapping[str, tuple[str, ...]], ...] = (
    {"all": ("leukemia",), "hem": ("normal",)},
    {"all": ("ALL",), "hem": ("HEM",)},
    {"all": ("Pre", "Early"), "hem": ("Benign",)},
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not ROUNDS, reason="it trains for most of an hour (set HEMALEDGER_LAYOUTS=4 to run it)"),
    pytest.mark.skipif(not DATA.is_file(), reason=f"no real data at {DATA} (set HEMALEDGER_DATA)"),
]


def write(folder: Path, cells: Dataset, names: Mapping[str, tuple[str, ...]]) -> Path:
    """Write every cell as part/class/person/number.png; a person's class folder follows from the person."""
    persons = {group: place for place, group in enumerate(sorted(set(cells.groups)))}
    for row, (image, group) in enumerate(zip(cells.images, cells.groups, strict=True)):
        own = names[cells.class_names[cells.labels[row]]]
        side = "test" if cells.split[row] == TEST else "train"
        place = folder / side / own[persons[group] % len(own)] / str(group)
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{row}.png").write_bytes(encode_png(image))
    return folder


def original(image: Pixels) -> Pixels:
    """Return a cell of the prepared arrays, the central 320 of 450 pixels, in the frame of its original."""
    frame = np.zeros((450, 450, 3), np.uint8)
    frame[65:385, 65:385] = np.asarray(Image.fromarray(image).resize((320, 320), Image.Resampling.BICUBIC))
    return frame


def assert_blasts_are_called_blasts(home: Home, held: Dataset) -> None:
    """Ask the site of a hospital about every twentieth held-out cell."""
    predictions = open_services(home, "alpha", Predictor).predictions
    answers: dict[str, list[float]] = {name: [] for name in held.class_names}
    for image, label in list(zip(held.images, held.labels, strict=True))[::20]:
        found = predictions.predict(original(image))
        answers[held.class_names[label]].append(found.probability or 0.0)
        assert verdict(LEUKEMIA, found.label, found.probability).title
    assert np.median(answers["all"]) > 0.5 > np.median(answers["hem"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_real_cells_in_folders_of_any_name(tmp_path: Path, layout: str) -> None:
    names, options = LAYOUTS[layout]
    cells = load_source(DATA)
    source, home = write(tmp_path / "cells", cells, names), Home(tmp_path / "run")
    command = [sys.executable, "-m", "scripts.cli", "demo", "--data", str(source), "--home", str(home.folder)]
    command += ["--rounds", ROUNDS, "--no-serve", "--device", "cpu", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((home.folder / "summary.json").read_bytes())
    assert summary["rounds"][-1]["metrics"]["auroc"] > 0.85
    assert summary["rounds"][-1]["alarm"] == ""
    with ChainProcess(home) as chain:
        home.save(replace(home.deployment, url=chain.url))
        assert_blasts_are_called_blasts(home, cells.part(TEST))


def test_hospitals_that_name_their_folders_differently_learn_the_same_classes(tmp_path: Path) -> None:
    use_threads(1)
    home, parts = Home(tmp_path / "run"), parts_of(load_source(DATA), len(NAMES_BY_HOSPITAL), 1)
    held = parts.pop(HOLDOUT)
    with ChainProcess(home) as chain:
        found_together(home, chain.url, list(parts), task=LEUKEMIA)
        for (hospital, part), names in zip(parts.items(), NAMES_BY_HOSPITAL, strict=True):
            kept = import_images(write(tmp_path / hospital, part, names), home, hospital, DataOptions())
            assert set(kept.labels.labels) <= {name for own in names.values() for name in own}
        import_images(write(tmp_path / "held", held, NAMES_BY_HOSPITAL[0]), home, AUDITOR, DataOptions(), held_out=True)
        judged: list[Evaluation] = []
        train_together(home, list(parts), judged)
        assert not judged[-1].alarm
        assert float(str(judged[-1].metrics["auroc"])) > 0.85
        assert_blasts_are_called_blasts(home, held)


def train_together(home: Home, hospitals: list[str], judged: list[Evaluation]) -> None:
    """Run masked rounds of the default network, every role as a thread; keep what the auditor found."""
    local = replace(DEFAULT_PRESET.local, horizon=int(ROUNDS))
    recipe = Recipe(DEFAULT_PRESET.spec, local, 1)
    images = [len(load_dataset(home.member(name).data_file)) for name in hospitals]
    plan = Plan(
        rounds=int(ROUNDS),
        min_commitments=len(hospitals),
        attestations=1,
        config=RoundConfig(CLIP, L2_BOUND, max(images), recipe.to_dict(), LEUKEMIA),
        commit_timeout_s=3600,
        close_timeout_s=3600,
        min_hospitals=len(hospitals),
        protection=Protection.MASKED,
        step_timeout_s=3600,
    )
    evaluate = evaluator(home.member(AUDITOR).data_file)

    def judge(model: Vector, config: RoundConfig) -> Evaluation:
        judged.append(evaluate(model, config))
        return judged[-1]

    train = {name: trainer(home.member(name).data_file, name, "cpu") for name in hospitals}
    everybody = dict.fromkeys((COORDINATOR, AUDITOR, *hospitals), quiet)
    gather(home, Work(plan, first_model(recipe), train, judge), everybody).run(quiet)


def quiet(_what: str, _facts: Mapping[str, object]) -> None:
    """Hear what happens and say nothing."""
