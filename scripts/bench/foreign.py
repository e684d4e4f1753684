"""Whether pictures unlike the training get no answer, real cells keep theirs, and percentages and sets hold.

Invariant: no choice is made on the test part: it only shows what the calibration does to persons that neither the
training nor the calibration saw. The sums of the two rounds are added without masks, which gives the same totals.

A foreign picture is refused by the site's checks (gate.py) or by the model. Both are counted, the model also alone:
then it sees every picture, as in a task without these checks.

Source: fl/training/calibration; A. Angelopoulos and S. Bates, "Conformal Prediction", 2022 (coverage).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from fl.protocol.errors import NoAnswer, SettingInvalid
from fl.training.calibration.numbers import Calibration
from fl.training.data.dataset import TEST, Dataset
from fl.training.data.held_back import CALIBRATION_SHARE
from fl.training.data.load import load_source
from fl.training.data.partition import divide
from fl.training.evaluation.curves import ece
from fl.training.evaluation.predict import Predictor
from fl.training.initial import initial_model
from fl.training.model.device import use_threads
from fl.training.pictures.field import Frame
from fl.training.pictures.gate import prepare
from fl.training.pictures.images import Pixels, fit_square
from fl.training.presets import PRESETS
from fl.training.recipe import Recipe
from scripts.bench._calibrated import calibrated
from scripts.bench._data import images_at_hand, labelled
from scripts.bench._strangers import strangers
from scripts.bench._table import keep, show
from scripts.bench.training import Federation

Rows = npt.NDArray[np.float32]

LARGEST_LOSS, SMALLEST_FOREIGN = 0.05, 0.95
"""What is wanted: at most this share of real cells without an answer, at least this share of foreign pictures."""


@dataclass(frozen=True)
class Asked:
    """How many of some pictures got no answer: by the model alone, and from the site."""

    pictures: int
    model: int
    site: int

    def row(self, name: str) -> tuple[object, ...]:
        """Return a row of the table."""
        return name, self.pictures, self.model / self.pictures, self.site / self.pictures


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Default: C-NMC in HEMALEDGER_DATA.")
@click.option("--home", type=click.Path(exists=True, path_type=Path), help="A run with a calibrated model and a chain.")
@click.option("--vector", "file", type=click.Path(path_type=Path), help="Weights (.npy): read if there, else written.")
@click.option("--trained", type=click.Choice(["head", "last", "all"]), default="head", show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Of the training.")
@click.option("--views", type=click.Choice(["1", "8"]), default="8", show_default=True, help="Of a picture (quick: 1).")
@click.option("--each", type=click.IntRange(1), default=25, show_default=True, help="Foreign pictures of each kind.")
@click.option("--seed", type=int, default=1, show_default=True)
def main(  # noqa: PLR0913  # one parameter per option
    data: Path | None,
    home: Path | None,
    *,
    file: Path | None,
    trained: str,
    rounds: int,
    views: str,
    each: int,
    seed: int,
) -> None:
    """Ask a calibrated model about foreign pictures and about cells of new persons."""
    source = data or images_at_hand()
    if source is None:
        raise SettingInvalid("data", "C-NMC is not here; set HEMALEDGER_DATA or give --data")
    use_threads(1)
    dataset = labelled(load_source(source))
    predictor = (
        _of_home(home) if home else _trained(dataset, file, _recipe(dataset, trained, rounds, int(views), seed), rounds)
    )
    if not predictor.calibration.complete:
        raise SettingInvalid("home", "its model is not calibrated; train it without --no-calibrate")
    foreign = {kind: ask(predictor, found, None)[0] for kind, found in strangers(source.parent, each, seed).items()}
    test = dataset.part(TEST)
    real, rows = ask(predictor, list(test.images), Frame.FIELD)
    whole = Asked(*(sum(getattr(one, part) for one in foreign.values()) for part in ("pictures", "model", "site")))
    shares = [one.row(kind) for kind, one in {**foreign, "all foreign": whole, "real test cells": real}.items()]
    head = ("Pictures", "number", "no answer of the model alone", "no answer of the site")
    show(f"Wanted: foreign >= {SMALLEST_FOREIGN}, real <= {LARGEST_LOSS}", head, shares)
    figures = figures_of(predictor.calibration, test, rows)
    show("Cells of persons whom no training saw", ("Figure", "value"), list(figures.items()))
    keep("foreign", {"pictures": [list(row) for row in shares], "cells": figures})


def ask(predictor: Predictor, pictures: list[Pixels], frame: Frame | None) -> tuple[Asked, Rows]:
    """Ask about pictures uint8 [H, W, 3] of any sizes.

    Returns:
        Who got no answer, and what the network alone says, float32 [n, classes].
    """
    known, size_px = predictor.calibration, predictor.spec.size_px
    fitted = [fit_square(one, size_px) for one in pictures]
    rows, sketches = predictor.look(np.stack(fitted))
    far = (known.distances(sketches) >= known.reach).tolist()
    refused = 0
    for picture, alone, foreign in zip(pictures, fitted, far, strict=True):
        try:
            seen = prepare(picture, size_px, frame=frame)
        except NoAnswer:
            refused += 1
        else:
            refused += foreign if np.array_equal(seen, alone) else predictor.answer(seen).foreign
    return Asked(len(pictures), sum(far), refused), rows


def figures_of(known: Calibration, test: Dataset, rows: Rows) -> dict[str, float]:
    """Return errors of the probabilities, how often the set holds the true class, and the federated threshold's."""
    sick, scores = test.labels == 1, known.probabilities(rows)[:, 1].astype(np.float64)
    most = int(max(sick.sum(), (~sick).sum()))
    both = np.concatenate([np.resize(np.flatnonzero(side), most) for side in (sick, ~sick)])
    found = {}
    for when, score in (("before", rows[:, 1].astype(np.float64)), ("after", scores)):
        found[f"ECE {when} the calibration"] = ece(score, sick)
        found[f"the same with as many healthy cells as leukemic ones, {when}"] = ece(score[both], sick[both])
    kept = known.kept(rows)
    right = kept[np.arange(len(test)), test.labels]
    for label, code in enumerate(test.class_names):
        found[f"set holds the true class: {code}"] = float(right[test.labels == label].mean())
    found["set holds the true class: all"] = float(right.mean())
    found["not sure (both classes or none)"] = float((kept.sum(axis=1) != 1).mean())
    found["sensitivity at the federated threshold"] = float((scores[sick] > known.probability_threshold).mean())
    found["specificity at the federated threshold"] = float((scores[~sick] <= known.probability_threshold).mean())
    return found


