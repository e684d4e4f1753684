"""The default network on the CPU and the GPU: seconds of an epoch, and whether both learn the same.

Invariant: both devices start from the same weights, see the same images in the same order, and are measured on the
same held-out images; the first epoch warms up and is not counted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import click
import numpy as np

from fl.protocol.task import Task
from fl.protocol.task_catalogue import LEUKEMIA, LEUKEMIA_DRAWN
from fl.training.data.dataset import TEST, Dataset
from fl.training.data.load import load_source
from fl.training.data.synthetic import draw_dataset
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.local.checkpoint import Progress
from fl.training.local.train import TrainContext, train_local
from fl.training.model.device import pick_device, use_threads
from fl.training.model.network import build_model
from fl.training.model.tensors import to_vector
from fl.training.model.weights import Vector
from fl.training.presets import DEFAULT_PRESET, SYNTHETIC_PLAN
from fl.training.recipe import Recipe
from scripts.bench._data import images_at_hand, labelled
from scripts.bench._table import keep, median, show

SEED = 2026


@dataclass(frozen=True)
class Trained:
    """The results of one device."""

    epochs_s: list[float]
    loss: float
    auroc: float
    vector: Vector


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Default: C-NMC if there, else drawn cells.")
@click.option("--epochs", type=click.IntRange(2), default=4, show_default=True)
@click.option("--device", default="auto", show_default=True, help="The device to compare with the CPU.")
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True, help="Threads of the CPU.")
def main(data: Path | None, epochs: int, device: str, threads: int) -> None:
    """Train on both devices and compare."""
    use_threads(threads)
    source = data or images_at_hand()
    dataset = labelled(load_source(source) if source else draw_dataset(SYNTHETIC_PLAN, SEED))
    task = LEUKEMIA if source else LEUKEMIA_DRAWN
    recipe = Recipe(DEFAULT_PRESET.spec, replace(DEFAULT_PRESET.local, epochs=epochs, horizon=1), SEED)
    runs = {name: _train(dataset, task, recipe, name) for name in ("cpu", pick_device(device).type)}
    test_images = dataset.part(TEST)
    cpu = runs["cpu"]
    answers = {name: Predictor(recipe.spec, cpu.vector, name).probabilities(test_images.images) for name in runs}
    rows: list[tuple[object, ...]] = []
    for name, run in runs.items():
        apart = float(np.abs(answers[name] - answers["cpu"]).max())
        epoch_s = median(run.epochs_s)
        rows.append((name, epoch_s, median(cpu.epochs_s) / epoch_s, run.loss, run.auroc, apart))
    head = ("Device", "s per epoch", "times as fast", "loss", "AUROC", "largest difference of one model's answers")
    show(f"{len(dataset) - len(test_images)} images, {epochs} epochs", head, rows)
    keep(
        "device", {name: {"epochs_s": run.epochs_s, "auroc": run.auroc, "loss": run.loss} for name, run in runs.items()}
    )


def _train(dataset: Dataset, task: Task, recipe: Recipe, device: str) -> Trained:
    moments: list[float] = []
    losses: list[float] = []

    def note(progress: Progress) -> None:
        moments.append(time.perf_counter())
        losses.append(progress.loss)

    start = to_vector(build_model(recipe.spec, SEED))
    context = TrainContext(SEED, 1, "alpha", device, progress=note)
    vector = train_local(recipe.spec, start, dataset, recipe.local, context).vector
    metrics = evaluate(Predictor(recipe.spec, vector), dataset.part(TEST), task)
    seconds = [later - earlier for earlier, later in pairwise(moments)]
    return Trained(seconds, losses[-1], metrics.auroc or 0.0, vector)


if __name__ == "__main__":
    main()
