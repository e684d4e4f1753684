"""A file of settings, and no code, takes data from a check to a trained and judged model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from fl.protocol.errors import DatasetUnusable, HemaledgerError, LabelsUnknown, SettingInvalid
from fl.protocol.rounds.config import RoundConfig
from fl.roles.hospital.background_training import TrainingJob as Work
from fl.training.evaluation.answers import answer_together
from fl.training.evaluation.bootstrap import Bootstrap
from fl.training.evaluation.predict import Predictor
from fl.training.evaluation.quality import Quality, quality
from fl.training.model.device import use_threads
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.recipe import Recipe, fitted_to
from fl.training.settings import Settings
from scripts.bench.blood_cells import parts, plan_of, run
from scripts.commands.data import data
from scripts.output.card import meaning_of
from scripts.wiring.home import Home
from scripts.wiring.options import AggregationOptions, DataOptions, TaskOptions
from scripts.wiring.plans import chosen_training, held_back
from scripts.wiring.task import given_task, given_training
from scripts.wiring.training import evaluator, import_images, trainer
from tests.support.drawn_labels import NAMES, draw_things

FILE = {
    "task": {
        "code": "things",
        "name": "Things in a picture",
        "kind": "labels",
        "domain": "X-ray",
        "reported": "a spot",
        "classes": [
            {"code": "spot", "name": "red spot", "disease": True, "threshold": 0.4},
            {"code": "bar", "name": "green bar"},
            {"code": "ring", "name": "blue ring"},
        ],
    },
    "called": {"spot": ["0"], "bar": ["1"], "ring": ["2"]},
    "training": {
        "preset": "small",
        "rounds": 1,
        "model": {"size_px": 16, "width": 8},
        "local": {"batch": 8, "epochs": 3, "lr": 0.005, "augment": 0.0, "smoothing": 0.0},
        "aggregation": {"rule": "fedavgm", "lr": 1.0, "beta1": 0.5},
    },
}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    use_threads(1)


@pytest.fixture
def settings(tmp_path: Path) -> str:
    path = tmp_path / "things.json"
    path.write_text(json.dumps(FILE), encoding="utf-8")
    return str(path)


def chest(path: Path, train: int = 90, columns: int = 3) -> Path:
    arrays: dict[str, Any] = {}
    for part, count in (("train", train), ("test", 60)):
        images, marks = draw_things(count, count)
        arrays |= {f"{part}_images": images, f"{part}_labels": marks[:, :columns].astype(np.uint8)}
    np.savez(path, **arrays)
    return path


def checked(source: Path, settings: str) -> tuple[str, HemaledgerError | None]:
    found = CliRunner().invoke(data, ["check", str(source), "--task", settings], standalone_mode=False)
    return found.output, found.exception if isinstance(found.exception, HemaledgerError) else None


def test_a_check_says_what_each_name_means(tmp_path: Path, settings: str) -> None:
    output, error = checked(chest(tmp_path / "chest.npz", 20), settings)
    assert error is None, output
    assert "'1' is bar" in output
    assert "a picture may have several labels" in output


def test_a_check_stops_at_a_name_without_a_meaning_and_at_a_finding_without_a_column(
    tmp_path: Path, settings: str
) -> None:
    strange = chest(tmp_path / "strange.npz", 20)
    with np.load(strange) as arrays:
        np.savez(strange, **arrays, class_names=np.array(["spot", "bar", "halo"]))
    assert "halo" in checked(strange, settings)[0]
    two = chest(tmp_path / "two.npz", 20, columns=2)
    assert "no column of its labels says which images show ring" in checked(two, settings)[0]


def test_several_findings_are_imported_trained_judged_and_explained(tmp_path: Path, settings: str) -> None:
    home, options = Home(tmp_path), DataOptions(task_name=settings)
    import_images(chest(tmp_path / "chest.npz"), home, "alpha", options)
    held = import_images(chest(tmp_path / "held.npz", 20), home, "auditor", options, held_out=True)
    task, training = given_task(options), given_training(options)
    assert task is not None
    assert training is not None
    local = replace(training.preset.local, horizon=1)
    recipe = Recipe(fitted_to(training.preset.spec, task), local, 1, training.aggregation)
    config = RoundConfig(0.5, 50.0, 4096, recipe.to_dict(), task)
    start = to_vector(build_model(recipe.spec, 1))
    learned = trainer(home.member("alpha").data_file, "alpha", "cpu")(Work(1, start, config))
    assert isinstance(learned, tuple)
    found = evaluator(home.member("auditor").data_file)(learned[0], config)
    assert found.alarm == ""
    assert float(str(found.metrics["auroc"])) > 0.7
    assert found.metrics["kappa"] is None
    assert set(found.data["classes"]) == set(NAMES)  # type: ignore[arg-type]
    rows = Predictor(recipe.spec, learned[0]).probabilities(held.dataset.images)
    assert rows.sum(axis=1).max() > 1.2  # several findings at once
    assert "means over the findings" in meaning_of(task)


def test_the_training_of_a_file_is_used_unless_a_preset_is_named(settings: str) -> None:
    named = TaskOptions(task_name=settings)
    preset, rule = chosen_training(named, None, AggregationOptions(), 3)
    assert (preset.spec.width, rule.rule, rule.beta1) == (8, "fedavgm", 0.5)
    assert chosen_training(named, "synthetic", AggregationOptions(), 3)[0].spec.width == 24
    assert chosen_training(named, None, AggregationOptions("median"), 3)[1].rule == "median"


def test_several_findings_are_not_calibrated(settings: str) -> None:
    task = given_task(TaskOptions(task_name=settings))
    assert task is not None
    plain = plan_of(Settings.from_dict(FILE), None, "cpu")  # type: ignore[arg-type]  # JSON
    with pytest.raises(SettingInvalid, match="several labels"):
        held_back(Recipe(fitted_to(ModelSpec(), task), plain.local, 1), calibrate=True)


def test_the_bench_of_blood_cells_leaves_the_test_part_alone_when_it_judges_val(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    arrays: dict[str, Any] = {}
    for part, count in (("train", 96), ("val", 16), ("test", 16)):
        arrays[f"{part}_labels"] = (np.arange(count) % 8).astype(np.uint8)[:, np.newaxis]
        arrays[f"{part}_images"] = generator.integers(0, 255, (count, 16, 16, 3)).astype(np.uint8)
    np.savez(tmp_path / "pbc.npz", **arrays)
    raw = json.loads((Path(__file__).parents[2] / "examples" / "tasks" / "blood-cells.json").read_text("utf-8"))
    raw["training"] = {"preset": "small", "rounds": 1, "model": {"size_px": 16, "width": 8}, "local": {"epochs": 1}}
    plan = plan_of(Settings.from_dict(raw), None, "cpu")
    train, judged = parts(tmp_path / "pbc.npz", "val", plan)
    assert (len(train), len(judged)) == (96, 16)
    assert (judged.images == arrays["val_images"]).all()
    assert len(parts(tmp_path / "pbc.npz", "test", plan)[0]) == 112
    lines: list[str] = []
    assert run(plan, train, judged, (5, 1), lines.append).samples == 16
    assert lines == ["round 1 of 1"]


def test_labels_of_one_class_per_picture_are_refused_by_a_name(tmp_path: Path, settings: str) -> None:
    images, _ = draw_things(12, 1)
    np.savez(tmp_path / "plain.npz", images=images, labels=np.arange(12, dtype=np.uint8) % 4)
    with pytest.raises((DatasetUnusable, LabelsUnknown), match="'3'"):
        import_images(tmp_path / "plain.npz", Home(tmp_path), "alpha", DataOptions(task_name=settings))


def test_a_hospital_judges_each_finding_in_the_evaluation(tmp_path: Path, settings: str) -> None:
    held = import_images(
        chest(tmp_path / "h.npz", 20), Home(tmp_path), "auditor", DataOptions(task_name=settings), held_out=True
    )
    task = held.labels.task
    spec = fitted_to(ModelSpec(size_px=16, width=8), task)
    answers = answer_together(Predictor(spec, to_vector(build_model(spec, 1))), held.dataset, task, "auditor")
    found: Quality = quality(answers, how=Bootstrap(draws=10))
    assert [one.threshold for one in found.classes] == [0.4, 0.5, 0.5]
