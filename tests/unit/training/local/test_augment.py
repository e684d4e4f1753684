from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fl.training.data.dataset import Dataset
from fl.training.local import torchvision_shim as vision
from fl.training.local.augment import GAIN, SATURATION, SCALE, SHIFT, augment
from fl.training.model.inputs import to_tensor


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def images(cells: Dataset) -> Tensor:
    return to_tensor(cells.images[:6])


def one_at_a_time(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """The same changes as torchvision makes them, picture by picture."""
    draws = torch.rand(len(images), 9, generator=generator) * 2.0 - 1.0
    size_px, changed = images.shape[-1], []
    for image, draw in zip(images.to(torch.float32), draws, strict=True):
        scale, right, down, mirror, saturation, *gains = (draw[1:] * strength).tolist()
        moved = vision.affine(
            image,
            angle=float(draw[0]) * 180.0,
            translate=[right * SHIFT * size_px, down * SHIFT * size_px],
            scale=1.0 + scale * SCALE,
            shear=[0.0, 0.0],
            interpolation=vision.InterpolationMode.BILINEAR,
        )
        moved = vision.horizontal_flip(moved) if mirror > 0.0 else moved
        stained = vision.adjust_saturation(moved / 255.0, 1.0 + saturation * SATURATION)
        gain = torch.tensor([1.0 + gain * GAIN for gain in gains])[:, None, None]
        changed.append((stained * gain).clamp(0.0, 1.0) * 255.0)
    return torch.stack(changed)


@pytest.mark.parametrize("strength", [0.2, 1.0, 3.0])
def test_a_batch_changes_as_torchvision_changes_each_picture(images: Tensor, strength: float) -> None:
    for seed in range(4):
        expected = one_at_a_time(images, strength, seeded(seed))
        torch.testing.assert_close(augment(images, strength, seeded(seed)), expected, atol=0.05, rtol=0.0)


def test_augmentation_is_seeded_bounded_and_off_at_zero(images: Tensor) -> None:
    first, second, other = (augment(images, 1.0, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert first.shape == images.shape
    assert 0.0 <= first.min() <= first.max() <= 255.0
    assert torch.equal(augment(images, 0.0, torch.Generator()), images.to(torch.float32))


def test_the_generator_advances_by_the_same_amount_whatever_the_pictures_and_the_strength(images: Tensor) -> None:
    black, lively = seeded(1), seeded(1)
    augment(torch.zeros_like(images), 0.1, black)
    augment(images, 2.0, lively)
    assert torch.equal(black.get_state(), lively.get_state())
    augment(images[:1], 1.0, lively)
    assert not torch.equal(black.get_state(), lively.get_state())


def test_a_picture_changes_alike_whichever_pictures_are_beside_it(images: Tensor) -> None:
    whole = augment(images, 1.0, seeded(5))
    alone = augment(torch.cat([images[:1], torch.zeros_like(images[1:])]), 1.0, seeded(5))
    assert torch.equal(whole[0], alone[0])
