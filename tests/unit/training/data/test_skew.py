from __future__ import annotations

import numpy as np
import pytest

from fl.protocol.errors import DatasetUnusable
from fl.training.data.dataset import Dataset
from fl.training.data.skew import FEWEST, divide_unevenly


def images(count: int, classes: int = 4, test: int = 0) -> Dataset:
    groups = np.array([f"i{row}" for row in range(count)])
    split = (np.arange(count) < test).astype(np.uint8)
    names = tuple(map(str, range(classes)))
    pixels = np.zeros((count, 16, 16, 3), np.uint8)
    return Dataset(pixels, np.arange(count, dtype=np.int64) % classes, groups, split, names)


def test_every_training_image_has_one_hospital_and_test_images_none() -> None:
    parts = divide_unevenly(images(400, test=40), 5, 0.5, 1)
    dealt = np.concatenate([part.groups for part in parts])
    assert sorted(dealt) == sorted(f"i{row}" for row in range(40, 400))
    assert min(map(len, parts)) >= FEWEST


def test_the_smaller_alpha_the_more_hospitals_differ_and_a_seed_repeats_the_division() -> None:
    def spread(alpha: float) -> float:
        return float(np.mean([part.class_counts().std() for part in divide_unevenly(images(4000), 5, alpha, 3)]))

    assert spread(0.5) > 3 * spread(100.0)
    first, again = (divide_unevenly(images(400), 5, 0.5, 7) for _ in range(2))
    assert all((one.groups == other.groups).all() for one, other in zip(first, again, strict=True))


def test_too_few_images_are_refused() -> None:
    with pytest.raises(DatasetUnusable, match="cannot be divided among 5 hospitals"):
        divide_unevenly(images(30), 5, 0.5, 1)
