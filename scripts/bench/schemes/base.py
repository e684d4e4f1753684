"""The cost of one protection, and how it is measured.

Invariant: every figure is the smallest of several runs of the same work in this process, on one thread. A figure that
was measured on fewer parameters says so. Seconds are processor time (`time.process_time`), so that a busy machine
does not change a ratio.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, TypeVar

import numpy as np

from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.coordinator.plan import masked_threshold
from fl.training.aggregation.quantise import LocalMetrics, Vector, Words, quantise

T = TypeVar("T")
Say = Callable[[str], None]
"""Prints what is skipped, and why."""

CONFIG = RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA)
METRICS = LocalMetrics(100, 80, 0.5)
STEP = 1e-3
"""Standard deviation of a random update: about the change of a weight in one local epoch."""
SECONDS_ENOUGH, SECONDS_AT_LEAST = 10.0, 0.05
"""No new run of a figure starts after the first, and the runs do not end before the second."""


@dataclass(frozen=True)
class Case:
    """The size of a model and of a federation."""

    parameters: int
    hospitals: int

    @property
    def threshold(self) -> int:
        return masked_threshold(self.hospitals)

    @property
    def dropped(self) -> int:
        """Return how many hospitals drop out after sharing: 20 %, but no more than the threshold allows."""
        return min(round(0.2 * self.hospitals), self.hospitals - self.threshold)


@dataclass(frozen=True)
class Cost:
    """One protection at one size."""

    hospital: Mapping[str, float]
    """Seconds of one hospital and round, by part."""
    server: Mapping[str, float]
    """Seconds of the server and round, by part."""
    upload: int
    """Bytes that one hospital sends in a round."""
    measured: int
    """The number of measured parameters. If it is smaller than the case's, figures are extrapolated linearly."""
    notes: Mapping[str, float] = field(default_factory=dict)


class Scheme(Protocol):
    """One protection."""

    @property
    def name(self) -> str:
        """Return its name in the tables."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the modules that must be importable."""

    def cost(self, case: Case) -> Cost:
        """Measure a round."""

    def total(self, updates: Sequence[Vector]) -> Vector:
        """Return the sum of float32 [d] updates (within ±CONFIG.clip), made under the protection."""


def missing(scheme: Scheme) -> tuple[str, ...]:
    return tuple(name for name in scheme.needs if importlib.util.find_spec(name) is None)


def least(work: Callable[[], T], repeats: int = 3, clock: Callable[[], float] = time.process_time) -> tuple[float, T]:
    """Return the smallest seconds of `repeats` runs, and the last result; repeat fast work more often."""
    best = float("inf")
    total = 0.0
    while True:
        began = clock()
        result = work()
        seconds = clock() - began
        best, total, repeats = min(best, seconds), total + seconds, repeats - 1
        if total > (SECONDS_ENOUGH if repeats > 0 else SECONDS_AT_LEAST):
            return best, result


def duel(own: Callable[[], object], other: Callable[[], object], rounds: int = 5) -> tuple[float, float]:
    """Return the smallest seconds of both. They take turns, so that a busy machine slows both equally."""
    own()
    pairs = [(least(own, 1)[0], least(other, 1)[0]) for _ in range(rounds)]
    return min(first for first, _ in pairs), min(second for _, second in pairs)


def draw_update(parameters: int, seed: int) -> Vector:
    """Return one hospital's update, float32 [d]."""
    return np.random.default_rng(seed).normal(0, STEP, parameters).astype(np.float32)


def words_of(update: Vector) -> Words:
    """Return an update as the words of a masked or sealed round, int32 [d + LANES]."""
    return quantise(_previous(update.size), update, METRICS, CONFIG)


@lru_cache(maxsize=2)
def _previous(parameters: int) -> Vector:
    """Return the weights before the round. A hospital already has them, so their time does not count."""
    return np.full(parameters, 0.0, np.float32)


def wide(parameters: int, measured: int) -> float:
    """Return the factor for figures that were measured on `measured` parameters."""
    return parameters / measured
