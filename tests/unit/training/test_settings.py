from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.task import Domain, TaskKind
from fl.protocol.task_catalogue import LEUKEMIA, PICTURE
from fl.training.aggregation.choice import Aggregation
from fl.training.data.labels import spelled
from fl.training.presets import SGD_LR, SMALL_PRESET
from fl.training.settings import Settings, Training

ROOT = Path(__file__).parents[3]
TASK: dict[str, Any] = {
    "code": "cells",
    "name": "Kinds of cells",
    "domain": "stained single cell",
    "classes": [{"code": "a", "name": "cell A"}, {"code": "b", "name": "cell B"}, {"code": "c", "name": "cell C"}],
}


def test_a_short_file_gives_a_whole_task() -> None:
    task = Settings.from_dict({"task": TASK}).task
    assert (task.kind, task.domain, task.units) == (TaskKind.CLASSES, Domain.STAINED_CELL, PICTURE)
    assert not task.disease
    ill = {**TASK, "reported": "b", "classes": [TASK["classes"][0], {"code": "b", "name": "B", "disease": True}]}
    assert Settings.from_dict({"task": ill}).task.kind == TaskKind.BINARY


def test_the_document_of_a_task_alone_is_a_file_too() -> None:
    assert Settings.from_dict(LEUKEMIA.to_dict()) == Settings(LEUKEMIA, {})


def test_names_are_known_whatever_their_capitals_and_plurals_are() -> None:
    called = Settings.from_dict({"task": TASK, "called": {"a": ["0", "Typ-Eins"], "ignore": ["rest"]}}).names
    assert spelled(["0", "typ eins", "Rests", "B"], called) == {"0": "a", "typ eins": "a", "Rests": "ignore"}


def test_a_training_begins_with_a_preset_and_changes_what_is_named() -> None:
    raw: JsonValue = {"preset": "small", "rounds": 3, "model": {"width": 16}, "local": {"lr": 0.01}}
    training = Settings.from_dict({"task": TASK, "training": raw}).training
    assert training is not None
    assert (training.preset.rounds, training.preset.spec.width, training.preset.local.lr) == (3, 16, 0.01)
    assert training.preset.local.epochs == SMALL_PRESET.local.epochs
    assert training.document == raw


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"training": {"preset": "best"}}, "preset 'best'"),
        ({"training": {"model": {"classes": 5}}}, "classes follows from the task"),
        ({"training": {"model": {"width": 9}}}, "width 9"),
        ({"training": {"local": {"lr": -1}}}, "lr: -1"),
        ({"training": {"local": {"horizon": 5}}}, "follows from rounds"),
        ({"training": {"losses": "focal"}}, "unknown field losses"),
        ({"training": {"model": {"kind": "own", "source": "x.y:build@" + "0" * 64}}}, "--backbone MODULE:BUILD@SHA256"),
        ({"training": {"model": {"source": "x.y:build@" + "0" * 64}}}, "--backbone MODULE:BUILD@SHA256"),
        ({"training": {"aggregation": {"rule": "sum"}}}, "rule 'sum'"),
        ({"called": {"d": ["x"]}}, "no class of cells"),
        ({"called": {"a": ["x"], "b": ["x"]}}, "one name for two classes"),
        ({"called": {"a": "x"}}, "does not list texts"),
        ({"loss": 1}, "unknown field loss"),
    ],
)
def test_what_a_file_cannot_say_is_refused_with_the_reason(change: dict[str, Any], why: str) -> None:
    with pytest.raises(EncodingError, match=why):
        Settings.from_dict({"task": TASK, **change})


def test_scaffold_of_a_file_has_longer_plain_steps_unless_the_file_names_a_rate() -> None:
    rule = Aggregation("scaffold").to_dict()
    usual = Training.from_dict({"preset": "small", "aggregation": rule})
    assert usual.preset_for(usual.aggregation).local == SMALL_PRESET.local.at_rate(SGD_LR)
    assert usual.preset_for(Aggregation("median")).local == SMALL_PRESET.local
    named = Training.from_dict({"preset": "small", "aggregation": rule, "local": {"lr": 0.01}})
    assert named.preset_for(named.aggregation).local.lr == 0.01


@pytest.mark.parametrize("path", sorted((ROOT / "examples" / "tasks").glob("*.json")), ids=lambda path: path.stem)
def test_every_example_is_a_file_of_settings_with_a_training(path: Path) -> None:
    settings = Settings.from_dict(json.loads(path.read_text(encoding="utf-8")))
    assert settings.task.code == path.stem
    assert settings.training is not None
