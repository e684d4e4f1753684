from __future__ import annotations

import math

import pytest
from opacus.accountants import PRVAccountant
from scipy.optimize import brentq
from scipy.stats import norm

from fl.protocol.errors import SettingInvalid
from fl.training.privacy.accounting import _step_cost, epsilon_of, noise_for, release_epsilon, shown_epsilon
from fl.training.privacy.terms import OFF, PLAIN, Privacy, Spend

DELTA = 1e-5


def _exact(noise: float, steps: int) -> float:
    """Return epsilon of `steps` Gaussian mechanisms without sampling (Balle and Wang, ICML 2018, theorem 8)."""
    ratio = math.sqrt(steps) / noise

    def delta(epsilon: float) -> float:
        return float(norm.cdf(ratio / 2 - epsilon / ratio) - math.exp(epsilon) * norm.cdf(-ratio / 2 - epsilon / ratio))

    return float(brentq(lambda epsilon: delta(epsilon) - DELTA, 0.0, 100.0))


@pytest.mark.parametrize(("noise", "steps"), [(1.0, 1), (4.0, 1), (5.0, 20)])
def test_epsilon_without_sampling_is_just_above_the_exact_one(noise: float, steps: int) -> None:
    ours, exact = epsilon_of([Spend(noise, 1.0, steps)], DELTA), _exact(noise, steps)
    assert exact <= ours <= 1.12 * exact


def test_epsilon_with_sampling_is_above_that_of_a_tighter_accountant() -> None:
    """The judge adds up privacy losses numerically (Gopi et al., 2021) and knows no Renyi orders."""
    tight = PRVAccountant()
    tight.history = [(1.0, 0.05, 200)]
    exact, ours = tight.get_epsilon(DELTA), epsilon_of([Spend(1.0, 0.05, 200)], DELTA)
    assert exact <= ours <= 1.2 * exact


def test_two_rounds_cost_what_one_of_twice_the_steps_costs() -> None:
    half = Spend(1.3, 0.1, 50)
    assert epsilon_of([half, half], DELTA) == pytest.approx(epsilon_of([Spend(1.3, 0.1, 100)], DELTA))
    assert epsilon_of([half, half], DELTA) > epsilon_of([half], DELTA) > 0.0
    assert epsilon_of([], DELTA) == 0.0


def test_one_training_without_noise_makes_every_epsilon_infinite() -> None:
    assert math.isinf(epsilon_of([Spend(1.3, 0.1, 50), PLAIN], DELTA))
    assert math.isinf(release_epsilon(OFF, 1))
    assert not math.isinf(release_epsilon(Privacy(1.0, 1.0, 0.1, DELTA), 1))


def test_the_noise_for_an_epsilon_is_enough_and_hardly_more() -> None:
    noise = noise_for(8.0, DELTA, 0.25, 96)
    assert 7.9 < epsilon_of([Spend(noise, 0.25, 96)], DELTA) <= 8.0
    with pytest.raises(SettingInvalid, match="epsilon"):
        noise_for(1e-6, DELTA, 1.0, 1000)


def test_a_shown_epsilon_is_rounded_up() -> None:
    assert [shown_epsilon(each) for each in (2.0, 2.001, math.inf)] == ["2.00", "2.01", "unlimited"]


def test_many_equal_trainings_cost_what_one_with_all_their_steps_costs_and_are_computed_once() -> None:
    _step_cost.cache_clear()
    apart = epsilon_of([Spend(1.5, 0.1, 10)] * 500 + [Spend(2.0, 0.1, 7)], DELTA)
    assert _step_cost.cache_info().misses == 2
    assert apart == epsilon_of([Spend(2.0, 0.1, 7), Spend(1.5, 0.1, 5000)], DELTA)
    assert apart > epsilon_of([Spend(1.5, 0.1, 5000)], DELTA)
