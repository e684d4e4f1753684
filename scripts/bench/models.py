"""How well models judge cells of people they have never seen: federated beside centralised, on three splits of C-NMC.

Invariant: seeds are fixed, all repeats are reported, and no choice was made on a test part. A round here is plain
FedAvg; masked rounds give the same mean up to one rounding of fixed point (tests/memory/rounds).

Each hospital holds back a fifth of its images. After the training, the two calibration rounds sum over them, and the
model is judged with the numbers that follow: at the federated threshold, with its ECE and its conformal sets.

How the cells are divided decides much. 404 of the 429 healthy cells in training are of one person. `field` divides the
cells of such persons by microscope field, so that every hospital has both classes; `person` never divides a person, and
two of three hospitals then have 8 and 17 healthy cells.

Source: fl/training/presets.py (the settings); the data's README (`split`, the two folds of `cv2`, fields).
"""

from __future__ import annotations

import csv
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from fl.protocol.errors import SettingInvalid
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.dataset import TEST, TRAIN, Dataset
from fl.training.data.held_back import CALIBRATION_SHARE
from fl.training.data.load import load_source
from fl.training.data.partition import divide
from fl.training.evaluation.curves import ece
from fl.training.evaluation.metrics import measure
from fl.training.evaluation.predict import Predictor
from fl.training.model.appendix import empty
from fl.training.model.device import use_threads
from fl.training.model.network import build_model
from fl.training.model.tensors import to_vector
from fl.training.model.weights import Vector
from fl.training.presets import DEFAULT_PRESET, Preset
from fl.training.recipe import Recipe
from scripts.bench._calibrated import calibrated
from scripts.bench._data import images_at_hand, labelled
from scripts.bench._table import mean_rows, show, write_runs
from scripts.bench.training import Federation

SPLITS = ("default", "cv2-0", "cv2-1")
"""The split of the file, and the two folds of `cv2`, each the test part once."""
ARMS = {"centralised": 1, "federated": 3}
"""The number of hospitals."""
DISEASE = tuple(one.disease for one in LEUKEMIA.classes)
DIVISIONS = ("field", "person")
FIGURES = ("auroc", "recall", "specificity", "ece", "ece_before", "coverage_healthy", "coverage_leukemia", "foreign")
LARGE = 1 / 3
"""A person with a larger share of a class's training cells is divided by field."""


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Default: C-NMC in HEMALEDGER_DATA.")
@click.option("--split", "splits", multiple=True, type=click.Choice(SPLITS), default=SPLITS, show_default=True)
@click.option("--arm", "arms", multiple=True, type=click.Choice(tuple(ARMS)), default=tuple(ARMS), show_default=True)
@click.option("--division", type=click.Choice(DIVISIONS), default=DIVISIONS[0], show_default=True)
@click.option("--seed", "seeds", multiple=True, type=int, default=(1, 2, 3), show_default=True)
@click.option("--device", default="auto", show_default=True, type=click.Choice(["auto", "cpu", "cuda", "mps"]))
@click.option("--out", default=Path("build/bench/models.json"), show_default=True, type=click.Path(path_type=Path))
def main(
    data: Path | None,
    splits: tuple[str, ...],
    arms: tuple[str, ...],
    division: str,
    seeds: tuple[int, ...],
    device: str,
    out: Path,
) -> None:
    """Train and judge every split, arm and seed; each run is written as soon as it is done."""
    source, console = data or images_at_hand(), Console()
    if source is None:
        raise SettingInvalid("data", "C-NMC is not here; set HEMALEDGER_DATA or give --data")
    preset, runs = DEFAULT_PRESET, []
    for split in splits:
        dataset = _split(source, split)
        dealt = _by_field(dataset, source) if division == "field" else dataset
        for arm in arms:
            for seed in seeds:
                start = time.perf_counter()
                federation = _federation(dealt, preset, ARMS[arm], seed, device)
                figures = _judge(federation, _train(federation, preset.rounds))
                about = {"split": split, "arm": arm, "division": division, "seed": seed}
                runs.append({**about, "seconds": round(time.perf_counter() - start), **figures})
                console.print(runs[-1])
                write_runs(out, preset.spec, preset.local, preset.rounds, runs)
    show("C-NMC, people never seen", ("Split", "Arm", *FIGURES), mean_rows(runs, ("split", "arm"), FIGURES))


def _split(source: Path, split: str) -> Dataset:
    dataset = labelled(load_source(source))
    if split == "default":
        return dataset
    with np.load(source, allow_pickle=False) as arrays:
        return replace(dataset, split=(arrays["cv2"] == int(split[-1])).astype(np.uint8))


def _federation(dataset: Dataset, preset: Preset, hospitals: int, seed: int, device: str) -> Federation:
    spec = replace(preset.spec, classes=len(dataset.class_names))
    local = replace(preset.local, horizon=preset.rounds, held_back=CALIBRATION_SHARE)
    return Federation(spec, local, divide(dataset, hospitals, seed), dataset.part(TEST), seed, device)


def _by_field(dataset: Dataset, source: Path) -> Dataset:
    """Return the data set with the fields of persons with many training cells as groups of their own."""
    with source.with_name("leukemia_cnmc.csv").open(encoding="utf-8", newline="") as lines:
        fields = np.array([row["field"] for row in csv.DictReader(lines)])
    groups = dataset.groups.astype(object)
    for label in range(len(dataset.class_names)):
        rows = np.flatnonzero((dataset.split == TRAIN) & (dataset.labels == label))
        names, counts = np.unique(dataset.groups[rows], return_counts=True)
        large = (dataset.split == TRAIN) & np.isin(dataset.groups, names[counts > LARGE * len(rows)])
        groups[large] = dataset.groups[large].astype(object) + "/" + fields[large]
    return replace(dataset, groups=groups.astype(np.str_))


def _train(federation: Federation, rounds: int) -> Vector:
    """Return the calibrated model of the last round."""
    hospitals, cores = len(federation.hospitals), os.cpu_count() or 1
    use_threads(max(1, cores // hospitals))
    vector = to_vector(build_model(federation.spec, federation.seed))
    with ThreadPoolExecutor(min(hospitals, cores)) as pool:
        for number in range(1, rounds + 1):
            vector = federation.round(number, vector, pool)
    use_threads(cores)
    vector = np.concatenate([vector, empty(federation.spec.classes)])
    recipe = Recipe(federation.spec, federation.config, federation.seed)
    return calibrated(recipe, vector, federation.hospitals, federation.device)


def _judge(federation: Federation, vector: Vector) -> dict[str, object]:
    """Return the figures on the test part, at the federated threshold."""
    test, predictor = federation.test, Predictor(federation.spec, vector, federation.device)
    raw, sketches = predictor.look(test.images)
    known, truth = predictor.calibration, test.labels == DISEASE.index(True)
    scores, kept = known.probabilities(raw), known.kept(raw)
    covered = kept[np.arange(len(test)), test.labels]
    metrics = measure(scores, test.labels, list(DISEASE), test.groups, known.probability_threshold)
    more = {
        "ece": ece(scores[:, 1].astype(np.float64), truth),
        "ece_before": ece(raw[:, 1].astype(np.float64), truth),
        "coverage_healthy": float(covered[~truth].mean()),
        "coverage_leukemia": float(covered[truth].mean()),
        "one_class_left": float((kept.sum(axis=1) == 1).mean()),
        "foreign": float((known.distances(sketches) >= known.reach).mean()),
        "threshold": known.probability_threshold,
    }
    return {**metrics.to_dict(), **more}


if __name__ == "__main__":
    main()
