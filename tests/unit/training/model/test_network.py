from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from fl.protocol.errors import EncodingError, WeightsMismatch
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import manifest_of, to_vector
from fl.training.presets import DEFAULT_SPEC


@pytest.mark.parametrize(
    ("spec", "weights"),
    [
        (ModelSpec(width=56), 945_338),
        (DEFAULT_SPEC, 3_331_554),
        (replace(DEFAULT_SPEC, trained="last"), 1_012_354),
        (replace(DEFAULT_SPEC, trained="head"), 2_562),
    ],
)
def test_only_what_is_trained_travels_and_nothing_has_batch_norm(spec: ModelSpec, weights: int) -> None:
    model = build_model(spec, 0)
    assert manifest_of(model).length == weights
    assert not any(isinstance(module, nn.modules.batchnorm._NormBase) for module in model.modules())
    assert not any(getattr(module, "inplace", False) for module in model.modules())


def test_equal_seeds_build_equal_weights_without_global_randomness() -> None:
    spec = ModelSpec(width=8)
    before = torch.get_rng_state()
    first, second, other = (to_vector(build_model(spec, seed)) for seed in (3, 3, 4))
    assert (first == second).all()
    assert (first != other).any()
    assert torch.equal(before, torch.get_rng_state())


def test_a_model_is_built_and_answers_without_sympy() -> None:
    code = (
        "import sys, numpy as np\n"
        "from fl.training.model.network import build_model\n"
        "from fl.training.model.spec import ModelSpec\n"
        "from fl.training.evaluation.predict import Predictor\n"
        "from fl.training.model.tensors import to_vector\n"
        "spec = ModelSpec(width=8)\n"
        "Predictor(spec, to_vector(build_model(spec, 0))).probability(np.zeros((128, 128, 3), np.uint8))\n"
        "sys.exit('sympy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("size_px", [16, 28, 64, 100, 128])
def test_every_input_size_gives_one_row_of_logits_per_image(size_px: int) -> None:
    model = build_model(ModelSpec(size_px=size_px, classes=8, width=8), 1)
    assert model(torch.zeros(2, 3, size_px, size_px)).shape == (2, 8)


def test_gradients_reach_every_weight() -> None:
    model = build_model(ModelSpec(size_px=32, width=8, depth=2), 1)
    model(torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))).square().sum().backward()
    assert all(tensor.grad is not None and tensor.grad.abs().sum() > 0 for tensor in model.parameters())


def test_a_spec_survives_its_dictionary() -> None:
    spec = ModelSpec(size_px=28, classes=8, width=16, depth=2)
    assert ModelSpec.from_dict(spec.to_dict()) == spec


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"kind": "transformer"}, WeightsMismatch),
        ({"width": 512, "depth": 8}, WeightsMismatch),
        ({"width": 12}, WeightsMismatch),
        ({"classes": 1}, WeightsMismatch),
        ({"size_px": 8}, WeightsMismatch),
        ({"classes": "2"}, EncodingError),
        ({"classes": True}, EncodingError),
        ({"extra": 1}, EncodingError),
    ],
)
def test_a_bad_spec_is_refused(change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        ModelSpec.from_dict(ModelSpec().to_dict() | change)


def test_a_spec_with_a_missing_field_is_refused() -> None:
    raw = ModelSpec().to_dict()
    del raw["depth"]
    with pytest.raises(EncodingError, match="depth"):
        ModelSpec.from_dict(raw)
