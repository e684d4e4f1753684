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

from fl.protocol.tasks import LEUKEMIA
from fl.training.dataset import TEST, Dataset
from fl.training.images import Pixels, encode_png
from fl.training.sources import load_source
from scripts._chain_process import ChainProcess
from scripts._home import Home
from scripts.serve import open_services
from webui.words import verdict

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("HEMALEDGER_DATA", ROOT.parent / "shared" / "data")) / "leukemia_cnmc_128.npz"
ROUNDS = os.environ.get("HEMALEDGER_LAYOUTS", "")
LAYOUTS: dict[str, tuple[Mapping[str, tuple[str, ...]], tuple[str, ...]]] = {
    "leukemia, non-leukemia": ({"all": ("leukemia",), "hem": ("non-leukemia",)}, ()),
    "ALL, HEM": ({"all": ("ALL",), "hem": ("HEM",)}, ()),
    "normal, leukemia": ({"all": ("leukemia",), "hem": ("normal",)}, ()),
    "mixed": ({"all": ("Pre", "ALL", "Leukaemia"), "hem": ("Benign", "hem", "0_normal")}, ("--task", "leukemia")),
}
"""C-NMC's names -> folders, dealt by person; what else the demo must be told."""

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
        predictions = open_services(home, "alpha").predictions
        held = cells.part(TEST)
        told: dict[str, list[float]] = {name: [] for name in held.class_names}
        for image, label in list(zip(held.images, held.labels, strict=True))[::20]:
            found = predictions.predict(original(image))
            told[held.class_names[label]].append(found.probability or 0.0)
            assert verdict(LEUKEMIA, found.label, found.probability).title
    assert np.median(told["all"]) > 0.5 > np.median(told["hem"])
