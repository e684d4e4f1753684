"""Folders with the names that people gave them, through the commands to a trained and judged model."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from fl.events import Event
from fl.protocol.errors import HemaledgerError, LabelsUnknown, SettingInvalid, TaskMismatch
from fl.protocol.names import Address
from fl.protocol.ports import Anchor
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA, LEUKEMIA_DRAWN, LEUKEMIA_STAGES, PNEUMONIA
from fl.roles.hospital.background_training import TrainingJob as Work
from fl.training.data.dataset import load_dataset
from fl.training.data.labels import LabelMap
from fl.training.data.load import load_source
from fl.training.data.synthetic import draw_cell
from fl.training.evaluation.predict import Predictor
from fl.training.local.config import LocalConfig
from fl.training.model.device import use_threads
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.recipe import Recipe
from scripts.commands.data import data
from scripts.commands.hospital import hospital
from scripts.demo.command import demo
from scripts.wiring.home import Deployment, Home
from scripts.wiring.options import DataOptions, TaskOptions
from scripts.wiring.task import given_task, task_that_explains
from scripts.wiring.training import evaluator, import_images, own_task, read_labels, trainer

SIZE = 48


def cells(folder: Path, classes: dict[str, int], each: int = 8, seed: int = 0) -> Path:
    """Draw `each` cells per class folder; the number says healthy (0) or blast (1)."""
    for place, (name, label) in enumerate(classes.items()):
        (folder / name).mkdir(parents=True)
        for index in range(each):
            cell = draw_cell(label, 1000 * seed + 100 * place + index, SIZE)
            Image.fromarray(cell).save(folder / name / f"c{index:02d}.png")
    return folder


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    use_threads(1)


def mapped(home: Home, name: str, source: Path, **given: Any) -> dict[str, int]:
    kept = import_images(source, home, name, DataOptions(**given)).dataset
    return dict(zip(kept.class_names, (int(n) for n in kept.class_counts()), strict=True))


# --- What names mean -----------------------------------------------------------------------------------------------


def test_leukemia_and_non_leukemia_are_what_they_say(tmp_path: Path) -> None:
    source = cells(tmp_path / "in", {"leukemia": 1, "non-leukemia": 0})
    assert task_that_explains(load_source(source, SIZE)) == LEUKEMIA
    assert mapped(Home(tmp_path), "alpha", source) == {"healthy": 8, "leukemia": 8}
    raw, kept = load_source(source), load_dataset(Home(tmp_path).member("alpha").data_file)
    names = {image.tobytes(): raw.class_names[label] for image, label in zip(raw.images, raw.labels, strict=True)}
    for image, label in zip(kept.images, kept.labels, strict=True):
        assert (names[image.tobytes()] == "leukemia") == (kept.class_names[label] == "leukemia")


def test_benign_early_pre_pro_are_stages_of_which_three_are_disease(tmp_path: Path) -> None:
    source = cells(tmp_path / "in", {"Benign": 0, "Early": 1, "Pre": 1, "Pro": 1})
    assert mapped(Home(tmp_path), "alpha", source) == {"benign": 8, "early": 8, "pre": 8, "pro": 8}
    assert own_task(Home(tmp_path).member("alpha")) == LEUKEMIA_STAGES


def test_drawn_cells_are_known_as_drawn_from_file_to_file(tmp_path: Path) -> None:
    """`data draw`, `data divide`, `hospital init`: no --task is needed, and no real task takes them."""
    whole, parts = tmp_path / "cells.npz", tmp_path / "parts"
    for call in (
        ["draw", str(whole), "--subjects", "12", "--cells", "2", "--image-size", "48"],
        ["divide", str(whole), str(parts), "--hospitals", "2"],
    ):
        assert CliRunner().invoke(data, call).exit_code == 0
    for number, source in enumerate((whole, parts / "alpha.npz")):
        home = Home(tmp_path / str(number))
        with pytest.raises(SettingInvalid, match="drawn"):
            mapped(home, "alpha", source, task_name="leukemia")
        mapped(home, "alpha", source)
        assert own_task(home.member("alpha")) == LEUKEMIA_DRAWN
        assert load_dataset(home.member("alpha").data_file).drawn


def at_a_terminal(home: Path, source: Path, typed: str) -> tuple[int, str]:
    """Run `hospital init` at a terminal on which a person types; return its exit code and what was to be seen."""
    ours, theirs = pty.openpty()
    call = [sys.executable, "-m", "scripts.cli", "hospital", "init", "--home", str(home), "--name", "alpha"]
    call += ["--data", str(source), "--task", "leukemia"]
    environment = {**os.environ, "HEMALEDGER_PASSWORD": "of this test alone"}
    with subprocess.Popen(call, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        seen = b""
        with suppress(OSError):  # how Linux says that nobody holds the other end
            while part := os.read(ours, 4096):
                seen += part
    os.close(ours)
    return process.returncode, seen.decode()


def test_at_a_terminal_a_person_is_asked_once_for_each_unknown_name(tmp_path: Path) -> None:
    source, home = cells(tmp_path / "in", {"leukemia": 1, "odd": 0, "others": 0}), Home(tmp_path / "home")
    code, seen = at_a_terminal(home.folder, source, "perhaps\nignore\nhealthy\n")
    assert code == 0, seen
    assert seen.count("What do the images labelled") == 2
    assert "'perhaps' is not one of" in seen
    labels = read_labels(home.member("alpha").data_file).labels
    assert labels == {"leukemia": "leukemia", "odd": "ignore", "others": "healthy"}
    assert len(load_dataset(home.member("alpha").data_file)) == 16


def test_a_person_who_ends_the_questions_writes_nothing(tmp_path: Path) -> None:
    source, home = cells(tmp_path / "in", {"leukemia": 1, "others": 0}), tmp_path / "home"
    code, seen = at_a_terminal(home, source, "\x04")
    assert code != 0
    assert "Traceback" not in seen
    assert not home.exists()


def test_case_makes_no_class(tmp_path: Path) -> None:
    source = cells(tmp_path / "in", {"ALL": 1, "all ": 1, "HEM": 0, "Hem_": 0})
    assert mapped(Home(tmp_path), "alpha", source) == {"healthy": 16, "leukemia": 16}


def test_hospitals_with_other_names_have_one_task_and_one_may_lack_a_class(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    anchor = Anchor(bytes(32), 1, Address(bytes(20)), Address(bytes(20)))
    home.save(Deployment("http://127.0.0.1:1", anchor, free_gas=True, task=LEUKEMIA))
    named = ({"normal": 0, "leukemia": 1}, {"HEM": 0, "ALL": 1}, {"Benign": 0, "Pre": 1}, {"blasts": 1})
    for number, names in enumerate(named):
        counted = mapped(home, f"h{number}", cells(tmp_path / f"in{number}", names, seed=number))
        assert counted == {"healthy": 8 if len(names) == 2 else 0, "leukemia": 8}
        assert own_task(home.member(f"h{number}")) == LEUKEMIA


@pytest.mark.parametrize(
    "names", [("basophil", "eosinophil"), ("0", "1"), ("leukemia", "other"), ("normal", "sick"), ("Benign", "Pre")]
)
def test_what_no_single_task_explains_stops_with_the_flag_to_give(tmp_path: Path, names: tuple[str, str]) -> None:
    """normal and sick fit several tasks; Benign and Pre may be two classes or two of four."""
    source = cells(tmp_path / "in", dict.fromkeys(names, 0))
    with pytest.raises(SettingInvalid, match="--task NAME"):
        mapped(Home(tmp_path), "alpha", source)
    assert not (tmp_path / "members").exists()


def test_a_demo_with_such_names_stops_before_it_makes_anything(tmp_path: Path) -> None:
    source = cells(tmp_path / "in", {"basophil": 1, "eosinophil": 0}, each=3)
    done = CliRunner().invoke(demo, ["--data", str(source), "--home", str(tmp_path / "home"), "--no-serve"])
    assert done.exit_code == SettingInvalid.exit_code
    assert "--task NAME or FILE, or --classes A,B,C with --disease A" in done.output
    assert not (tmp_path / "home").exists()


def test_an_unknown_name_is_said_or_refused_never_guessed(tmp_path: Path) -> None:
    source = cells(tmp_path / "in", {"leukemia": 1, "others": 0, "healthy": 0})
    with pytest.raises(LabelsUnknown, match="'others'"):
        mapped(Home(tmp_path), "alpha", source, task_name="leukemia")
    assert not (tmp_path / "members").exists()
    assert mapped(Home(tmp_path), "a", source, task_name="leukemia", label=("others=healthy",)) == {
        "healthy": 16, "leukemia": 8,
    }  # fmt: skip
    assert mapped(Home(tmp_path), "b", source, task_name="leukemia", label=("others=ignore",)) == {
        "healthy": 8, "leukemia": 8,
    }  # fmt: skip


def test_the_file_that_was_proposed_can_be_edited_and_given(tmp_path: Path) -> None:
    source = cells(tmp_path / "in", {"leukemia": 1, "non-leukemia": 0})
    home = Home(tmp_path)
    mapped(home, "alpha", source)
    file = home.member("alpha").labels_file
    document = json.loads(file.read_bytes())
    assert document["labels"] == {"leukemia": "leukemia", "non-leukemia": "healthy"}
    document["labels"]["non-leukemia"] = "ignore"
    file.write_text(json.dumps(document), encoding="utf-8")
    assert mapped(home, "alpha", source, labels=file) == {"healthy": 0, "leukemia": 8}
    with pytest.raises(SettingInvalid, match="is for the task leukemia"):
        mapped(home, "alpha", source, labels=file, task_name="pneumonia")


@pytest.mark.parametrize(
    "given",
    [
        {"label": ("leukemia",)},
        {"label": ("leukemia=ill",)},
        {"labels": Path("no-such-file.json")},
        {"task_name": "no-such-task"},
        {"task_name": "leukemia", "classes": "a,b"},
        {"disease": "a"},
        {"classes": "a,b", "disease": "c"},
        {"classes": "a"},
        {"classes": "a,A", "disease": "a"},
        {"classes": "a,b", "disease": "a,b"},
    ],
)
def test_options_that_mean_nothing_are_refused_and_nothing_is_written(tmp_path: Path, given: dict[str, object]) -> None:
    source = cells(tmp_path / "in", {"leukemia": 1, "non-leukemia": 0}, each=3)
    with pytest.raises(HemaledgerError):
        mapped(Home(tmp_path), "alpha", source, **given)
    assert not (tmp_path / "members").exists()


def test_kinds_of_cells_without_a_disease_are_a_task_of_ones_own(tmp_path: Path) -> None:
    task = given_task(TaskOptions(classes="Basophil, Eosinophil, Gelapptkerniger Granulozyt"))
    assert task is not None
    assert task.codes == ("basophil", "eosinophil", "gelapptkerniger-granulozyt")
    assert task.disease_probability([0.2, 0.3, 0.5]) is None
    source = cells(tmp_path / "in", {"basophils": 0, "Eosinophil": 1})
    counted = mapped(Home(tmp_path), "alpha", source, classes="Basophil, Eosinophil, Gelapptkerniger Granulozyt")
    assert counted == {"basophil": 8, "eosinophil": 8, "gelapptkerniger-granulozyt": 0}


def test_init_says_what_each_name_was_taken_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEMALEDGER_PASSWORD", "a long password of the test")
    source = cells(tmp_path / "in", {"leukemia": 1, "non-leukemia": 0}, each=3)
    done = CliRunner().invoke(
        hospital, ["init", "--home", str(tmp_path / "home"), "--name", "alpha", "--data", str(source)]
    )
    assert done.exit_code == 0, done.output
    for line in ("Task leukemia: 3 healthy, 3 leukemia", "'non-leukemia' is healthy", "'leukemia' is leukemia"):
        assert line in done.output


# --- What a model learns from them ---------------------------------------------------------------------------------


def _config(task: object, spec: ModelSpec, epochs: int) -> RoundConfig:
    assert isinstance(task, type(LEUKEMIA))
    recipe = Recipe(replace(spec, classes=len(task.classes)), LocalConfig(epochs=epochs, batch=16, lr=2e-3), 1)
    return RoundConfig(0.5, 50.0, 4096, recipe.to_dict(), task)


@pytest.mark.parametrize(
    "classes",
    [
        {"leukemia": 1, "non-leukemia": 0},
        {"ALL": 1, "all ": 1, "hem": 0},
        {"Benign": 0, "Early": 1, "Pre": 1, "Pro": 1},
    ],
)
def test_a_blast_is_called_a_blast_whatever_the_folders_are_called(tmp_path: Path, classes: dict[str, int]) -> None:
    home, spec = Home(tmp_path), ModelSpec(size_px=SIZE, width=16)
    import_images(cells(tmp_path / "in", classes, each=48), home, "alpha", DataOptions())
    held = import_images(
        cells(tmp_path / "held", classes, each=12, seed=7), home, "auditor", DataOptions(), held_out=True
    )
    task, member = own_task(home.member("alpha")), home.member("alpha")
    config = _config(task, spec, 20)
    start = to_vector(build_model(Recipe.of(config).spec, 1))
    trained = trainer(member.data_file, "alpha", "cpu")(Work(1, start, config))
    assert isinstance(trained, tuple)
    learned, _ = trained
    found = evaluator(home.member("auditor").data_file)(learned, config)
    assert found.alarm == ""
    assert float(str(found.metrics["auroc"])) > 0.85
    assert found.data["images"] == len(held.dataset) == 12 * len(classes)
    predictor = Predictor(Recipe.of(config).spec, learned)
    rows = [task.disease_probability(list(row)) for row in predictor.probabilities(held.dataset.images)]
    sick = np.array([task.classes[label].disease for label in held.dataset.labels])
    reported = np.array([float(row or 0.0) for row in rows])
    blast, healthy = float(reported[sick].mean()), float(reported[~sick].mean())
    assert blast > healthy + 0.1


def test_a_hospital_whose_classes_are_swapped_sounds_an_alarm_of_its_own(tmp_path: Path) -> None:
    home, spec = Home(tmp_path), ModelSpec(size_px=SIZE, width=16)
    source = cells(tmp_path / "in", {"leukemia": 1, "healthy": 0}, each=48)
    import_images(source, home, "alpha", DataOptions(task_name="leukemia"))
    swapped = DataOptions(task_name="leukemia", label=("leukemia=healthy", "healthy=leukemia"))
    import_images(source, home, "beta", swapped)
    config = _config(LEUKEMIA, spec, 5)
    start = to_vector(build_model(Recipe.of(config).spec, 1))
    trained = trainer(home.member("alpha").data_file, "alpha", "cpu")(Work(1, start, config))
    assert isinstance(trained, tuple)
    learned, _ = trained
    reported: list[tuple[str, Event]] = []
    again = Work(2, learned, _config(LEUKEMIA, spec, 1))
    for name in ("alpha", "beta"):

        def notify(what: Event, _facts: object, who: str = name) -> None:
            reported.append((who, what))

        trainer(home.member(name).data_file, name, "cpu", notify)(again)
    assert reported == [("beta", Event.ALARM)]
    assert evaluator(home.member("beta").data_file)(learned, config).alarm
    assert not evaluator(home.member("alpha").data_file)(learned, config).alarm


def test_an_auditor_judges_no_other_task_than_that_of_its_labels(tmp_path: Path) -> None:
    home = Home(tmp_path)
    import_images(
        cells(tmp_path / "in", {"leukemia": 1, "healthy": 0}), home, "auditor", DataOptions(task_name="leukemia")
    )
    config = _config(PNEUMONIA, ModelSpec(size_px=SIZE, width=8), 1)
    with pytest.raises(TaskMismatch):
        evaluator(home.member("auditor").data_file)(to_vector(build_model(Recipe.of(config).spec, 1)), config)


def test_a_home_of_an_earlier_version_says_what_to_do(tmp_path: Path) -> None:
    home = Home(tmp_path)
    import_images(
        cells(tmp_path / "in", {"leukemia": 1, "healthy": 0}), home, "alpha", DataOptions(task_name="leukemia")
    )
    home.member("alpha").labels_file.unlink()
    with pytest.raises(SettingInvalid, match="--data"):
        read_labels(home.member("alpha").data_file)


def test_drawn_cells_are_a_task_of_their_own() -> None:
    assert LEUKEMIA_DRAWN != LEUKEMIA
    assert LEUKEMIA_DRAWN.drawn
    assert LabelMap(LEUKEMIA_DRAWN, {"healthy": "healthy"}).task.code == "leukemia-drawn"
