"""Hands fl/training to the roles: what a hospital trains, how an auditor evaluates, how data reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from fl.protocol.codec import JsonValue
from fl.protocol.errors import DatasetUnusable
from fl.roles.auditor import Evaluate
from fl.roles.training_thread import Task, Train
from fl.training.dataset import TRAIN, Dataset, is_stored, load_dataset, save_dataset
from fl.training.local import TrainContext, train_local
from fl.training.predict import Predictor, evaluate
from fl.training.quantise import LocalMetrics, Vector
from fl.training.recipe import Recipe
from fl.training.sources import STRICT, Reading, load_source
from scripts._wiring import OWNER_ONLY

PUBLISHED = ("accuracy", "balanced_accuracy", "precision", "recall", "specificity", "f1", "auroc", "samples")
"""What an auditor publishes of an evaluation; results per subject stay with it."""


def trainer(data_file: Path, name: str, device: str) -> Train:
    """Return a hospital's local training over its own images.

    Raises:
        DatasetUnusable: there are none.
    """
    dataset = _read(data_file)

    def train(task: Task) -> tuple[Vector, LocalMetrics]:
        recipe = Recipe.from_dict(task.training)
        context = TrainContext(recipe.seed, task.round, name, device, data_file.with_name("checkpoint"), None)
        result = train_local(recipe.spec, task.previous, dataset, recipe.local, context)
        return result.vector, LocalMetrics(result.samples, result.correct, result.loss)

    return train


def evaluator(data_file: Path) -> Evaluate:
    """Return an auditor's evaluation on the held-out images in `data_file`; without the file, no metrics."""
    loaded = [_read(data_file)] if data_file.exists() else []

    def measure(model: Vector, training: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        if not loaded:
            return {}
        recipe = Recipe.from_dict(training)
        metrics = evaluate(Predictor(recipe.spec, model), loaded[0].fitted(recipe.spec.size_px)).to_dict()
        return cast("dict[str, JsonValue]", {name: metrics[name] for name in PUBLISHED})

    return measure


def _read(path: Path) -> Dataset:
    if not path.exists():
        raise DatasetUnusable(str(path), "there is no such file; give the hospital its data with --data")
    return load_dataset(path)


def keep_data(source: Path, target: Path, *, held_out: bool = False, reading: Reading = STRICT) -> Dataset:
    """Read images of any accepted kind, or a part that `hemaledger data divide` wrote, into a file; return them.

    Args:
        source: Folder or file.
        target: The member's file.
        held_out: The images are for evaluation only, so a part without training images is no fault.
        reading: What a person allows or says about the source.

    Raises:
        DatasetUnusable: it is of no accepted kind, or cannot be trained on.
        ImageUnreadable: an image is damaged.
    """
    dataset = load_dataset(source) if _is_part(source) else load_source(source, reading=reading)
    if not held_out:
        dataset.part(TRAIN)
    target.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    save_dataset(dataset, target)
    return dataset


def _is_part(source: Path) -> bool:
    """Return whether a file is of the form in which Hemaledger keeps images itself."""
    return source.suffix == ".npz" and source.is_file() and is_stored(source)
