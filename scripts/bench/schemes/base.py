"""What one protection costs, and how its seconds are taken.

Invariant: every figure is the least of several runs of the same work in this process, on one thread; what was measured
on fewer parameters than asked for says so. Seconds are those of a core (`time.process_time`), on an idle machine the
same as on the clock, so that a busy machine does not decide a ratio.

Not here: the protections themselves (the other modules); tables and targets (protections.py).
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
"""Told of what is left out, and why."""

CONFIG = RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA)
METRICS = LocalMetrics(100, 80, 0.5)
STEP = 1e-3
"""Standard deviation of a drawn update, in units of weights: about what one local epoch moves a weight."""
SECONDS_ENOUGH, SECONDS_AT_LEAST = 10.0, 0.05
"""How long the runs of one figure last in all: no new one after the first, no end before the second."""


@dataclass(frozen=True)
class Case:
    """A size: so many parameters, so many hospitals."""

    parameters: int
    hospitals: int

    @property
    def threshold(self) -> int:
        return masked_threshold(self.hospitals)

    @property
    def dropped(self) -> int:
        """Return how many hospitals vanish after sharing: 20 %, but never more than the threshold bears."""
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
    """Parameters that were measured; fewer than the case's = extrapolated linearly."""
    notes: Mapping[str, float] = field(default_factory=dict)


class Scheme(Protocol):
    """One protection."""

    @property
    def name(self) -> str:
        """Return what tables call it."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the modules that must be importable."""

    def cost(self, case: Case) -> Cost:
        """Measure a round."""

    def total(self, updates: Sequence[Vector]) -> Vector:
        """Return the sum of float32 [d] updates (within ±CONFIG.clip), made under the protection."""


def missing(scheme: Scheme) -> tuple[str, ...]:
    """Return the modules that this machine lacks."""
    return tuple(name for name in scheme.needs if importlib.util.find_spec(name) is None)


def least(work: Callable[[], T], repeats: int = 3, clock: Callable[[], float] = time.process_time) -> tuple[float, T]:
    """Return the least seconds of some runs, and the last result: `repeats` runs, more of what is over in no time."""
    best = float("inf")
    spent = 0.0
    while True:
        began = clock()
        result = work()
        seconds = clock() - began
        best, spent, repeats = min(best, seconds), spent + seconds, repeats - 1
        if spent > (SECONDS_ENOUGH if repeats > 0 else SECONDS_AT_LEAST):
            return best, result


def duel(own: Callable[[], object], other: Callable[[], object], rounds: int = 5) -> tuple[float, float]:
    """Return the least seconds of both, taken in turns so that a busy machine hits both alike."""
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
    """Return the weights before the round, which a hospital holds already: no part of the scheme's time."""
    return np.full(parameters, 0.0, np.float32)


def wide(parameters: int, measured: int) -> float:
    """Return by what to multiply figures of `measured` parameters."""
    return parameters / measured
