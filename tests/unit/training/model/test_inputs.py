from __future__ import annotations

import numpy as np
import torch

from fl.training.model.inputs import normalise, to_tensor, views_of
from fl.training.model.spec import HEMANET, LITE0


def test_pixels_become_a_batch_of_channels() -> None:
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    batch = to_tensor(images)
    assert batch.dtype == torch.uint8
    assert batch.is_contiguous()
    assert (batch.numpy() == images.transpose(0, 3, 1, 2)).all()


def test_black_and_white_are_normalised() -> None:
    for level, expected in ((0, -1.0), (255, 4.0)):
        batch = normalise(to_tensor(np.full((1, 8, 8, 3), level, np.uint8)), HEMANET)
        assert batch.dtype == torch.float32
        assert torch.allclose(batch, torch.full((1, 3, 8, 8), expected))


def test_published_weights_see_pixels_as_they_were_trained() -> None:
    batch = normalise(torch.tensor([0, 127, 255], dtype=torch.uint8).reshape(1, 1, 1, 3), LITE0)
    assert torch.allclose(batch.flatten(), torch.tensor([-127 / 128, 0.0, 1.0]))


def test_eight_views_are_the_turns_of_a_picture_and_of_its_mirror_image() -> None:
    picture = torch.arange(9.0).reshape(1, 1, 3, 3)
    views = {tuple(view.flatten().tolist()) for view in views_of(picture, 8)}
    assert len(views) == 8
    assert {tuple(view.flatten().tolist()) for view in views_of(picture.flip(2), 8)} == views
    assert views_of(picture, 1) == [picture]
