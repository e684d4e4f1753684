"""Measures the quality and speed of federated training: plain FedAvg without chain or encryption.

Invariant: the numbers come from the test part only, which no training touched; bad numbers are printed like good ones.

Source: B. McMahan et al., "Communication-Efficient Learning", 2017, algorithm 1 (FederatedAveraging).
"""

from __future__ import annotations

import json
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.table import Table

from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.dataset import TEST, TRAIN, Dataset
from fl.training.data.load import load_source
from fl.training.data.partition import divide
from fl.training.data.synthetic import draw_dataset
from fl.training.evaluation.metrics import Metrics
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.local.config import LocalConfig
from fl.training.local.train import LocalResult, TrainContext, train_local
from fl.training.model.device import use_threads
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.model.weights import Vector
from fl.training.presets import PRESETS, SYNTHETIC_PLAN, Preset
from scripts.bench._data import labelled


@dataclass(frozen=True)
class RoundOutcome:
    """One round: its number, seconds of training since the first one began, and the quality of the new model."""

    number: int
    seconds: float
    metrics: Metrics


@dataclass(frozen=True)
class Federation:
    """The settings of all rounds."""

    spec: ModelSpec
    config: LocalConfig
    hospitals: list[Dataset]
    test: Dataset
    seed: int
    device: str

    def round(self, number: int, vector: Vector, pool: ThreadPoolExecutor) -> Vector:
        """Return the new global weights: the mean of what the hospitals learned, weighted by their images."""

        def train(index: int) -> LocalResult:
            context = TrainContext(self.seed, number, f"hospital-{index}", self.device)
            return train_local(self.spec, vector, self.hospitals[index], self.config, context)

        results = list(pool.map(train, range(len(self.hospitals))))
        total = sum(result.samples for result in results)
        mean = sum(result.vector.astype(np.float64) * (result.samples / total) for result in results)
        return np.asarray(mean, np.float32)


def run_federation(federation: Federation, rounds: int, console: Console) -> list[RoundOutcome]:
    """Train for `rounds` rounds, hospitals at the same time as threads, and measure after each."""
    count = len(federation.hospitals)
    use_threads((os.cpu_count() or 1) // count)
    vector = to_vector(build_model(federation.spec, federation.seed))
    outcomes: list[RoundOutcome] = []
    seconds = 0.0
    with ThreadPoolExecutor(count) as pool:
        for number in range(1, rounds + 1):
            start = time.perf_counter()
            vector = federation.round(number, vector, pool)
            seconds += time.perf_counter() - start
            metrics = evaluate(Predictor(federation.spec, vector, federation.device), federation.test, LEUKEMIA)
            outcomes.append(RoundOutcome(number, seconds, metrics))
            console.print(f"round {number}: {seconds:.0f} s, AUROC {metrics.auroc or 0:.3f}")
    return outcomes


def _table(outcomes: list[RoundOutcome], title: str) -> Table:
    table = Table(title=title)
    columns = ("auroc", "accuracy", "balanced_accuracy", "recall", "specificity", "precision", "f1")
    for column in ("round", "seconds", *columns):
        table.add_column(column.replace("_", " "), justify="right")
    for outcome in outcomes:
        values = [getattr(outcome.metrics, column) for column in columns]
        row = ["-" if value is None else f"{value:.3f}" for value in values]
        table.add_row(str(outcome.number), f"{outcome.seconds:.0f}", *row)
    return table


def _federation(data: Path | None, preset: Preset, hospitals: int, seed: int, device: str) -> Federation:
    """Load or draw the data, fit the preset to it and deal it to the hospitals."""
    dataset = labelled(load_source(data, preset.spec.size_px) if data else draw_dataset(SYNTHETIC_PLAN, seed))
    spec = replace(preset.spec, size_px=min(preset.spec.size_px, dataset.size_px), classes=len(dataset.class_names))
    dealt = divide(dataset.fitted(spec.size_px), hospitals, seed)
    return Federation(spec, preset.local, dealt, dataset.part(TEST), seed, device)


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Folder or .npz. Default: drawn cells.")
@click.option(
    "--preset", "preset_name", type=click.Choice(sorted(PRESETS)), help="Default: real with --data, else synthetic."
)
@click.option("--hospitals", default=3, show_default=True, type=click.IntRange(1, 100))
@click.option("--rounds", type=click.IntRange(1, 1000), help="Default: the preset's.")
@click.option("--seed", "seeds", multiple=True, default=(1,), show_default=True, type=int)
@click.option("--device", default="cpu", show_default=True, type=click.Choice(["auto", "cpu", "cuda", "mps"]))
@click.option("--out", default=Path("build/bench/training.json"), show_default=True, type=click.Path(path_type=Path))
def main(  # one parameter per option
    data: Path | None,
    preset_name: str | None,
    hospitals: int,
    rounds: int | None,
    seeds: tuple[int, ...],
    device: str,
    out: Path,
) -> None:
    """Run plain FedAvg and print its metrics per round."""
    console = Console()
    preset = PRESETS[preset_name or ("real" if data else "synthetic")]
    count = rounds or preset.rounds
    preset = replace(preset, local=replace(preset.local, horizon=count))
    runs = []
    for seed in seeds:
        federation = _federation(data, preset, hospitals, seed, device)
        console.print(f"seed {seed}: training images {[_counts(part) for part in federation.hospitals]}")
        outcomes = run_federation(federation, count, console)
        console.print(_table(outcomes, f"{data.name if data else 'drawn cells'}, seed {seed}"))
        runs.append(
            {
                "seed": seed,
                "train_counts": [_counts(part) for part in federation.hospitals],
                "rounds": [{"round": o.number, "seconds": o.seconds, **o.metrics.to_dict()} for o in outcomes],
            }
        )
    facts = {
        "data": data.name if data else "drawn cells",
        "spec": preset.spec.to_dict(),
        "local": preset.local.to_dict(),
        "hospitals": hospitals,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "runs": runs,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    console.print(f"written to {out}")


def _counts(part: Dataset) -> list[int]:
    counts: list[int] = part.part(TRAIN).class_counts().tolist()
    return counts


if __name__ == "__main__":
    main()
