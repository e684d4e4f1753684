from __future__ import annotations

import numpy as np
import pytest

from fl.protocol.errors import DatasetUnusable
from fl.training.data.dataset import TEST, TRAIN
from fl.training.data.synthetic import SyntheticPlan, draw_cell, draw_dataset
from fl.training.pictures.images import decode_image, encode_png

PLAN = SyntheticPlan(subjects=6, cells=3, size_px=48)


def test_equal_seeds_draw_equal_cells() -> None:
    first, second, other = (draw_dataset(PLAN, seed) for seed in (1, 1, 2))
    assert (first.images == second.images).all()
    assert (first.split == second.split).all()
    assert (first.images != other.images).any()


def test_the_drawn_set_is_a_usable_one() -> None:
    dataset = draw_dataset(PLAN, 1)
    assert dataset.images.shape == (18, 48, 48, 3)
    assert dataset.class_names == ("healthy", "leukemia")
    assert dataset.class_counts().tolist() == [9, 9]
    assert {group[0] for group in dataset.groups[dataset.labels == 1]} == {"A"}
    assert dataset.has(TRAIN)
    assert dataset.has(TEST)


def test_blasts_are_larger_on_black_and_the_classes_overlap() -> None:
    dataset = draw_dataset(SyntheticPlan(subjects=20, cells=6, size_px=64), 3)
    area = (dataset.images.max(axis=3) > 40).mean(axis=(1, 2))
    assert not dataset.images[:, 0, 0].any()
    healthy, blasts = area[dataset.labels == 0], area[dataset.labels == 1]
    assert np.median(blasts) > 1.15 * np.median(healthy)
    assert healthy.max() > np.percentile(blasts, 20)


def test_a_single_cell_for_the_demo_is_a_png() -> None:
    cell = draw_cell(1, seed=4)
    assert cell.shape == (128, 128, 3)
    assert (decode_image(encode_png(cell), "cell.png") == cell).all()
    assert (draw_cell(1, seed=4) == cell).all()
    assert (draw_cell(0, seed=4) != cell).any()


@pytest.mark.parametrize("plan", [SyntheticPlan(subjects=3), SyntheticPlan(cells=0), SyntheticPlan(size_px=8)])
def test_a_plan_too_small_is_refused(plan: SyntheticPlan) -> None:
    with pytest.raises(DatasetUnusable):
        draw_dataset(plan, 1)
