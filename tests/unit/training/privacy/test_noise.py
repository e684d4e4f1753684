from __future__ import annotations

import numpy as np
from scipy.stats import kstest

from fl.training.privacy.noise import chosen, gaussian, random_seed


def test_noise_has_the_normal_distribution_of_its_deviation() -> None:
    noise = gaussian(200_001, 2.5)
    assert noise.shape == (200_001,)
    assert kstest(noise / 2.5, "norm").pvalue > 1e-6


def test_each_picture_is_chosen_with_the_stated_probability() -> None:
    counts = np.zeros(50)
    for _ in range(2000):
        counts[chosen(50, 0.3)] += 1
    assert np.abs(counts / 2000 - 0.3).max() < 0.07
    assert chosen(50, 1.0).tolist() == list(range(50))


def test_no_two_draws_are_the_same() -> None:
    assert (gaussian(64, 1.0) != gaussian(64, 1.0)).all()
    assert random_seed() != random_seed()
