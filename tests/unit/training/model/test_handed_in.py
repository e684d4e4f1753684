"""Weights from a hospital's own tools against the model that they start from."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from fl.protocol.errors import UploadUnusable
from fl.training.aggregation.quantise import LIMIT
from fl.training.model.appendix import with_calibration
from fl.training.model.handed_in import MOST_SAMPLES, Declared, check_change, own_rows, weights_in
from fl.training.model.inputs import normalise
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.standalone import network_file, obstacle
from fl.training.model.tensor_file import read_tensors, write_tensors
from fl.training.model.weights import Manifest

PLAIN = Manifest(("a", "b"), ((2, 3), (4,)))
WHOLE = with_calibration(PLAIN, 2).with_state(("server.momentum",))
BASE = np.arange(WHOLE.length, dtype=np.float32)
SPECS = (
    ModelSpec(size_px=16, width=8),
    ModelSpec(kind="lite0", size_px=64),
    ModelSpec(kind="lite0", size_px=64, trained="head"),
)


def test_the_limit_of_images_is_that_of_a_round() -> None:
    assert MOST_SAMPLES == LIMIT


def test_only_the_tensors_that_a_training_changes_are_needed() -> None:
    assert own_rows(WHOLE) == (("a", (2, 3)), ("b", (4,)))
    file = read_tensors(write_tensors(PLAIN, BASE[:10] + 1, {}))
    weights = weights_in(file, WHOLE, BASE)
    np.testing.assert_array_equal(weights, np.concatenate([BASE[:10] + 1, BASE[10 : WHOLE.weights]]))


def test_numbers_that_no_training_changes_come_from_the_base_even_if_the_file_has_others() -> None:
    file = read_tensors(write_tensors(WHOLE, BASE + 7, {}))
    np.testing.assert_array_equal(weights_in(file, WHOLE, BASE)[10:], BASE[10 : WHOLE.weights])


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        (Manifest(("a",), ((2, 3),)), "the tensor b is missing"),
        (Manifest(("a", "b", "c"), ((2, 3), (4,), (1,))), "has no tensor 'c'"),
        (Manifest(("a", "b"), ((3, 2), (4,))), "instead of"),
    ],
)
def test_other_tensors_are_refused_by_name(manifest: Manifest, why: str) -> None:
    file = read_tensors(write_tensors(manifest, np.zeros(manifest.length, np.float32), {}))
    with pytest.raises(UploadUnusable, match=why):
        weights_in(file, WHOLE, BASE)


@pytest.mark.parametrize(("value", "why"), [(np.nan, "finite"), (np.inf, "finite"), (2.0**21, "too large")])
def test_values_that_no_model_has_are_refused(value: float, why: str) -> None:
    vector = BASE[:10].copy()
    vector[3] = value
    with pytest.raises(UploadUnusable, match=why):
        weights_in(read_tensors(write_tensors(PLAIN, vector, {})), WHOLE, BASE)


def test_the_change_is_measured_and_bounded() -> None:
    weights = BASE[: WHOLE.weights].copy()
    with pytest.raises(UploadUnusable, match="train first"):
        check_change(weights, BASE, 5.0)
    weights[0] += 3
    weights[1] += 4
    assert check_change(weights, BASE, 5.0) == 5.0
    with pytest.raises(UploadUnusable, match="moved by 5"):
        check_change(weights, BASE, 4.9)


@pytest.mark.parametrize(
    "declared", [Declared(0), Declared(-1), Declared(11), Declared(5, 6), Declared(5, -1), Declared(5, 1, -0.1)]
)
def test_impossible_declarations_are_refused(declared: Declared) -> None:
    with pytest.raises(UploadUnusable):
        declared.check(most=10)


def module_of(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("network", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.kind}-{spec.trained}")
def test_the_downloaded_network_answers_as_the_federations_own(spec: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "network.py").write_text(network_file(spec), encoding="utf-8")
    network = module_of(tmp_path / "network.py")
    ours, theirs = build_model(spec, 3), network.build()
    network.fill(theirs, dict(ours.named_parameters()))
    pictures = torch.randint(0, 256, (2, 3, spec.size_px, spec.size_px), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(ours(normalise(pictures, spec.kind)), theirs(network.normalise(pictures)))
    network.save(str(tmp_path / "w.safetensors"), theirs, "ab")
    read = read_tensors((tmp_path / "w.safetensors").read_bytes())
    assert read.metadata == {"base": "ab"}
    assert list(read.shapes) == [name for name, _ in ours.named_parameters()]


def test_a_consortiums_own_network_has_no_file_and_a_reason() -> None:
    spec = ModelSpec(kind="own", size_px=64, source=f"own_network.model:build@{'a' * 64}")
    assert network_file(spec) == ""
    assert "build_model" in obstacle(spec)
