from __future__ import annotations

import numpy as np

from fl.training.data.dataset import TRAIN, Dataset
from fl.training.data.held_back import calibrated_on, held_back, trained_on
from tests.support.drawn_labels import things


def test_without_a_share_nothing_is_held_back_and_everything_is_trained_on(cells: Dataset) -> None:
    assert calibrated_on(cells, 0.0, 1) is None
    assert len(trained_on(cells, 0.0, 1)) == len(cells.part(TRAIN))


def test_a_share_of_images_with_several_labels_has_some_of_each_kind_and_of_those_without_any() -> None:
    train = things(200, 7).part(TRAIN)
    chosen = held_back(train, 0.2, 1)
    assert 0.1 < chosen.mean() < 0.4
    assert np.unique(train.labels).tolist() == np.unique(train.labels[chosen]).tolist() == [0, 1, 2, 3]
