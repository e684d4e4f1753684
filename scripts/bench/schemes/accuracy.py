"""The same federated run under each protection: same network, data, seeds and rounds; only the sum differs.

Invariant: metrics come from the test part, which no training touched. Training is deterministic, so a hospital's
result is computed once per (round, global weights) and shared by the protections that reached the very same weights.

Source: scripts/bench/training.py (the plain loop).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fl.protocol.codec import sha256
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.quantise import LocalMetrics, Vector, quantise
from fl.training.aggregation.sum import Sum
from fl.training.data.dataset import TEST, TRAIN, Dataset
from fl.training.data.load import load_source
from fl.training.data.partition import divide
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.evaluation.metrics import Metrics
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.local.config import LocalConfig
from fl.training.local.train import LocalResult, TrainContext, train_local
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.model.weights import vector_to_bytes
from scripts.bench._data import labelled
from scripts.bench.schemes.base import Say, missing
from scripts.bench.schemes.ckks import Ckks
from scripts.bench.schemes.flower import Flower
from scripts.bench.schemes.ours import masked_sum

HOSPITALS, SEED = 3, 1
CLIP, L2_BOUND = 0.5, 50.0
"""The value of the coordinator's plan."""
SIZE_PX = 64
SPEC = ModelSpec(size_px=SIZE_PX, width=16)
DRAWN = SyntheticPlan(subjects=36, cells=20, size_px=SIZE_PX)
NOISES = (0.0, 0.5, 1.0)
"""DP-SGD's noise multipliers. 0 shows the cost of clipping per image and of unbalanced batches alone."""

Join = Callable[[Vector, list[LocalResult]], Vector]
Train = Callable[[int, int, Vector], LocalResult]
"""(round, hospital's index, global weights) -> its new weights."""


@dataclass(frozen=True)
class Outcome:
    """One protection's run."""

    name: str
    metrics: Metrics
    vector: Vector
    seconds: float
    """Seconds of training and sums."""
    epsilon: float | None = None


@dataclass
class Run:
    """The settings that all protections share."""

    hospitals: list[Dataset]
    test: Dataset
    local: LocalConfig
    source: str
    _known: dict[tuple[int, int, bytes], tuple[LocalResult, float]] = field(default_factory=dict)

    @property
    def config(self) -> RoundConfig:
        return RoundConfig(CLIP, L2_BOUND, max(len(part.part(TRAIN)) for part in self.hospitals), {}, LEUKEMIA)

    def train(self, number: int, index: int, vector: Vector) -> tuple[LocalResult, float]:
        """Return a hospital's new weights and the seconds of their computation; results are cached."""
        key = (number, index, bytes(sha256(vector_to_bytes(vector))))
        if key not in self._known:
            began = time.perf_counter()
            where = TrainContext(SEED, number, f"hospital-{index}", "cpu")
            result = train_local(self.spec, vector, self.hospitals[index], self.local, where)
            self._known[key] = (result, time.perf_counter() - began)
        return self._known[key]

    @property
    def spec(self) -> ModelSpec:
        return replace(SPEC, classes=len(self.test.class_names))

    def under(self, name: str, join: Join, train: Train | None = None) -> Outcome:
        """Run all rounds with one way to sum the updates."""
        vector = to_vector(build_model(self.spec, SEED))
        seconds = 0.0
        for number in range(1, self.local.horizon + 1):
            results = []
            for index in range(len(self.hospitals)):
                began = time.perf_counter()
                if train is None:
                    result, elapsed = self.train(number, index, vector)
                else:
                    result = train(number, index, vector)
                    elapsed = time.perf_counter() - began
                results.append(result)
                seconds += elapsed
            began = time.perf_counter()
            vector = join(vector, results)
            seconds += time.perf_counter() - began
        return Outcome(name, evaluate(Predictor(self.spec, vector), self.test, LEUKEMIA), vector, seconds)


def prepare(data: Path | None, rounds: int) -> Run:
    """Load real cells or draw some, and divide them among the hospitals."""
    dataset = labelled(load_source(data, SIZE_PX) if data else draw_dataset(DRAWN, SEED))
    parts = divide(dataset.fitted(SIZE_PX), HOSPITALS, SEED)
    local = LocalConfig(epochs=1, batch=32, lr=2e-3, lr_final=2e-4, horizon=rounds, augment=0.0, class_balance=1.0)
    return Run(parts, dataset.part(TEST), local, data.stem if data else "drawn cells")


def all_outcomes(run: Run, say: Say) -> Iterator[Outcome]:
    """Run under every protection that finishes within minutes."""
    yield run.under("none", plain)
    yield run.under("sealed", lambda previous, results: sealed(previous, results, run.config))
    yield run.under("masked", lambda previous, results: masked(previous, results, run.config))
    for scheme in (Ckks(), Flower()):
        if lacking := missing(scheme):
            say(f"skipped: {scheme.name}, {', '.join(lacking)} not installed")
            continue
        total = scheme.total
        yield run.under(scheme.name, lambda previous, results, total=total: _summed(previous, results, total))  # type: ignore[misc]
    say("Paillier and EC ElGamal sum the same words as sealed and masked rounds, so their models are the same")
    yield from _private(run, say)


def plain(previous: Vector, results: list[LocalResult]) -> Vector:
    """Average in floats, weighted by images."""
    del previous
    total = sum(result.samples for result in results)
    mean = sum(result.vector.astype(np.float64) * (result.samples / total) for result in results)
    return np.asarray(mean, np.float32)


def sealed(previous: Vector, results: list[LocalResult], config: RoundConfig) -> Vector:
    """Sum words in the clear."""
    total = Sum(previous.size)
    for result in results:
        total.add(quantise(previous, result.vector, _metrics(result), config))
    return total.apply(previous, config)


def masked(previous: Vector, results: list[LocalResult], config: RoundConfig) -> Vector:
    """Sum masked words; a fourth hospital shares keys and drops out, so shares of both kinds are needed."""
    words = [quantise(previous, result.vector, _metrics(result), config) for result in results]
    return masked_sum(words).apply(previous, config)


def _summed(previous: Vector, results: list[LocalResult], total: Callable[[list[Vector]], Vector]) -> Vector:
    """Sum weighted steps under a scheme for floats."""
    weight = sum(result.samples for result in results)
    steps = [(result.vector - previous) * np.float32(result.samples / weight) for result in results]
    return previous + total(steps)


def _private(run: Run, say: Say) -> Iterator[Outcome]:
    try:
        from scripts.bench.schemes.dpsgd import DpSgd, Noise, train_privately
    except ImportError as error:
        say(f"skipped: DP-SGD, {error}")
        return
    if lacking := missing(DpSgd()):
        say(f"skipped: DP-SGD, {', '.join(lacking)} not installed")
        return
    for multiplier in NOISES:
        noise = Noise(multiplier)

        def train(number: int, index: int, vector: Vector, noise: Noise = noise) -> LocalResult:
            where = TrainContext(SEED, number, f"hospital-{index}", "cpu")
            return train_privately(run.spec, vector, run.hospitals[index], run.local, (where, noise))

        sizes = [len(part.part(TRAIN)) for part in run.hospitals]
        epsilon = max(noise.epsilon(size, run.local.batch, run.local.epochs * run.local.horizon) for size in sizes)
        outcome = run.under(f"DP-SGD, noise {multiplier:g}", plain, train)
        yield replace(outcome, epsilon=epsilon)


def _metrics(result: LocalResult) -> LocalMetrics:
    return LocalMetrics(result.samples, result.correct, result.loss)
