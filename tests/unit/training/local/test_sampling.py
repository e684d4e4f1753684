from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.training.local.sampling import draw_order


def _generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_without_balance_every_image_is_shown_once() -> None:
    labels = torch.tensor([0] * 3 + [1] * 50 + [2])
    assert draw_order(labels, 0.0, _generator()).sort().values.tolist() == list(range(54))


def test_full_balance_shows_every_class_equally_often_and_its_images_evenly() -> None:
    labels = torch.tensor([0] * 8 + [1] * 72)
    order = draw_order(labels, 1.0, _generator())
    shown = torch.bincount(order, minlength=80)
    assert shown[:8].tolist() == [5] * 8
    assert shown[8:].sum() == 40
    assert shown[8:].max() == 1


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.floats(0.0, 1.0), st.integers(0, 99))
def test_an_epoch_has_its_length_and_repeats_by_its_seed(classes: list[int], balance: float, seed: int) -> None:
    labels = torch.tensor(classes)
    order = draw_order(labels, balance, _generator(seed))
    assert len(order) == len(labels)
    assert torch.equal(order, draw_order(labels, balance, _generator(seed)))


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_one_class_alone_is_shown_whole(balance: float) -> None:
    assert draw_order(torch.tensor([3, 3, 3]), balance, _generator()).sort().values.tolist() == [0, 1, 2]
