"""Epsilon of one or several private trainings, by Renyi differential privacy.

Invariant: epsilon only grows with further trainings. Two data sets are neighbours if one picture of one hospital is
removed from, or added to, the pictures that are sampled.

Source: I. Mironov, K. Talwar and L. Zhang, "Renyi Differential Privacy of the Sampled Gaussian Mechanism", 2019; B.
Balle et al., "Hypothesis Testing Interpretations and Renyi DP", 2020 (from orders to epsilon); opacus computes both.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections import Counter
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import SettingInvalid
from fl.training.privacy.terms import Privacy, Spend

ORDERS = (*(quarter / 4.0 for quarter in range(6, 24)), *range(6, 65), 128, 256, 512)
GRAINS, FEWEST, MOST = 1000, 200, 1_000_000
"""The search for a noise multiplier goes in steps of a thousandth, from 0.2 to 1000."""


def epsilon_of(spends: Iterable[Spend], delta: float) -> float:
    """Return epsilon at `delta` of all these trainings together on the same pictures.

    It is 0 without trainings, and infinite if one of them had no noise.
    """
    from opacus.accountants.analysis import rdp  # noqa: PLC0415  # imports torch, which the site must not load

    steps: Counter[tuple[float, float]] = Counter()
    for spend in spends:
        if not spend.noise:
            return math.inf
        steps[spend.noise, spend.rate] += spend.steps
    total = np.zeros(len(ORDERS))
    for (noise, rate), count in sorted(steps.items()):
        total += count * _step_cost(noise, rate)
    if not total.any():
        return 0.0
    with warnings.catch_warnings():  # the first or the last order may be the best one: then epsilon is a little large
        warnings.simplefilter("ignore", UserWarning)
        epsilon, _order = rdp.get_privacy_spent(orders=ORDERS, rdp=total, delta=delta)
    return float(max(epsilon, 0.0))


@functools.lru_cache(maxsize=64)
def _step_cost(noise: float, rate: float) -> npt.NDArray[np.float64]:
    """Return the Renyi divergence of one step at each order, float64 [orders]; do not change it."""
    from opacus.accountants.analysis import rdp  # noqa: PLC0415  # imports torch, which the site must not load

    return np.asarray(rdp.compute_rdp(q=rate, noise_multiplier=noise, steps=1, orders=ORDERS), np.float64)


def noise_for(epsilon: float, delta: float, rate: float, steps: int) -> float:
    """Return the least noise multiplier, in thousandths, with which `steps` steps cost at most `epsilon`.

    Raises:
        SettingInvalid: no noise in the range is enough.
    """

    def enough(grains: int) -> bool:
        return epsilon_of([Spend(grains / GRAINS, rate, steps)], delta) <= epsilon

    low = high = FEWEST
    while not enough(high):
        if high == MOST:
            raise SettingInvalid("epsilon", f"{epsilon} at delta {delta} needs more noise than {MOST // GRAINS}")
        low, high = high + 1, min(2 * high, MOST)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high / GRAINS


def release_epsilon(privacy: Privacy, epochs: int) -> float:
    """Return epsilon of one round's update at the delta of its terms; infinite for a training without noise."""
    return epsilon_of([Spend.of(privacy, epochs)], privacy.delta) if privacy.on else math.inf


def shown_epsilon(epsilon: float) -> str:
    """Return epsilon with two decimals, rounded up, or `unlimited`."""
    return "unlimited" if math.isinf(epsilon) else f"{math.ceil(epsilon * 100.0 - 1e-9) / 100.0:.2f}"
