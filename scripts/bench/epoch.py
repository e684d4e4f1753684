"""Compares a masked round with one local epoch and a plain FedAvg round with the same training.

Both train the same hospitals on the same images with the same seeds, three at a time in threads of one process. What
differs is the protocol: keys, shares, masks, chain, vault, sum, replay and attestations, of which the set-up runs
while the hospitals train. The two loops take turns round by round, and each round is compared with its neighbour, so
that whatever else the machine does hits both alike.
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

from fl.events import Event
from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.training.aggregation.quantise import Vector
from fl.training.aggregation.work import Learned
from fl.training.data.dataset import Dataset, save_dataset
from fl.training.data.load import load_source
from fl.training.data.synthetic import draw_dataset
from fl.training.model.device import use_threads
from fl.training.presets import DEFAULT_PRESET, SYNTHETIC_PLAN
from fl.training.recipe import Recipe
from scripts.bench._data import images_at_hand, labelled
from scripts.bench._table import keep, median, show
from scripts.commands.data import HOLDOUT, parts_of
from scripts.demo.child_process import ChainProcess
from scripts.demo.together import AUDITOR, COORDINATOR, Work, found_together, gather
from scripts.wiring.home import Home
from scripts.wiring.plans import first_model
from scripts.wiring.training import trainer

HOSPITALS, SEED = 3, 2026


@click.command()
@click.option(
    "--data", type=click.Path(exists=True, path_type=Path), help="Default: C-NMC in HEMALEDGER_DATA, or drawn."
)
@click.option("--rounds", type=click.IntRange(2), default=4, show_default=True, help="The first one is not counted.")
def main(data: Path | None, rounds: int) -> None:
    """Measure the wall time of rounds with training."""
    images, turns = take_turns(data, rounds)
    ratio = median([masked_s / plain_s for plain_s, masked_s in turns])
    plain_s, masked_s = (median([turn[place] for turn in turns]) for place in (0, 1))
    rows = [("plain FedAvg", plain_s, 1.0), ("masked and audited", masked_s, ratio)]
    title = f"One round with one local epoch, {HOSPITALS} hospitals, {images} images, median of {rounds - 1}"
    show(title, ("Loop", "s per round", "ratio to its neighbour"), rows)
    keep("epoch", {"turns_s": turns, "ratio": ratio})


def take_turns(data: Path | None, rounds: int) -> tuple[int, list[tuple[float, float]]]:
    """Return the number of images, and the seconds (plain, masked) of each pair of rounds but the first."""
    use_threads(1)
    source = data or images_at_hand()
    dataset = labelled(load_source(source) if source else draw_dataset(SYNTHETIC_PLAN, SEED))
    local = replace(DEFAULT_PRESET.local, epochs=1, horizon=rounds)
    recipe = Recipe(replace(DEFAULT_PRESET.spec, classes=len(dataset.class_names)), local, SEED)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        names, largest = _divide(home, dataset)
        initial = first_model(recipe)
        train = {name: _afresh(home.member(name).data_file, name) for name in names}
        plan = Plan(
            rounds=rounds,
            min_commitments=1,
            attestations=1,
            config=RoundConfig(0.5, 50.0, largest, recipe.to_dict(), LEUKEMIA),
            commit_timeout_s=3600,
            close_timeout_s=3600,
            min_hospitals=HOSPITALS,
            protection=Protection.MASKED,
            step_timeout_s=3600,
        )
        with ChainProcess(home) as chain:
            found_together(home, chain.url, names)
            plain = _Plain(train, recipe, initial.vector)
            masked = _Masked(home, Work(plan, initial, train, lambda _model, _config: Evaluation()))
            return len(dataset), _alternate(plain, masked, rounds)


def _divide(home: Home, dataset: Dataset) -> tuple[list[str], int]:
    parts = {name: part for name, part in parts_of(dataset, HOSPITALS, SEED).items() if name != HOLDOUT}
    for name, part in parts.items():
        save_dataset(part, home.member(name).data_file)
    return list(parts), max(len(part) for part in parts.values())


def _afresh(data_file: Path, name: str) -> Train:
    """Return a hospital's training without checkpoints, so that each loop trains its own epoch."""
    train = trainer(data_file, name, "cpu")

    def work(task: TrainingJob) -> Learned:
        data_file.with_name("checkpoint").unlink(missing_ok=True)
        return train(task)

    return work


class _Plain:
    """Plain FedAvg: train in parallel, average in memory."""

    def __init__(self, train: Mapping[str, Train], recipe: Recipe, start: Vector) -> None:
        self._train = train
        self._recipe = recipe
        self._model = start

    def round(self, number: int) -> float:
        """Run a round and return its seconds."""
        began = time.perf_counter()
        task = TrainingJob(number, self._model, RoundConfig(0.5, 50.0, 1, self._recipe.to_dict(), LEUKEMIA))
        with ThreadPoolExecutor(len(self._train)) as pool:
            learned = list(pool.map(lambda one: one(task), self._train.values()))
        weights = [metrics.samples for _, metrics in learned]
        self._model = np.average([vector for vector, _ in learned], axis=0, weights=weights).astype(np.float32)
        return time.perf_counter() - began


class _Masked:
    """Masked rounds, one at a time."""

    def __init__(self, home: Home, work: Work) -> None:
        self._marks: dict[tuple[object, Event], float] = {}
        self._work = work
        self._together = gather(home, work, dict.fromkeys((COORDINATOR, AUDITOR, *work.train), self._notify))

    def _notify(self, what: Event, facts: Mapping[str, object]) -> None:
        self._marks.setdefault((facts.get("round"), what), time.perf_counter())

    def round(self, number: int) -> float:
        """Run a round and return its seconds from opening to final."""
        plan = replace(self._work.plan, rounds=number)
        coordinator = Coordinator(self._together.ports[COORDINATOR], plan, self._work.initial)
        replace(self._together, coordinator=coordinator).run(self._notify)
        return self._marks[number, Event.ROUND_FINAL] - self._marks[number, Event.ROUND_OPENED]


def _alternate(plain: _Plain, masked: _Masked, rounds: int) -> list[tuple[float, float]]:
    """Return the seconds (plain, masked) of each pair of rounds but the first; they change who comes first."""
    turns = []
    for number in range(1, rounds + 1):
        order = (plain, masked) if number % 2 else (masked, plain)
        seconds = {type(loop): loop.round(number) for loop in order}
        turns.append((seconds[_Plain], seconds[_Masked]))
    return turns[1:]


if __name__ == "__main__":
    main()
