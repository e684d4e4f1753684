"""Which inputs moved a person's log-odds away from the mean person's.

Invariant: the parts of all inputs add up to the person's log-odds minus the mean person's.

- Logistic regression: **exact Shapley values in closed form**. The log-odds are linear, so an input's value is the sum
  of coefficient · (value - mean) over its columns.
- A network with at most 16 inputs: **exact Shapley values** over all 2^k subsets of inputs; an input outside a subset
  has the mean person's columns (baseline Shapley).
- A network with more inputs: **integrated gradients** from the mean person, 256 steps; they add up to rounding.

Source: S. Lundberg, S.-I. Lee, NeurIPS 2017 (linear SHAP); M. Sundararajan, A. Najmi, ICML 2020 (baseline Shapley);
M. Sundararajan, A. Taly, Q. Yan, ICML 2017 (integrated gradients).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fl.training.tables.logistic import Logistic
from fl.training.tables.mlp import TableNetwork

Reals = npt.NDArray[np.float64]
LINEAR = "exact Shapley values of the log-odds (linear model, closed form)"
SUBSETS = "exact Shapley values of the log-odds (all subsets of inputs, against the mean person)"
GRADIENTS = "integrated gradients of the log-odds (from the mean person, 256 steps)"
MOST_EXACT = 16
"""Inputs; 2^16 rows take a second."""
STEPS = 256


def linear_shapley(model: Logistic, row: Reals, owners: Sequence[int]) -> Reals:
    """Return float64 [inputs]: the part of each input in the log-odds of `row` [width]."""
    return _by_owner(model.coefficients * (row - model.background), owners)


def explain_network(network: TableNetwork, row: Reals, background: Reals, owners: Sequence[int]) -> tuple[Reals, str]:
    """Return float64 [inputs], the part of each input in the log-odds of `row` [width], and the method's name."""
    if max(owners) + 1 > MOST_EXACT:
        return integrated_gradients(network, row, background, owners), GRADIENTS
    return exact_shapley(network, row, background, owners), SUBSETS


def exact_shapley(network: TableNetwork, row: Reals, background: Reals, owners: Sequence[int]) -> Reals:
    """Return float64 [inputs] from the log-odds of all 2^inputs mixtures of `row` and `background`."""
    inputs = max(owners) + 1
    subsets = np.arange(1 << inputs)
    inside = (subsets[:, None] >> np.arange(inputs)) & 1 == 1  # bool [2^inputs, inputs]
    columns = np.array(owners)
    taken = np.where(columns >= 0, inside[:, np.maximum(columns, 0)], True)  # noqa: FBT003  # the intercept is in all
    odds = network.log_odds(np.where(taken, row, background))
    weight = np.array([1 / (inputs * math.comb(inputs - 1, size)) for size in range(inputs)])
    sizes = inside.sum(axis=1)
    values = np.zeros(inputs)
    for each in range(inputs):
        without = subsets[~inside[:, each]]
        gain = odds[without | (1 << each)] - odds[without]
        values[each] = float((weight[sizes[without]] * gain).sum())
    return values


def integrated_gradients(network: TableNetwork, row: Reals, background: Reals, owners: Sequence[int]) -> Reals:
    """Return float64 [inputs]: mean gradient on the straight way from `background` to `row`, times the way."""
    places = (np.arange(STEPS) + 0.5) / STEPS
    gradients = network.gradients(background + places[:, None] * (row - background))
    return _by_owner(gradients.mean(axis=0) * (row - background), owners)


def _by_owner(parts: Reals, owners: Sequence[int]) -> Reals:
    values = np.zeros(max(owners) + 1)
    for part, owner in zip(parts.tolist(), owners, strict=True):
        if owner >= 0:
            values[owner] += part
    return values
