"""A data card counts a hospital's own training images, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from fl.protocol.errors import DatasetUnusable
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.dataset import TEST, TRAIN, Dataset
from fl.training.data_card import SHADES, count_data_card, data_card_plan

FIRST, SECOND = LEUKEMIA.codes


def dataset(split: list[int]) -> Dataset:
    images = np.zeros((4, 2, 2, 3), np.uint8)
    images[1], images[2], images[3] = 255, 16, 15
    return Dataset(
        images,
        np.array([0, 1, 1, 1], np.int64),
        np.array(["anna", "ben", "ben", "cleo"]),
        np.array(split, np.uint8),
        (SECOND, FIRST),
    )


def test_classes_are_counted_in_the_order_of_the_task_whatever_the_files_say() -> None:
    values = count_data_card(dataset([TRAIN] * 4), LEUKEMIA)
    assert values["images"].tolist() == [3, 1]
    assert values["persons"].tolist() == [3]


def test_brightness_is_binned_exactly_at_the_edges() -> None:
    shades = count_data_card(dataset([TRAIN] * 4), LEUKEMIA)["brightness"].tolist()
    assert shades == [2, 1, *[0] * (SHADES - 3), 1]


def test_test_images_are_not_counted() -> None:
    values = count_data_card(dataset([TRAIN, TRAIN, TRAIN, TEST]), LEUKEMIA)
    assert values["images"].sum() == values["brightness"].sum() == 3
    assert values["persons"].tolist() == [2]
    with pytest.raises(DatasetUnusable):
        count_data_card(dataset([TEST] * 4), LEUKEMIA)


def test_the_entries_fit_the_plan_and_every_lane_says_what_it_reveals() -> None:
    plan = data_card_plan(LEUKEMIA)
    assert plan.pack(count_data_card(dataset([TRAIN] * 4), LEUKEMIA)).shape == (2 + 1 + SHADES,)
    assert plan.word_bits == 32
    assert all("subtract its own" in lane.reveals for lane in plan.lanes)
