"""How a hospital votes on the sums of groups: by the loss of each group's model on images that it held back.

Invariant: the votes depend on the hospital's own images and the ledger's model alone. A group's sum changes weights,
never the calibration behind them. Whatever cannot be judged gets 0, so no sum keeps a hospital from voting.

Source: PROTOCOL.md 5V.
"""

from __future__ import annotations

import math

import numpy as np

from fl.protocol.errors import MalformedError
from fl.training.aggregation.groups import VoteRule, divided
from fl.training.aggregation.lanes import Entries
from fl.training.aggregation.quantise import Vector
from fl.training.data.dataset import Dataset
from fl.training.evaluation.predict import Predictor
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import manifest_of

MOST = 2000
"""Images that are looked at."""
LEAST = 1e-6
"""A smaller probability of the right class counts as this one."""


def votes_of(spec: ModelSpec, model: Vector, held: Dataset | None, rule: VoteRule) -> Entries:
    """Return 1 for each group whose model is good enough, else 0; int64 [groups].

    Good enough: its loss is at most `margin` above the loss of the model before, or above that of the best group.

    Args:
        spec: The network.
        model: float32 [d + groups * d]: weights, and the groups' changes.
        held: Held-back images. Without any, every vote is 0.
        rule: Of the round.
    """
    weights, changes = divided(model, rule.groups)
    if held is None or not len(held):
        return np.zeros(rule.groups, np.int64)
    some = held.take(np.arange(len(held))[:MOST])
    before = loss_on(spec, weights, some)
    start = manifest_of(build_model(spec, 0)).length
    losses = [loss_on(spec, np.concatenate([(weights + change)[:start], weights[start:]]), some) for change in changes]
    bound = max(before, min(losses)) + rule.margin
    return np.array([int(math.isfinite(loss) and loss <= bound) for loss in losses], np.int64)


def loss_on(spec: ModelSpec, weights: Vector, held: Dataset) -> float:
    """Return the mean over classes of the mean negative log probability, in nats; infinity if the model fails."""
    try:
        shares = Predictor(spec, weights).probabilities(held.images)
    except MalformedError:
        return math.inf
    right = np.maximum(shares[np.arange(len(held)), held.labels].astype(np.float64), LEAST)
    return float(np.mean([-np.log(right[held.labels == label]).mean() for label in np.unique(held.labels)]))
