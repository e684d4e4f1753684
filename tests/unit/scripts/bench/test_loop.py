from __future__ import annotations

import pytest
import torch

from fl.training.local.augment import augment
from fl.training.model.device import use_threads
from fl.training.model.lite0 import Lite0, ScaledConv2d
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from scripts.bench.loop import _plain, change, ratio_of


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    use_threads(1)


def test_the_network_of_the_bare_loop_answers_as_the_products() -> None:
    torch.manual_seed(1)
    model = Lite0(2).eval()
    for module in model.modules():
        if isinstance(module, ScaledConv2d):
            module.scale.uniform_(0.5, 1.5)
            module.shift.uniform_(-0.1, 0.1)
    batch = torch.rand(1, 3, 33, 33)
    with torch.inference_mode():
        expected = model(batch)
        torch.testing.assert_close(_plain(model)(batch), expected)
    assert not any(isinstance(module, ScaledConv2d) for module in model.modules())


def test_a_network_without_fixed_scales_stays_as_it_is() -> None:
    model = build_model(ModelSpec(size_px=32, width=8), 1)
    names = [name for name, _ in model.named_parameters()]
    assert [name for name, _ in _plain(model).named_parameters()] == names


def test_the_bare_loop_changes_pictures_as_much_as_the_product() -> None:
    torch.manual_seed(1)
    pixels = torch.rand(1, 3, 8, 8).mul(200).repeat_interleave(4, 2).repeat_interleave(4, 3).repeat(400, 1, 1, 1)
    own, bare = augment(pixels.to(torch.uint8), 1.0, torch.Generator().manual_seed(1)), change(pixels)
    assert 0 <= float(bare.min()) <= float(bare.max()) <= 255
    assert float(bare.mean()) == pytest.approx(float(own.mean()), rel=0.02)
    assert float(bare.std(dim=0).mean()) == pytest.approx(float(own.std(dim=0).mean()), rel=0.04)


def test_the_share_is_that_of_the_speed() -> None:
    assert ratio_of((10.0, 4.0), (9.0, 3.0)) == (0.9, 0.75)
