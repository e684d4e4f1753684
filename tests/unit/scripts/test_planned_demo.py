"""A demo that cannot work is refused before it writes anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from scripts.cli import main
from tests.support.drawn_labels import NAMES, draw_things
from tests.support.folders_of_cells import by_class

SMALL = {"preset": "small", "model": {"size_px": 32, "width": 8}}
SCAFFOLD = {"rule": "scaffold", "hospitals": 3, "control_clip": 0.5, "control_bound": 50.0}
CELLS: dict[str, Any] = {
    "code": "cells",
    "name": "Kinds of cells",
    "domain": "stained single cell",
    "classes": [{"code": "a", "name": "cell A"}, {"code": "b", "name": "cell B"}],
}
THINGS: dict[str, Any] = {
    "code": "things",
    "name": "Things in a picture",
    "kind": "labels",
    "domain": "X-ray",
    "classes": [{"code": name, "name": f"a {name}"} for name in NAMES],
}


def _cells(folder: Path) -> Path:
    return by_class(folder / "pictures", {"a": 0, "b": 1}, 6)


def _things(folder: Path) -> Path:
    arrays: dict[str, Any] = {"class_names": np.array(NAMES)}
    for part, count in (("train", 30), ("test", 12)):
        images, marks = draw_things(count, count)
        arrays |= {f"{part}_images": images.max(axis=3), f"{part}_labels": marks.astype(np.uint8)}
    path = folder / "things.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("task", "aggregation", "options", "why"),
    [
        (THINGS, None, ["--epsilon", "8"], "noise cannot cover several labels"),
        (THINGS, None, ["--calibrate"], "cannot calibrate a model of several labels"),
        (THINGS, {"rule": "voted", "groups": 2}, ["--hospitals", "6"], "neither voted nor quality"),
        (CELLS, SCAFFOLD, ["--epsilon", "8"], "scaffold"),
        (CELLS, {"rule": "voted", "groups": 2}, ["--epsilon", "8", "--hospitals", "6"], "voted"),
        (CELLS, {"rule": "voted", "groups": 2}, [], "with 2 groups it needs 6 hospitals, and there are 3"),
        (CELLS, {"rule": "median"}, [], "use a sealed round"),
    ],
)
def test_a_demo_whose_training_cannot_work_leaves_no_file(
    tmp_path: Path, task: dict[str, Any], aggregation: dict[str, Any] | None, options: list[str], why: str
) -> None:
    file, home = tmp_path / "settings.json", tmp_path / "run"
    training = {**SMALL, **({"aggregation": aggregation} if aggregation else {})}
    file.write_text(json.dumps({"task": task, "training": training}), encoding="utf-8")
    data = _things(tmp_path) if task is THINGS else _cells(tmp_path)
    asked = ["demo", "--home", str(home), "--data", str(data), "--task", str(file), "--no-serve", *options]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code != 0
    assert why in done.output
    assert not (home / "demo.json").exists()
