"""What lying hospitals can do to the common model under each rule of aggregation, on drawn cells.

Invariant: liars act through the protocol alone: they train on other data or send another change, and what they send
passes every check of an honest update (quantise.py, claims.py). Metrics come from the test part.

Source: Bagdasaryan et al., "How To Backdoor Federated Learning", 2020 (backdoor, scaling); Yin et al., 2018; Blanchard
et al., 2017.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, field, replace
from functools import cache
from multiprocessing import get_context

import click
import numpy as np

from fl.protocol.codec import sha256
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.choice import CLIPPED, FEDAVG, KRUM, MEDIAN, TRIMMED, Aggregation
from fl.training.aggregation.quantise import LocalMetrics, Vector, Words, quantise
from fl.training.aggregation.sum import Sum, check_update
from fl.training.data.dataset import TEST, TRAIN, Dataset
from fl.training.data.partition import divide
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.local.config import LocalConfig
from fl.training.local.train import LocalResult, TrainContext, train_local
from fl.training.model.device import use_threads
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.model.weights import vector_to_bytes
from fl.training.pictures.images import Pixels
from scripts.bench._data import labelled
from scripts.bench._table import keep, show

HOSPITALS, SEED = 6, 1
HEALTHY, DISEASE = 0, 1
SIZE_PX = 48
DRAWN = SyntheticPlan(subjects=64, cells=12, size_px=SIZE_PX)
SPEC = ModelSpec(size_px=SIZE_PX, width=16)
STAMP_PX = 5
"""Side of the backdoor's white square, in the upper left corner."""
STAMPED_SHARE = 2
"""The backdoor stamps every second picture of its hospital."""
CLIP, L2_BOUND = 0.5, 50.0
"""The values of the coordinator's plan."""


@dataclass(frozen=True)
class Attack:
    """What a lying hospital does."""

    name: str
    poison: Callable[[Dataset], Dataset] = lambda data: data
    times: float = 1.0
    """The change of the weights is multiplied by it."""
    stamped: bool = False
    """Whether success is measured on stamped pictures."""


def flipped(data: Dataset) -> Dataset:
    """Return the data with each label turned into the other one."""
    return replace(data, labels=1 - data.labels)


def stamp(images: Pixels) -> Pixels:
    """Return copies of pictures uint8 [n, S, S, 3] with a white square in the corner."""
    stamped = images.copy()
    stamped[:, :STAMP_PX, :STAMP_PX] = 255
    return stamped


def backdoored(data: Dataset) -> Dataset:
    """Return the data with every second picture stamped and called healthy."""
    images, labels = data.images.copy(), data.labels.copy()
    images[::STAMPED_SHARE] = stamp(images[::STAMPED_SHARE])
    labels[::STAMPED_SHARE] = HEALTHY
    return replace(data, images=images, labels=labels)


NONE = Attack("none")
ATTACKS = (
    Attack("sign flip", times=-3.0),
    Attack("label flip", flipped),
    Attack("scaling", flipped, times=10.0),
    Attack("backdoor", backdoored, times=3.0, stamped=True),
)


KNOWN = {attack.name: attack for attack in (NONE, *ATTACKS)}
RULES = 5
"""The length of `Scene.rules`."""
MASKED = 3
"""How many more methods poisoning_masked.py has; their places come after the rules."""
PARTS = {"all": range(RULES + MASKED), "rules": range(RULES), "masked": range(RULES, RULES + MASKED)}
COLUMNS = ("attack", "liars", "rule", "accuracy", "AUROC", "success")


@dataclass(frozen=True)
class Result:
    """One run."""

    attack: str
    liars: int
    rule: str
    accuracy: float
    auroc: float
    success: float
    """Share of leukemia cells of the test part that the model calls healthy; stamped ones in a backdoor's run."""


