"""How well models judge cells of people they have never seen: federated beside centralised, on three splits of C-NMC.

Invariant: seeds are fixed, all repeats are reported, and no choice was made on a test part. A round here is plain
FedAvg; masked rounds give the same mean up to one rounding of fixed point (tests/memory/rounds).

Source: fl/training/presets.py (the settings); the data's README (`split`, and the two folds of `cv2`).
"""

from __future__ import annotations

import json
import os
import platform
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from fl.protocol.errors import SettingInvalid
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.dataset import TEST, Dataset
from fl.training.data.load import load_source
from fl.training.data.partition import divide
from fl.training.evaluation.metrics import Metrics
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.model.device import use_threads
from fl.training.model.network import build_model
from fl.training.model.tensors import to_vector
from fl.training.presets import PRESETS, Preset
from scripts.bench._data import images_at_hand, labelled
from scripts.bench._table import show
from scripts.bench.training import Federation

SPLITS = ("default", "cv2-0", "cv2-1")
"""The split of the file, and the two folds of `cv2`, each the test part once."""
ARMS = {"centralised": 1, "federated": 3}
"""The number of hospitals."""
FIGURES = ("auroc", "recall", "specificity", "balanced_accuracy")


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Default: C-NMC in HEMALEDGER_DATA.")
@click.option("--preset", "preset_name", type=click.Choice(sorted(PRESETS)), default="real", show_default=True)
@click.option("--split", "splits", multiple=True, type=click.Choice(SPLITS), default=SPLITS, show_default=True)
@click.option("--arm", "arms", multiple=True, type=click.Choice(tuple(ARMS)), default=tuple(ARMS), show_default=True)
@click.option("--seed", "seeds", multiple=True, type=int, default=(1, 2, 3), show_default=True)
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda", "mps"]))
@click.option("--out", default=Path("build/bench/models.json"), show_default=True, type=click.Path(path_type=Path))
def main(
    data: Path | None,
    preset_name: str,
    splits: tuple[str, ...],
    arms: tuple[str, ...],
    seeds: tuple[int, ...],
    device: str,
    out: Path,
) -> None:
    """Train and judge every split, arm and seed; each run is written as soon as it is done."""
    source, console = data or images_at_hand(), Console()
    if source is None:
        raise SettingInvalid("data", "C-NMC is not here; set HEMALEDGER_DATA or give --data")
    preset, runs = PRESETS[preset_name], []
    for split in splits:
        dataset = _split(source, split)
        for arm in arms:
            for seed in seeds:
                start = time.perf_counter()
                metrics = _train(dataset, preset, ARMS[arm], seed, device)
                run = {"split": split, "arm": arm, "seed": seed, "seconds": round(time.perf_counter() - start)}
                runs.append({**run, **metrics.to_dict()})
                console.print(f"{run} {' '.join(f'{name} {getattr(metrics, name) or 0:.3f}' for name in FIGURES)}")
                _write(out, preset, runs)
    show("C-NMC, people never seen", ("Split", "Arm", *FIGURES), _rows(runs))


def _split(source: Path, split: str) -> Dataset:
    dataset = labelled(load_source(source))
    if split == "default":
        return dataset
    with np.load(source, allow_pickle=False) as arrays:
        return replace(dataset, split=(arrays["cv2"] == int(split[-1])).astype(np.uint8))


def _train(dataset: Dataset, preset: Preset, hospitals: int, seed: int, device: str) -> Metrics:
    """Return the quality of the last round's model on the test part."""
    spec = replace(preset.spec, classes=len(dataset.class_names))
    local = replace(preset.local, horizon=preset.rounds)
    parts = divide(dataset, hospitals, seed)
    federation = Federation(spec, local, parts, dataset.part(TEST), seed, device)
    cores = os.cpu_count() or 1
    use_threads(max(1, cores // hospitals))
    vector = to_vector(build_model(spec, seed))
    with ThreadPoolExecutor(min(hospitals, cores)) as pool:
        for number in range(1, preset.rounds + 1):
            vector = federation.round(number, vector, pool)
    use_threads(cores)
    return evaluate(Predictor(spec, vector, device), federation.test, LEUKEMIA)


def _rows(runs: list[dict[str, object]]) -> list[tuple[object, ...]]:
    """Return the mean over the seeds of each split and arm."""
    rows: list[tuple[object, ...]] = []
    for split, arm in dict.fromkeys((run["split"], run["arm"]) for run in runs):
        of = [run for run in runs if (run["split"], run["arm"]) == (split, arm)]
        means = (float(np.mean([float(str(run[name])) for run in of])) for name in FIGURES)
        rows.append((split, arm, *means))
    return rows


def _write(out: Path, preset: Preset, runs: list[dict[str, object]]) -> None:
    facts = {
        "spec": preset.spec.to_dict(),
        "local": preset.local.to_dict(),
        "rounds": preset.rounds,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "runs": runs,
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
