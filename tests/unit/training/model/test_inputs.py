from __future__ import annotations

import numpy as np
import torch

from fl.training.model.inputs import normalise, to_tensor


def test_pixels_become_a_batch_of_channels() -> None:
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    batch = to_tensor(images)
    assert batch.dtype == torch.uint8
    assert batch.is_contiguous()
    assert (batch.numpy() == images.transpose(0, 3, 1, 2)).all()


def test_black_and_white_are_normalised() -> None:
    for level, expected in ((0, -1.0), (255, 4.0)):
        batch = normalise(to_tensor(np.full((1, 8, 8, 3), level, np.uint8)))
        assert batch.dtype == torch.float32
        assert torch.allclose(batch, torch.full((1, 3, 8, 8), expected))