def _of_home(home: Path) -> Predictor:
    from scripts.wiring.evaluation import open_model  # a chain, which a trained model does not need
    from scripts.wiring.home import Home

    return open_model(Home(home), "auditor").predictor


def _recipe(dataset: Dataset, trained: str, rounds: int, views: int, seed: int) -> Recipe:
    preset = PRESETS["real"]
    local = replace(preset.local, horizon=rounds, held_back=CALIBRATION_SHARE)
    return Recipe(replace(preset.spec, classes=len(dataset.class_names), trained=trained, views=views), local, seed)


def _trained(dataset: Dataset, file: Path | None, recipe: Recipe, rounds: int) -> Predictor:
    """Return a model of three hospitals, calibrated; read from `file` if it is there."""
    if file and file.exists():
        return Predictor(recipe.spec, np.load(file, allow_pickle=False))
    vector, hospitals = initial_model(recipe)[1], divide(dataset, 3, recipe.seed)
    federation = Federation(recipe.spec, recipe.local, hospitals, dataset.part(TEST), recipe.seed, "cpu")
    with ThreadPoolExecutor(min(len(hospitals), os.cpu_count() or 1)) as pool:
        for number in range(1, rounds + 1):
            vector = federation.round(number, vector, pool)
    vector = calibrated(recipe, vector, hospitals)
    if file:
        np.save(file, vector)
    return Predictor(recipe.spec, vector)


if __name__ == "__main__":
    main()
