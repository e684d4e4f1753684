"""Eight types of blood cells at 28 px among hospitals that see them unevenly: federated beside centralised.

Invariant: seeds are fixed, all runs are reported, and no choice was made on the test part: with `--judge val` the
models learn from the file's train part alone. A round is averaged in the clear; masked rounds give the same mean up to
one rounding of fixed point (tests/memory/rounds). Both arms have the same number of passes over all images.

Source: examples/tasks/blood-cells.json (the settings); fl/training/data/skew.py (Dirichlet over classes).
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from fl.protocol.errors import SettingInvalid
from fl.training.aggregation.choice import FEDERATED_AVERAGING, Aggregation
from fl.training.aggregation.optimisers import Optimiser
from fl.training.data.dataset import TEST, TRAIN, Dataset
from fl.training.data.labels import LabelMap, spelled
from fl.training.data.skew import divide_unevenly
from fl.training.evaluation.metrics import Metrics
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.local.config import LocalConfig
from fl.training.local.train import TrainContext, train_local
from fl.training.model.device import use_threads
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.recipe import fitted_to
from fl.training.settings import Settings
from scripts.bench._table import mean_rows, show, write_runs
from scripts.wiring.home import PROJECT

FILE = "bloodcells_pbc_28.npz"
SETTINGS = PROJECT / "examples" / "tasks" / "blood-cells.json"
HOSPITALS, ALPHA = 5, 0.5
ARMS = {"centralised": 1, "federated": HOSPITALS}
FIGURES = ("accuracy", "balanced_accuracy", "f1", "auroc")


@dataclass(frozen=True)
class Plan:
    """What both arms share."""

    settings: Settings
    spec: ModelSpec
    local: LocalConfig
    rounds: int
    device: str


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Default: PBC in HEMALEDGER_DATA.")
@click.option("--settings", type=click.Path(exists=True, path_type=Path), default=SETTINGS, help="Task and training.")
@click.option("--arm", "arms", multiple=True, type=click.Choice(tuple(ARMS)), default=tuple(ARMS), show_default=True)
@click.option("--seed", "seeds", multiple=True, type=int, default=(1, 2, 3), show_default=True)
@click.option("--rounds", type=click.IntRange(1, 1000), help="Default: as the settings.")
@click.option("--judge", type=click.Choice(["val", "test"]), default="test", show_default=True, help="Which part.")
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda", "mps"]))
@click.option("--out", default=Path("build/bench/blood_cells.json"), type=click.Path(path_type=Path))
def main(  # noqa: PLR0913  # one parameter per option
    data: Path | None,
    *,
    settings: Path,
    arms: tuple[str, ...],
    seeds: tuple[int, ...],
    rounds: int | None,
    judge: str,
    device: str,
    out: Path,
) -> None:
    """Train and judge every arm and seed; each run is written as soon as it is done."""
    source = data or Path(os.environ.get("HEMALEDGER_DATA", "../shared/data")) / FILE
    if not source.is_file():
        raise SettingInvalid("data", "PBC is not here; set HEMALEDGER_DATA or give --data")
    plan, console = plan_of(Settings.from_dict(json.loads(settings.read_text("utf-8"))), rounds, device), Console()
    train, judged = parts(source, judge, plan)
    runs: list[dict[str, object]] = []
    for arm in arms:
        for seed in seeds:
            start = time.perf_counter()
            metrics = run(plan, train, judged, (ARMS[arm], seed), console.print)
            facts = {"arm": arm, "seed": seed, "judged": judge, "seconds": round(time.perf_counter() - start)}
            runs.append({**facts, **metrics.to_dict(), "subjects": None})
            console.print(f"{facts} {' '.join(f'{name} {getattr(metrics, name) or 0:.4f}' for name in FIGURES)}")
            write_runs(out, plan.spec, plan.local, plan.rounds, runs)
    show(
        f"Blood cells, {HOSPITALS} hospitals, Dirichlet({ALPHA})", ("Arm", *FIGURES), mean_rows(runs, ("arm",), FIGURES)
    )


def plan_of(settings: Settings, rounds: int | None, device: str) -> Plan:
    """Return what the settings train; raise SettingInvalid if they train nothing."""
    if settings.training is None:
        raise SettingInvalid("settings", "the file has no training")
    preset = settings.training.preset
    count = rounds or preset.rounds
    spec, local = fitted_to(preset.spec, settings.task), replace(preset.local, horizon=count)
    return Plan(settings, spec, local, count, device)


def parts(source: Path, judge: str, plan: Plan) -> tuple[Dataset, Dataset]:
    """Return the images to train on and those to judge; `val` leaves the file's test part alone, in every way."""
    learned = ("train",) if judge == "val" else ("train", "val")
    with np.load(source, allow_pickle=False) as arrays:
        found = [_part(arrays, names, plan.settings) for names in (learned, (judge,))]
    train, judged = (
        replace(part, split=np.full(len(part), side, np.uint8)) for part, side in zip(found, (TRAIN, TEST), strict=True)
    )
    return train.fitted(plan.spec.size_px), judged.fitted(plan.spec.size_px)


