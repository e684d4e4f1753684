"""SCAFFOLD's local part: plain gradient steps, each corrected by the difference of two control variates.

Invariant: the variate that is kept is the old one plus exactly the change that is sent, before its rounding.

Source: S. Karimireddy et al., "SCAFFOLD", 2020, algorithm 1, option II:
y = y - lr * (g(y) + c - c_i); c_i' = c_i - c + (x - y) / (K * lr).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fl.training.aggregation.choice import Aggregation
from fl.training.aggregation.controls import ControlledWeights
from fl.training.aggregation.quantise import LocalMetrics, Vector
from fl.training.data.dataset import Dataset
from fl.training.local.config import LocalConfig
from fl.training.local.control_store import ControlStore
from fl.training.local.train import LocalResult, TrainContext, train_local
from fl.training.model.spec import ModelSpec

EDGE = 1.0 - 2.0**-20
"""So much of the largest entry is used: rounding never clips it again."""


@dataclass(frozen=True)
class Method:
    """What is trained, and how; `choice` bounds the variate's change."""

    spec: ModelSpec
    local: LocalConfig
    choice: Aggregation


@dataclass(frozen=True, eq=False)
class Start:
    """From what a hospital begins a round.

    Attributes:
        weights: x, float32 [d].
        control: c, the server's variate, float32 [d].
        context: Of the round.
        counted: Of the round whose variate counts for this hospital; None before the first.
    """

    weights: Vector
    control: Vector
    context: bytes
    counted: bytes | None = None


def train_controlled(
    method: Method, dataset: Dataset, start: Start, where: TrainContext, store: ControlStore
) -> ControlledWeights:
    """Train one round, and keep the hospital's new variate before anything of the round leaves.

    Raises:
        ControlLost: the variate that counts is missing or damaged.
        WeightsMismatch, NonFinite, DatasetUnusable, SettingInvalid, StorageFull: as `train_local`.
    """
    own = store.variate(start.counted, start.weights.size)
    correction = start.control - own
    result = train_local(method.spec, start.weights, dataset, method.local, replace(where, correction=correction))
    rate = method.local.lr_of_round(where.round) * steps_of(result, method.local)
    change = control_change(start.weights, result.vector, start.control, rate, method.choice)
    store.put(start.context, start.counted, own + change)
    return ControlledWeights(result.vector, LocalMetrics(result.samples, result.correct, result.loss), change)


def steps_of(result: LocalResult, local: LocalConfig) -> int:
    """Return K, how many steps a round has."""
    return local.epochs * -(-result.samples // local.batch)


def control_change(before: Vector, after: Vector, control: Vector, rate: float, choice: Aggregation) -> Vector:
    """Return c_i' - c_i = (x - y) / (K * lr) - c, shortened to the rule's bounds; float32 [d].

    `rate`: K * lr. Where it is 0 nothing was learned, and the variate stays.
    """
    if not rate:
        return np.zeros_like(before)
    change = (before.astype(np.float64) - after) / rate - control
    norm = float(np.sqrt(np.add.reduce(change * change)))
    if norm > choice.control_bound * EDGE:
        change *= choice.control_bound * EDGE / norm
    largest = choice.control_clip * EDGE
    return np.clip(change, -largest, largest).astype(np.float32)
