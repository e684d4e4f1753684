"""Hands fl/training to the roles: what a hospital trains, how an auditor evaluates, how data reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import click
import numpy as np

from fl.events import Event, Notify
from fl.files import write_atomic
from fl.protocol.codec import JsonValue
from fl.protocol.errors import DatasetUnusable, SettingInvalid, TaskMismatch
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task import Task
from fl.roles.auditor import Evaluate, Evaluation
from fl.roles.hospital.background_training import Train
from fl.roles.hospital.background_training import TrainingJob as Work
from fl.training.aggregation.quantise import LocalMetrics, Vector
from fl.training.data.dataset import TRAIN, Dataset, is_stored, load_dataset, save_dataset
from fl.training.data.labels import LABELS_CAP, LabelMap
from fl.training.data.load import load_source
from fl.training.evaluation.chance import alarm
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.local.train import TrainContext, train_local
from fl.training.recipe import Recipe
from scripts.wiring.home import OWNER_ONLY, Home, MemberHome
from scripts.wiring.listing import reading_of, tell
from scripts.wiring.task import Meaning, counts, map_labels, task_of, task_that_explains

PUBLISHED = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "auroc", "kappa", "samples")
"""What an auditor publishes of an evaluation; results per subject stay with it."""
LOOK_AT = 400
"""Own training images on which a hospital compares its labels with the model that the others made as well."""


def trainer(data_file: Path, name: str, device: str, notify: Notify = lambda _what, _facts: None) -> Train:
    """Return a hospital's local training over its own images.

    Raises:
        DatasetUnusable: there are none.
    """
    dataset = _read(data_file)

    def train(work: Work) -> tuple[Vector, LocalMetrics]:
        recipe = Recipe.of(work.config)
        if work.round > 1:
            _compare(dataset, recipe, work, notify)
        context = TrainContext(recipe.seed, work.round, name, device, data_file.with_name("checkpoint"), None)
        result = train_local(recipe.spec, work.previous, dataset, recipe.local, context)
        return result.vector, LocalMetrics(result.samples, result.correct, result.loss)

    return train


def _compare(dataset: Dataset, recipe: Recipe, work: Work, notify: Notify) -> None:
    """Tell an alarm where the common model judges the own images far worse than chance: who swapped classes?"""
    own = dataset.part(TRAIN)
    rows = np.random.default_rng(recipe.seed).permutation(len(own))[:LOOK_AT]
    reason = alarm(evaluate(Predictor(recipe.spec, work.previous), own.take(rows), work.config.task))
    if reason:
        told = f"the common model contradicts the labels here ({reason}); compare labels.json with your folders"
        notify(Event.ALARM, {"round": work.round, "reason": told.replace("held-out", "own")})


def evaluator(data_file: Path) -> Evaluate:
    """Return an auditor's evaluation on the held-out images in `data_file`; without the file, no metrics."""
    loaded = [(_read(data_file), read_labels(data_file))] if data_file.exists() else []

    def judge(model: Vector, config: RoundConfig) -> Evaluation:
        if not loaded:
            return Evaluation()
        (dataset, labels), recipe = loaded[0], Recipe.of(config)
        if labels.task != config.task:
            raise TaskMismatch(0, config.task.code, labels.task.code)
        metrics = evaluate(Predictor(recipe.spec, model), dataset.fitted(recipe.spec.size_px), config.task)
        figures = metrics.to_dict()
        published = cast("dict[str, JsonValue]", {name: figures[name] for name in PUBLISHED})
        return Evaluation(published, _description(dataset, labels), alarm(metrics))

    return judge


def _description(dataset: Dataset, labels: LabelMap) -> dict[str, JsonValue]:
    """Return what an auditor publishes about its images: numbers, and the name that it chose."""
    by_class = zip(dataset.class_names, dataset.class_counts(), strict=True)
    return {
        "classes": {code: int(count) for code, count in by_class},
        "images": len(dataset),
        "name": labels.described,
        "origin": labels.task.origin.value,
        "persons": len(np.unique(dataset.groups)),
    }


def own_task(member: MemberHome) -> Task:
    """Return the task that a member's images are labelled for, or raise SettingInvalid."""
    return read_labels(member.data_file).task


def read_labels(data_file: Path) -> LabelMap:
    """Return what the names in a member's images mean.

    Raises:
        SettingInvalid: there is no such file, as in a home of an earlier version.
        EncodingError: it is damaged.
    """
    path = data_file.with_name("labels.json")
    try:
        with path.open("rb") as file:
            return LabelMap.from_bytes(file.read(LABELS_CAP + 1))
    except OSError as error:
        why = f"{path} is not there; take the images in again with --data or --holdout"
        raise SettingInvalid("data", why) from error


def _read(path: Path) -> Dataset:
    if not path.exists():
        raise DatasetUnusable(str(path), "there is no such file; give the hospital its data with --data")
    return load_dataset(path)


@dataclass(frozen=True)
class Kept:
    """What was taken in."""

    dataset: Dataset
    labels: LabelMap

    def tell(self, what: str, member: MemberHome) -> None:
        """Print what became of every file and what each name was taken for; `what` says which images these are."""
        tell(self.dataset.listing)
        click.echo("\n".join(self._lines()))
        click.echo(f"{len(self.dataset)} {what} were taken in; they never leave {member.folder}.")

    def _lines(self) -> list[str]:
        found = [f"  {own!r} is {code}" for own, code in sorted(self.labels.labels.items())]
        counted = self.dataset.class_counts()
        absent = [code for code, n in zip(self.dataset.class_names, counted, strict=True) if not n]
        if absent:
            found.append(f"  There is no image of {', '.join(absent)} here; other hospitals must have some.")
        return [f"Task {self.labels.task.code}: {counts(self.dataset)}", *found]


def keep_data(source: Path, home: Home, name: str, given: Mapping[str, Any], *, held_out: bool = False) -> Kept:
    """Read images of any accepted kind into a member's own file, labelled by the task; say what names mean beside it.

    Args:
        source: Folder or file.
        home: Where the member's folder lies, and perhaps consortium.json with its task.
        name: The member.
        given: The options of scripts/wiring/task.py and scripts/wiring/listing.py, and --describe.
        held_out: The images are for evaluation only, so a part without training images is no fault.

    Raises:
        DatasetUnusable: it is of no accepted kind, or cannot be trained on.
        ImageUnreadable: an image is damaged.
        LabelsUnknown, SettingInvalid: see scripts/wiring/task.py; nothing was written.
    """
    reading = replace(reading_of(given), one_class=True)
    raw = load_dataset(source) if _is_part(source) else load_source(source, reading=reading)
    meaning = Meaning.of(given)
    task = task_of(home, given) or meaning.task or task_that_explains(raw)
    labels = map_labels(raw, task, meaning, str(given.get("describe") or ""))
    dataset = labels.apply(raw)
    if not held_out:
        dataset.part(TRAIN)
    save_labelled(dataset, labels, home.member(name))
    return Kept(replace(dataset, listing=raw.listing), labels)


def save_labelled(dataset: Dataset, labels: LabelMap, member: MemberHome) -> None:
    """Write a member's images, and what the names in them meant."""
    member.folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    save_dataset(dataset, member.data_file)
    write_atomic(member.labels_file, labels.to_bytes())


def _is_part(source: Path) -> bool:
    """Return whether a file is of the form in which Hemaledger keeps images itself."""
    return source.suffix == ".npz" and source.is_file() and is_stored(source)
