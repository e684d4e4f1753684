"""Connects fl/training to the roles: a hospital's training, an auditor's evaluation, and how both get their images."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import click
import numpy as np

from fl.events import Event, Notify
from fl.files import write_atomic
from fl.protocol.codec import JsonValue
from fl.protocol.errors import DatasetUnusable, SettingInvalid, TaskMismatch
from fl.protocol.federation import Federation
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.protocol.task import Task
from fl.replay.privacy import PrivacyStatement
from fl.roles.auditor import Evaluate, Evaluation
from fl.roles.hospital.background_training import Train
from fl.roles.hospital.background_training import TrainingJob as Work
from fl.training.aggregation.choice import SCAFFOLD
from fl.training.aggregation.quantise import SKILLS, LocalMetrics, Vector
from fl.training.aggregation.work import Learned, SumSpec
from fl.training.data.dataset import TRAIN, Dataset, is_stored, load_dataset, save_dataset
from fl.training.data.held_back import calibrated_on
from fl.training.data.labels import LABELS_CAP, LabelMap
from fl.training.data.load import load_source
from fl.training.evaluation.answers import Answers, answer_together
from fl.training.evaluation.chance import alarm
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.evaluation.quality import metrics_of
from fl.training.evaluation.skill import skill_of
from fl.training.local.checkpoint import Progress
from fl.training.local.control_store import ControlStore
from fl.training.local.scaffold import Method, Start, train_controlled
from fl.training.local.train import TrainContext, train_local
from fl.training.recipe import Recipe
from scripts.wiring.home import OWNER_ONLY, Home, MemberHome
from scripts.wiring.listing import reading_of, tell
from scripts.wiring.options import DataOptions
from scripts.wiring.sums import count_lanes
from scripts.wiring.task import Meaning, counts, map_labels, task_of, task_that_explains

PUBLISHED = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "auroc", "kappa", "samples")
"""The metrics that an auditor publishes. Results per subject stay with the auditor."""
LOOK_AT = 400
"""How many of its own training images a hospital tests the common model on, to find swapped labels."""


def trainer(
    data_file: Path,
    name: str,
    device: str,
    notify: Notify = lambda _what, _facts: None,
    *,
    control_from_zero: bool = False,
    passed: Callable[[Progress], None] | None = None,
) -> Train:
    """Return a hospital's training on its own images, or what it enters into a round of lanes.

    `control_from_zero`: a lost control variate (SCAFFOLD) is zero instead of an error. `passed` is called after each
    pass over the images; what it raises ends the training, which goes on from that pass at its next start.

    Raises:
        DatasetUnusable: it has no images.
    """
    images = _Images(data_file)
    controls = ControlStore(data_file.with_name("control"), from_zero=control_from_zero)

    def train(work: Work) -> Learned:
        spec = SumSpec.from_dict(work.config.training)
        if spec is not None:
            return count_lanes(images.now(), work, spec)
        recipe, dataset = Recipe.of(work.config), images.now()
        if work.round > 1 and work.trained:
            _compare(dataset, recipe, work, notify)
        context = TrainContext(
            recipe.seed, work.turn.round, name, device, data_file.with_name("checkpoint"), passed, turn=work.turn.seed
        )
        skill = _skill(dataset, recipe, work) if recipe.quality else SKILLS - 1
        if recipe.aggregation.rule == SCAFFOLD:
            method = Method(recipe.spec, recipe.local, recipe.aggregation)
            start = Start(work.previous, work.state, work.context, work.counted)
            learned = train_controlled(method, dataset, start, context, controls)
            return replace(learned, metrics=replace(learned.metrics, skill=skill))
        result = train_local(recipe.spec, work.previous, dataset, recipe.local, context)
        return result.vector, LocalMetrics(result.samples, result.correct, result.loss, skill)

    return train


class _Images:
    """A hospital's images, read again after their file changed: persons' images may have been taken out."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mark = self._read_mark()
        self._dataset = _read(path)

    def now(self) -> Dataset:
        mark = self._read_mark()
        if mark != self._mark:
            self._dataset, self._mark = _read(self._path), mark
        return self._dataset

    def _read_mark(self) -> tuple[int, int, int] | None:
        if not self._path.exists():
            return None
        found = self._path.stat()
        return found.st_mtime_ns, found.st_size, found.st_ino


def _skill(dataset: Dataset, recipe: Recipe, work: Work) -> int:
    """Return how well the common model answers on the images that this hospital holds back, 0 to 15."""
    if not work.trained:
        return 0
    held = calibrated_on(dataset, recipe.local.held_back, recipe.seed)
    return skill_of(replace(recipe.spec, views=1), work.previous, held)


def _compare(dataset: Dataset, recipe: Recipe, work: Work, notify: Notify) -> None:
    """Raise an alarm if the common model is far worse than chance on the own images: labels may be swapped."""
    own = dataset.part(TRAIN)
    rows = np.random.default_rng(recipe.seed).permutation(len(own))[:LOOK_AT]
    quick = replace(recipe.spec, views=1)
    reason = alarm(evaluate(Predictor(quick, work.previous), own.take(rows), work.config.task))
    if reason:
        why = f"the common model contradicts your labels ({reason}); compare labels.json with your folders"
        notify(Event.ALARM, {"round": work.round, "reason": why.replace("held-out", "own")})