def _part(arrays: np.lib.npyio.NpzFile, names: tuple[str, ...], settings: Settings) -> Dataset:
    images = np.concatenate([arrays[f"{name}_images"] for name in names])
    labels = np.concatenate([arrays[f"{name}_labels"] for name in names]).reshape(-1).astype(np.int64)
    groups = np.array([f"{'-'.join(names)}-{row}" for row in range(len(images))])
    classes = tuple(map(str, range(int(labels.max()) + 1)))
    raw = Dataset(images, labels, groups, np.zeros(len(images), np.uint8), classes, FILE)
    return LabelMap(settings.task, spelled(classes, settings.names)).apply(raw)


def run(plan: Plan, train: Dataset, judged: Dataset, arm: tuple[int, int], say: Callable[[str], None]) -> Metrics:
    """Return the quality of the last round's model; `arm` is the number of hospitals and the seed."""
    hospitals, seed = arm
    own = [train] if hospitals == 1 else divide_unevenly(train, hospitals, ALPHA, seed)
    rule = plan.settings.training.aggregation if plan.settings.training and hospitals > 1 else FEDERATED_AVERAGING
    first = to_vector(build_model(plan.spec, seed))
    model, cores = np.concatenate([first, rule.first_state(first.size)]), os.cpu_count() or 1
    use_threads(max(1, cores // hospitals))
    with ThreadPoolExecutor(min(hospitals, cores)) as pool:
        for number in range(1, plan.rounds + 1):
            model = _round(plan, own, (number, seed), (model, first.size, rule), pool)
            say(f"round {number} of {plan.rounds}")
    use_threads(cores)
    return evaluate(Predictor(plan.spec, model[: first.size], plan.device), judged, plan.settings.task)


def _round(
    plan: Plan,
    own: list[Dataset],
    when: tuple[int, int],
    state: tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], int, Aggregation],
    pool: ThreadPoolExecutor,
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return the next model, float32 [weights + state of the rule]; `when` is the round and the seed."""
    (number, seed), (model, weights, rule) = when, state
    results = list(
        pool.map(
            lambda index: train_local(
                plan.spec,
                model[:weights],
                own[index],
                plan.local,
                TrainContext(seed, number, f"hospital-{index}", plan.device),
            ),
            range(len(own)),
        )
    )
    total = sum(result.samples for result in results)
    mean = sum(result.vector.astype(np.float64) * (result.samples / total) for result in results)
    optimiser = Optimiser(rule, model, weights)
    optimiser.write(np.asarray(mean, np.float64) - model[:weights], slice(0, weights))
    return optimiser.model


if __name__ == "__main__":
    main()
