"""The downloaded `network.py` of a federation that trains a network of torchvision."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from fl.training.model import torchvision_shim as vision
from fl.training.model.backbones import TORCHVISION_NAMES, from_file
from fl.training.model.consent import Consent
from fl.training.model.inputs import normalise
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.standalone import network_file, obstacle
from fl.training.model.tensor_file import read_tensors, write_tensors
from fl.training.model.tensors import manifest_of, to_vector
from tests.support.consent import consenting

SIDE = 32
SCRIPT = Path(__file__).resolve().parents[4] / "examples" / "own_tools" / "train.py"
ALONE = (
    "import runpy, sys; sys.argv.pop(0); "
    "sys.modules.update(dict.fromkeys(('fl', 'chain', 'webui', 'scripts', 'safetensors'))); "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
SPECS = tuple(ModelSpec(kind=f"torchvision:{name}", size_px=SIDE, classes=3) for name in TORCHVISION_NAMES)


def written(spec: ModelSpec, folder: Path) -> ModuleType:
    """Write network.py into a folder and import it."""
    (folder / "network.py").write_text(network_file(spec), encoding="utf-8")
    found = importlib.util.spec_from_file_location("downloaded", folder / "network.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def agree(spec: ModelSpec, network: ModuleType, folder: Path) -> None:
    """Load the federation's weights as they are downloaded, strictly, and compare the answers."""
    ours, theirs = build_model(spec, 3), network.build()
    manifest = manifest_of(ours)
    (folder / "model.safetensors").write_bytes(write_tensors(manifest, to_vector(ours), {"digest": "ab"}))
    tensors, facts = network.load(str(folder / "model.safetensors"))
    assert facts == {"digest": "ab"}
    assert {name: one.shape for name, one in theirs.named_parameters()} == {
        name: one.shape for name, one in tensors.items()
    }
    network.fill(theirs, tensors)
    assert theirs.state_dict().keys() == ours.state_dict().keys()
    pictures = torch.randint(0, 256, (2, 3, SIDE, SIDE), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(ours(normalise(pictures, spec.kind)), theirs(network.normalise(pictures)))
    network.save(str(folder / "w.safetensors"), theirs, "ab")
    read = read_tensors((folder / "w.safetensors").read_bytes())
    assert list(read.shapes) == [name for name, _ in ours.named_parameters()]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_the_downloaded_network_loads_the_weights_and_answers_as_the_federations_own(
    spec: ModelSpec, tmp_path: Path
) -> None:
    assert obstacle(spec) == ""
    agree(spec, written(spec, tmp_path), tmp_path)


@pytest.mark.parametrize("trained", ["all", "head"])
def test_fixed_numbers_come_from_the_file_of_published_weights(trained: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    theirs = vision.models.mobilenet_v3_small(weights=None)
    for norm in (each for each in theirs.modules() if isinstance(each, torch.nn.BatchNorm2d)):
        norm.load_state_dict(
            {**norm.state_dict(), "running_mean": norm.weight.detach() - 0.7, "running_var": norm.weight.detach() * 2}
        )
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    weights = from_file("w.pth", hashlib.sha256((tmp_path / "w.pth").read_bytes()).hexdigest())
    kind = "torchvision:mobilenet_v3_small"
    spec = ModelSpec(kind=kind, size_px=SIDE, classes=3, weights=weights, trained=trained)
    network = written(spec, tmp_path)
    with consenting(Consent(files=(tmp_path / "w.pth",))):
        agree(spec, network, tmp_path)
    (tmp_path / "w.pth").write_bytes(b"another file")
    with pytest.raises(network.WeightsFileUnusable, match="SHA-256"):
        network.build()


def test_a_script_that_knows_only_the_downloaded_files_and_pytorch_trains_the_network(tmp_path: Path) -> None:
    spec = ModelSpec(kind="torchvision:mobilenet_v3_small", size_px=SIDE, classes=2)
    ours = build_model(spec, 3)
    (tmp_path / "network.py").write_text(network_file(spec), encoding="utf-8")
    (tmp_path / "model.json").write_text('{"digest": "ab"}', encoding="utf-8")
    (tmp_path / "model.safetensors").write_bytes(write_tensors(manifest_of(ours), to_vector(ours), {}))
    pictures = np.random.default_rng(1).integers(0, 256, (16, SIDE, SIDE, 3), np.uint8)
    np.savez(tmp_path / "own.npz", images=pictures, labels=np.arange(16) % 2)
    line = [sys.executable, "-I", "-c", ALONE, SCRIPT, tmp_path, tmp_path / "own.npz", tmp_path / "w.safetensors"]
    said = subprocess.run([*map(str, line)], cwd=tmp_path, capture_output=True, text=True, check=False, env={})
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("images 16, judged correctly")
    trained = read_tensors((tmp_path / "w.safetensors").read_bytes())
    assert list(trained.shapes) == [name for name, _ in ours.named_parameters()]
    assert trained.metadata == {"base": "ab"}
