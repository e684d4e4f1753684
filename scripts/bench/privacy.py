"""What private training costs in quality, and what two attacks learn from an update, a masked sum, a private update.

Invariant: every attack has a control on which it succeeds. Noise comes from the operating system, so private figures
differ a little from run to run; quality comes from the test part, on which nothing was chosen.

Source: scripts/bench/attacks.py; fl/training/presets.py (`private`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import click
import numpy as np
from sklearn.metrics import roc_auc_score

from fl.training.data.dataset import TEST, TRAIN, Dataset
from fl.training.data.load import load_source
from fl.training.data.partition import divide
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.local.config import LocalConfig
from fl.training.model.device import use_threads
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.model.weights import Vector
from fl.training.presets import DEFAULT_PRESET, PRIVATE_ROUNDS, Preset, private
from fl.training.privacy.accounting import noise_for
from fl.training.privacy.terms import DELTA, OFF, Privacy
from scripts.bench import attacks
from scripts.bench._data import images_at_hand, labelled
from scripts.bench._table import keep
from scripts.bench.attacks import Scene, Seen, both_ways

HOSPITALS, RATE, CLIP = 3, 0.25, 1.0
HARDLY = 0.01
"""A noise multiplier that hides nothing: the same training, as good as without noise."""
SMALL_PX, LARGE_PX = 16, 32
"""Sides of the pictures whose membership is attacked (small network), and of the pictures that are inverted."""
BY_HEART = LocalConfig(
    epochs=25, batch=32, lr=6e-3, lr_final=6e-3, augment=0.0, class_balance=0.0, smoothing=0.0, clip_norm=0.0
)
MEMBERS, CELLS, VICTIMS = 20, 100, 12


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Default: C-NMC in HEMALEDGER_DATA.")
@click.option("--epsilon", type=float, default=8.0, show_default=True)
@click.option("--part", "parts", multiple=True, type=click.Choice(["head", "last"]), default=("head",))
@click.option("--seed", "seeds", multiple=True, type=int, default=(1,), show_default=True)
@click.option("--attack/--no-attack", default=True, show_default=True)
@click.option("--quality/--no-quality", default=True, show_default=True)
@click.option("--name", default="privacy", show_default=True, help="Name of the file with the figures.")
def main(
    data: Path | None,
    epsilon: float,
    parts: tuple[str, ...],
    seeds: tuple[int, ...],
    *,
    attack: bool,
    quality: bool,
    name: str,
) -> None:
    """Measure quality at this epsilon on C-NMC, and the attacks on drawn cells and on C-NMC."""
    use_threads(1)
    source, began, found = data or images_at_hand(), time.perf_counter(), list[dict[str, object]]()
    cells = labelled(load_source(source)) if source else None
    if quality and cells:
        found += [_said(each) for part in parts for each in _quality(cells, epsilon, part, seeds)]
    if attack:
        found += [_said(each) for seed in seeds for each in _inversion(cells, epsilon, seed)]
        found += [_said(each) for seed in seeds for each in _small(epsilon, seed)]
        found += [_said(each) for part in parts if cells for each in _membership(cells, epsilon, part, seeds[0])]
    figures = {"runs": found, "cells": source.name if source else "drawn", "seconds": time.perf_counter() - began}
    keep(name, figures)


# --- Quality -----------------------------------------------------------------------------------------------------


def _quality(cells: Dataset, epsilon: float, part: str, seeds: Sequence[int]) -> Iterator[dict[str, object]]:
    """Yield AUROC on the test part with the noise of this epsilon over all rounds, and with hardly any."""
    preset = _preset(epsilon, part, PRIVATE_ROUNDS)
    scene = FrozenCells.of(cells, replace(preset.spec, classes=len(cells.class_names)))
    terms = preset.local.privacy
    for seed in seeds:
        for noise in (terms.noise, HARDLY):
            local = replace(preset.local, horizon=preset.rounds, privacy=replace(terms, noise=noise))
            began = time.perf_counter()
            auroc = scene.auroc(divide(cells, HOSPITALS, seed), local, preset.rounds, seed)
            facts = {"part": part, "seed": seed, "delta": DELTA, "noise": noise, "auroc": auroc}
            seconds = round(time.perf_counter() - began)
            yield {"what": "quality", "epsilon": epsilon if noise == terms.noise else None, **facts, "seconds": seconds}


def _preset(epsilon: float, part: str, rounds: int) -> Preset:
    terms = Privacy(1.0, CLIP, RATE, DELTA)
    preset = private(DEFAULT_PRESET, terms, part)
    noise = noise_for(epsilon, DELTA, RATE, rounds * preset.local.epochs * terms.steps_of_epoch)
    return replace(preset, local=replace(preset.local, privacy=replace(terms, noise=noise)), rounds=rounds)


@dataclass(frozen=True)
class FrozenCells:
    """What the fixed part of a network makes of all pictures: computed once for all rounds, seeds and arms."""

    spec: ModelSpec
    rows: dict[bytes, int]
    """SHA-256 of a picture -> its row."""
    seen: Seen
    test: list[Seen]
    """Per view."""
    truth: Dataset

    @classmethod
    def of(cls, cells: Dataset, spec: ModelSpec) -> FrozenCells:
        """Compute it; this takes minutes."""
        rows = {sha256(image.tobytes()).digest(): row for row, image in enumerate(cells.images)}
        truth = cells.part(TEST)
        views = [attacks.frozen(spec, truth.images, view) for view in range(spec.views)]
        return cls(spec, rows, attacks.frozen(spec, cells.images, 0), views, truth)

    def auroc(self, hospitals: list[Dataset], local: LocalConfig, rounds: int, seed: int) -> float:
        """Train for `rounds` rounds of plain FedAvg by pictures, and judge the last model on the test part."""
        parts = [part.part(TRAIN) for part in hospitals]
        inputs = [self.seen[[self.rows[sha256(image.tobytes()).digest()] for image in part.images]] for part in parts]
        model = attacks.Trained(self.spec, seed)
        for number in range(1, rounds + 1):
            learned = [model.learn(inputs[at], part.labels, local, number) for at, part in enumerate(parts)]
            shares = np.array([len(part) for part in parts]) / sum(len(part) for part in parts)
            model.load(np.asarray(sum(each * share for each, share in zip(learned, shares, strict=True)), np.float32))
        scores = np.mean([model.probabilities(view)[:, 1] for view in self.test], axis=0)
        return float(roc_auc_score(self.truth.labels == 1, scores))


# --- Inversion ---------------------------------------------------------------------------------------------------


def _inversion(cells: Dataset | None, epsilon: float, seed: int) -> list[dict[str, object]]:
    """Return how like the found pictures are to the true ones: mean over victims of one picture each."""
    source = cells.fitted(LARGE_PX) if cells else draw_dataset(SyntheticPlan(14, 8, LARGE_PX), seed)
    pictures = source.part(TRAIN)
    pictures = pictures.take(np.random.default_rng(seed).permutation(len(pictures))[: HOSPITALS * VICTIMS])
    plain = replace(BY_HEART, epochs=1, batch=1)
    noisy = replace(plain, privacy=Privacy(noise_for(epsilon, DELTA, 1.0, 1), CLIP, 1.0, DELTA))
    seen: dict[str, list[attacks.Likeness]] = {}
    for index in range(VICTIMS):
        single = [pictures.take(np.array([index + VICTIMS * other])) for other in range(HOSPITALS)]
        for name, found in attacks.observed(single, (plain, noisy), seed).items():
            seen.setdefault(name, []).append(attacks.likeness(found, single[0]))
    return [
        {
            "what": "inversion",
            "observed": name,
            "seed": seed,
            "correlation": float(np.mean([each.correlation for each in likes])),
            "psnr": float(np.mean([each.psnr for each in likes])),
        }
        for name, likes in seen.items()
    ]


# --- Membership --------------------------------------------------------------------------------------------------


def _small(epsilon: float, seed: int) -> list[dict[str, object]]:
    """Return advantages over a small network that learns drawn labels by heart."""
    cells = draw_dataset(SyntheticPlan(14, 8, SMALL_PX), seed).part(TRAIN)
    draws = np.random.default_rng(seed)
    cells = cells.take(draws.permutation(len(cells)))
    cells = replace(cells, labels=draws.integers(0, 2, len(cells)).astype(cells.labels.dtype))
    spec = ModelSpec(size_px=SMALL_PX, width=8)
    noisy = replace(BY_HEART, privacy=Privacy(noise_for(epsilon, DELTA, 1.0, BY_HEART.epochs), CLIP, 1.0, DELTA))
    groups = [cells.take(np.arange(at * MEMBERS, (at + 1) * MEMBERS)) for at in range(HOSPITALS + 1)]
    return _advantages("hemanet, drawn labels", (spec, BY_HEART, noisy), groups, seed)


def _membership(cells: Dataset, epsilon: float, part: str, seed: int) -> list[dict[str, object]]:
    """Return advantages over lite0 on real cells; members and others are cells of the same persons."""
    preset = _preset(epsilon, part, 1)
    spec = replace(preset.spec, classes=len(cells.class_names))
    plain = replace(preset.local, privacy=OFF)
    draws, parts = np.random.default_rng(seed), [each.part(TRAIN) for each in divide(cells, HOSPITALS, seed)]
    mixed = [each.take(draws.permutation(len(each))) for each in parts]
    groups = [each.take(np.arange(CELLS)) for each in mixed] + [mixed[0].take(np.arange(CELLS, 2 * CELLS))]
    return _advantages(f"lite0 {part}, C-NMC", (spec, plain, preset.local), groups, seed)


def _advantages(
    name: str, how: tuple[ModelSpec, LocalConfig, LocalConfig], groups: list[Dataset], seed: int
) -> list[dict[str, object]]:
    """Attack one hospital's update, the mean of all, and a private update; the last group has the others."""
    spec, plain, noisy = how
    scene = Scene(spec, plain, to_vector(build_model(spec, seed)), seed)
    hidden = replace(scene, config=noisy)
    seen: dict[str, Callable[[Sequence[Dataset]], Vector]] = {
        "update": lambda hospitals: scene.update(hospitals[0]).vector,
        "masked sum": scene.mean,
        "private update": lambda hospitals: hidden.update(hospitals[0]).vector,
    }
    return [
        {
            "what": "membership",
            "network": name,
            "observed": observed,
            "seed": seed,
            "noise": noisy.privacy.noise if observed == "private update" else 0.0,
            "advantage": both_ways(scene, groups, learn),
        }
        for observed, learn in seen.items()
    ]


def _said(figures: dict[str, object]) -> dict[str, object]:
    """Print figures as soon as they are there, and return them."""
    click.echo(", ".join(f"{key} {_short(value)}" for key, value in figures.items()))
    return figures


def _short(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