@dataclass(frozen=True, eq=False)
class Judged:
    """What a model card is made from, beside the ledger."""

    answers: Answers
    task: Task
    recipe: Recipe
    weights: int
    threshold: float


CardWriter = Callable[[Judged, Federation, Round, PrivacyStatement | None], bytes]


def evaluator(data_file: Path, card: CardWriter | None = None) -> Evaluate:
    """Return an auditor's evaluation on the held-out images in `data_file`, or one without metrics if it is missing.

    `card` writes the model card, if the auditor publishes one.
    """
    if not data_file.exists():
        return lambda _model, _config: Evaluation()
    dataset, labels = _read(data_file), read_labels(data_file)

    def judge(model: Vector, config: RoundConfig) -> Evaluation:
        recipe = Recipe.of(config)
        if labels.task != config.task:
            raise TaskMismatch(0, config.task.code, labels.task.code)
        predictor = Predictor(recipe.spec, model)
        answers = answer_together(predictor, dataset, config.task, labels.described or "auditor")
        threshold = predictor.calibration.probability_threshold
        metrics = metrics_of(answers, threshold)
        figures = metrics.to_dict()
        published = cast("dict[str, JsonValue]", {name: figures[name] for name in PUBLISHED})
        judged = Judged(answers, config.task, recipe, predictor.weights, threshold)
        write = functools.partial(card, judged) if card else None
        return Evaluation(published, _description(dataset, labels), alarm(metrics), write)

    return judge


def _description(dataset: Dataset, labels: LabelMap) -> dict[str, JsonValue]:
    """Return what an auditor publishes about its images: counts, and the name that it chose."""
    by_class = zip(dataset.class_names, dataset.class_counts(), strict=True)
    return {
        "classes": {code: int(count) for code, count in by_class},
        "images": len(dataset),
        "name": labels.described,
        "origin": labels.task.origin.value,
        "persons": len(np.unique(dataset.groups)),
    }


def own_task(member: MemberHome) -> Task:
    """Return the task of a member's images, or raise SettingInvalid."""
    return read_labels(member.data_file).task


def read_labels(data_file: Path) -> LabelMap:
    """Return the labels.json beside a member's images.

    Raises:
        SettingInvalid: there is no such file.
        EncodingError: it is damaged.
    """
    path = data_file.with_name("labels.json")
    try:
        with path.open("rb") as file:
            return LabelMap.from_bytes(file.read(LABELS_CAP + 1))
    except OSError as error:
        why = f"{path} is missing; import the images again with --data or --holdout"
        raise SettingInvalid("data", why) from error


def _read(path: Path) -> Dataset:
    if not path.exists():
        raise DatasetUnusable(str(path), "there is no such file; import the hospital's images with --data")
    return load_dataset(path)


@dataclass(frozen=True)
class ImportedImages:
    """A member's images after the import."""

    dataset: Dataset
    labels: LabelMap

    def tell(self, what: str, member: MemberHome) -> None:
        """Print how each file was used and what each name means; `what` says which images these are."""
        tell(self.dataset.listing)
        click.echo("\n".join(self._lines()))
        click.echo(f"{len(self.dataset)} {what} are imported. They never leave {member.folder}.")

    def _lines(self) -> list[str]:
        lines = [f"Task {self.labels.task.code}: {counts(self.dataset)}"]
        lines += [f"  {own!r} is {code}" for own, code in sorted(self.labels.labels.items())]
        per_class = zip(self.dataset.class_names, self.dataset.class_counts(), strict=True)
        absent = [code for code, count in per_class if not count]
        if absent:
            lines.append(f"  There is no image of {', '.join(absent)}. Other hospitals must have some.")
        return lines


def import_images(
    source: Path, home: Home, name: str, options: DataOptions, *, held_out: bool = False, described: str = ""
) -> ImportedImages:
    """Read images into a member's data.npz, labelled for the task, and write labels.json beside it.

    Args:
        source: A folder of images, or one file.
        home: The run. Its consortium.json, if there is one, names the default task.
        name: The member.
        options: How to read the source, and what its labels mean.
        held_out: Whether the images are for evaluation only; then no training images are needed.
        described: The public name of the images.

    Raises:
        DatasetUnusable: the source has no accepted form, or no training images.
        ImageUnreadable: an image is damaged.
        LabelsUnknown, SettingInvalid: see scripts/wiring/task.py. Nothing was written.
    """
    reading = replace(reading_of(options), one_class=True)
    raw = load_dataset(source) if _is_part(source) else load_source(source, reading=reading)
    meaning = Meaning.of(options)
    task = task_of(home, options) or meaning.task or task_that_explains(raw)
    labels = map_labels(raw, task, meaning, described)
    dataset = labels.apply(raw)
    if not held_out:
        dataset.part(TRAIN)
    save_labelled(dataset, labels, home.member(name))
    return ImportedImages(replace(dataset, listing=raw.listing), labels)


def save_labelled(dataset: Dataset, labels: LabelMap, member: MemberHome) -> None:
    member.folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    save_dataset(dataset, member.data_file)
    write_atomic(member.labels_file, labels.to_bytes())


def _is_part(source: Path) -> bool:
    """Return whether a file has Hemaledger's own form of images."""
    return source.suffix == ".npz" and source.is_file() and is_stored(source)