@dataclass
class Scene:
    """Six hospitals, and what their training gives; the same training is computed once."""

    hospitals: list[Dataset]
    test: Dataset
    local: LocalConfig
    bound: float = 1.0
    """For norm clipping: the median norm of honest updates of the first round."""
    _known: dict[tuple[int, int, bytes, str], LocalResult] = field(default_factory=dict)

    @property
    def w_max(self) -> int:
        return max(len(part) for part in self.hospitals)

    def rules(self, liars: int) -> list[Aggregation]:
        """Return the rules; six hospitals allow krum against one liar only."""
        robust = [Aggregation(MEDIAN), Aggregation(TRIMMED, attackers=liars), Aggregation(KRUM, attackers=1)]
        return [Aggregation(FEDAVG), *robust, Aggregation(CLIPPED, bound=self.bound)]

    def learn(self, number: int, index: int, previous: Vector, attack: Attack) -> LocalResult:
        """Return what a hospital learned in a round, with its change multiplied as the attack says."""
        key = (number, index, bytes(sha256(vector_to_bytes(previous))), attack.name)
        if key not in self._known:
            where = TrainContext(SEED, number, f"hospital-{index}", "cpu")
            data = attack.poison(self.hospitals[index])
            self._known[key] = train_local(SPEC, previous, data, self.local, where)
        result = self._known[key]
        moved = previous + np.float32(attack.times) * (result.vector - previous)
        return result if attack.times == 1.0 else replace(result, vector=moved)

    def forget(self) -> None:
        """Drop the trainings after the first round, which no other run can use."""
        self._known = {key: result for key, result in self._known.items() if key[0] == 1}

    def run(self, attack: Attack, liars: int, rule: Aggregation) -> Result:
        config = RoundConfig(CLIP, L2_BOUND, self.w_max, {"aggregation": rule.to_dict()}, LEUKEMIA)
        weights = to_vector(build_model(SPEC, SEED))
        model = np.concatenate([weights, rule.first_state(weights.size)])
        for number in range(1, self.local.horizon + 1):
            previous = model[: weights.size]
            learned = [self.learn(number, at, previous, attack if at < liars else NONE) for at in range(HOSPITALS)]
            model = joined(model, [_words(previous, each, config) for each in learned], config)
        self.forget()
        return self.measure(model[: weights.size], attack, liars, rule)

    def measure(self, weights: Vector, attack: Attack, liars: int, rule: Aggregation) -> Result:
        """Judge a model on the test part."""
        predictor = Predictor(SPEC, weights)
        metrics = evaluate(predictor, self.test, LEUKEMIA)
        sick = self.test.images[self.test.labels == DISEASE]
        judged = predictor.probabilities(stamp(sick) if attack.stamped else sick).argmax(axis=1)
        success = float((judged == HEALTHY).mean())
        return Result(attack.name, liars, rule.rule, metrics.accuracy, metrics.auroc or 0.0, success)


def joined(model: Vector, rows: list[Words], config: RoundConfig) -> Vector:
    """Return the next model of a sealed round; each update passes the check of a visible one."""
    total = Sum(rows[0].size - 4)
    for row in rows:
        check_update(row, config)
        total.add(row)
    total.each = rows
    return total.apply(model, config)


def _words(previous: Vector, result: LocalResult, config: RoundConfig) -> Words:
    return quantise(previous, result.vector, LocalMetrics(result.samples, result.correct, result.loss), config)


def prepare(rounds: int) -> Scene:
    """Draw cells, divide them among the hospitals, and measure the usual norm of an update."""
    dataset = labelled(draw_dataset(DRAWN, SEED)).fitted(SIZE_PX)
    local = LocalConfig(epochs=2, batch=32, lr=6e-3, lr_final=1e-3, horizon=rounds, augment=0.0, class_balance=1.0)
    scene = Scene([part.part(TRAIN) for part in divide(dataset, HOSPITALS, SEED)], dataset.part(TEST), local)
    start = to_vector(build_model(SPEC, SEED))
    norms = [np.linalg.norm(scene.learn(1, at, start, NONE).vector - start) for at in range(HOSPITALS)]
    scene.bound = round(float(np.median(norms)), 3)
    return scene


@cache
def _scene(rounds: int) -> Scene:
    """Return this process's scene."""
    use_threads(1)
    return prepare(rounds)


def _ran(rounds: int, attack: str, liars: int, at: int) -> Result:
    """Run one case: the rule is the one at this place in `Scene.rules`."""
    scene = _scene(rounds)
    if at >= RULES:
        from scripts.bench.poisoning_masked import METHODS, play

        return play(scene, KNOWN[attack], liars, list(METHODS)[at - RULES])
    return scene.run(KNOWN[attack], liars, scene.rules(max(liars, 1))[at])


def cases(places: range = range(RULES + MASKED)) -> list[tuple[str, int, int]]:
    """Return (attack, liars, place of the rule): every rule without liars, then under every attack by one and two."""
    liars = [(NONE.name, 0), *((attack.name, count) for count in (1, 2) for attack in ATTACKS)]
    return [(name, count, at) for name, count in liars for at in places]


@click.command()
@click.option("--rounds", type=click.IntRange(1, 50), default=5, show_default=True, help="Rounds of each run.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Runs at the same time.")
@click.option("--part", type=click.Choice(list(PARTS)), default="all", show_default=True, help="Which rules.")
def main(rounds: int, workers: int, part: str) -> None:
    """Measure poisoning: accuracy and attack success for each attack, number of liars and rule."""
    began, rows = time.perf_counter(), []
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        for each in pool.map(_ran, *zip(*((rounds, *case) for case in cases(PARTS[part])), strict=True)):
            rows.append(astuple(each))
            click.echo(", ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in rows[-1]))
    show(f"{HOSPITALS} hospitals, {rounds} rounds, drawn cells of {SIZE_PX} px", COLUMNS, rows)
    scene = _scene(rounds)
    settings = {"bound": scene.bound, "hospitals": HOSPITALS, "rounds": rounds, "test": len(scene.test)}
    runs = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    keep("poisoning", {"settings": settings, "runs": runs, "seconds": time.perf_counter() - began})


if __name__ == "__main__":
    main()
