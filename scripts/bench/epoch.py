"""A masked round with one local epoch of the default network, beside a plain FedAvg loop with the same training.

Both train the same hospitals on the same images with the same seeds, three at a time in threads of one process. What
differs is the protocol: keys, shares, masks, chain, vault, sum, replay and attestations, of which the set-up runs
while the hospitals train.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from chain.devchain import DevChain
from fl.protocol.config import RoundConfig
from fl.protocol.names import Protection
from fl.roles.plan import Initial, Plan
from fl.roles.training_thread import Task, Train
from fl.training.compute import use_threads
from fl.training.dataset import Dataset, save_dataset
from fl.training.presets import DEFAULT_PRESET, SYNTHETIC_PLAN
from fl.training.quantise import Vector
from fl.training.recipe import Recipe
from fl.training.sources import load_source
from fl.training.synthetic import draw_dataset
from scripts._home import Home
from scripts._together import AUDITOR, COORDINATOR, Work, found_together, gather
from scripts._training import trainer
from scripts.bench._data import images_at_hand
from scripts.bench._table import keep, median, show
from scripts.chain import chain_settings
from scripts.coordinator import first_model
from scripts.data import HOLDOUT, parts_of

HOSPITALS, SEED = 3, 2026


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, path_type=Path), help="Default: C-NMC in HEMALEDGER_DATA, or drawn."
)
@click.option("--rounds", type=click.IntRange(2), default=3, show_default=True, help="The first one warms up.")
def main(data: Path | None, rounds: int) -> None:
    """Measure the wall time of rounds with training."""
    use_threads(1)
    source = data or images_at_hand()
    dataset = load_source(source) if source else draw_dataset(SYNTHETIC_PLAN, SEED)
    local = replace(DEFAULT_PRESET.local, epochs=1, horizon=rounds)
    recipe = Recipe(replace(DEFAULT_PRESET.spec, classes=len(dataset.class_names)), local, SEED, dataset.class_names)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        names, largest = _divide(home, dataset)
        initial = first_model(recipe)
        train = {name: trainer(home.member(name).data_file, name, "cpu") for name in names}
        plain_s = _plain(initial.vector, train, recipe, rounds)
        plan = Plan(
            rounds=rounds,
            min_commitments=1,
            attestations=1,
            config=RoundConfig(0.5, 50.0, largest, recipe.to_dict()),
            commit_timeout_s=3600,
            close_timeout_s=3600,
            min_hospitals=HOSPITALS,
            protection=Protection.MASKED,
            step_timeout_s=3600,
        )
        masked_s = _masked(home, plan, initial, train)
    rows = [("plain FedAvg", median(plain_s), 1.0), ("masked and audited", median(masked_s), _ratio(masked_s, plain_s))]
    title = f"One round with one local epoch, {HOSPITALS} hospitals, {len(dataset)} images, median of {rounds - 1}"
    show(title, ("Loop", "s per round", "ratio"), rows)
    keep("epoch", {"plain_s": plain_s, "masked_s": masked_s, "ratio": _ratio(masked_s, plain_s)})


def _divide(home: Home, dataset: Dataset) -> tuple[list[str], int]:
    parts = {name: part for name, part in parts_of(dataset, HOSPITALS, SEED).items() if name != HOLDOUT}
    for name, part in parts.items():
        save_dataset(part, home.member(name).data_file)
    return list(parts), max(len(part) for part in parts.values())


def _plain(start: Vector, train: Mapping[str, Train], recipe: Recipe, rounds: int) -> list[float]:
    """Return the seconds of each round but the first: train in parallel, average in memory."""
    seconds, model = [], start
    with ThreadPoolExecutor(len(train)) as pool:
        for number in range(1, rounds + 1):
            began = time.perf_counter()
            task = Task(number, model, recipe.to_dict())
            learned = list(pool.map(lambda one, task=task: one(task), train.values()))
            weights = [metrics.samples for _, metrics in learned]
            model = np.average([vector for vector, _ in learned], axis=0, weights=weights).astype(np.float32)
            seconds.append(time.perf_counter() - began)
    return seconds[1:]


def _masked(home: Home, plan: Plan, initial: Initial, train: Mapping[str, Train]) -> list[float]:
    """Return the seconds of each masked round but the first, from opening to final."""
    marks: dict[tuple[object, str], float] = {}

    def notify(what: str, facts: Mapping[str, object]) -> None:
        marks.setdefault((facts.get("round"), what), time.perf_counter())

    for name in train:
        home.member(name).data_file.with_name("checkpoint").unlink(missing_ok=True)
    with DevChain(chain_settings(home, 0)) as chain:
        found_together(home, chain.url, list(train))
        work = Work(plan, initial, train, lambda _model, _training: {})
        gather(home, work, dict.fromkeys((COORDINATOR, AUDITOR, *train), notify)).run(notify)
    return [marks[number, "final"] - marks[number, "opened"] for number in range(2, plan.rounds + 1)]


def _ratio(masked_s: list[float], plain_s: list[float]) -> float:
    return median(masked_s) / median(plain_s)


if __name__ == "__main__":
    main()
