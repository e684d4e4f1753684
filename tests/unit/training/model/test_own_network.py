from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fl.protocol.errors import NetworkNotAllowed, NetworkUnusable, WeightsMismatch
from fl.training.data.dataset import Dataset
from fl.training.evaluation.predict import Predictor
from fl.training.local.config import LocalConfig
from fl.training.local.train import TrainContext, train_local
from fl.training.model.consent import Consent, give
from fl.training.model.network import build_model
from fl.training.model.own_network import OwnNetwork
from fl.training.model.spec import OWN, ModelSpec
from fl.training.model.tensors import load_vector, manifest_of, to_vector
from fl.training.recipe import fitted_to
from tests.support.consent import consenting, installed, source_of, write_package
from tests.support.drawn_labels import TASK, things

ENTRY = "members_net.model:build"
TWO_PARTS = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self, classes):
            super().__init__()
            self.body = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU())
            self.drop = nn.Dropout(0.3)
            self.head = nn.Linear(4, classes)
        def features(self, x):
            return self.drop(self.body(x).mean(dim=(2, 3)))
        def forward(self, x):
            return self.head(self.features(x))

    def build(classes, size_px):
        return Net(classes)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with installed(tmp_path), consenting(Consent()):
        yield tmp_path


def spec_of(folder: Path, model: str, allowed: bool = True) -> ModelSpec:
    write_package(folder / "members_net", model=model)
    source = source_of(ENTRY)
    give(Consent((source,) if allowed else ()))  # until `folder` ends
    return ModelSpec(kind=OWN, size_px=32, source=str(source))


def body(lines: str) -> str:
    return f"import torch\nfrom torch import nn\ndef build(classes, size_px):\n    {lines}\n"


def test_nothing_is_imported_without_consent(folder: Path) -> None:
    spec = spec_of(folder, "raise SystemExit('it ran')\n", allowed=False)
    with pytest.raises(NetworkNotAllowed, match=f"Nothing was imported.*--allow-network {spec.source}"):
        build_model(spec, 1)
    assert "members_net" not in sys.modules


def test_consent_to_another_source_is_no_consent(folder: Path) -> None:
    spec = spec_of(folder, TWO_PARTS)
    other = replace(spec, source=f"{ENTRY}@{'0' * 64}")
    with pytest.raises(NetworkNotAllowed):
        build_model(other, 1)


def test_the_first_weights_depend_on_the_seed_alone_and_not_on_torchs_state(folder: Path) -> None:
    spec = spec_of(folder, TWO_PARTS)
    torch.manual_seed(5)
    one = to_vector(build_model(spec, 7))
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))
    assert (one == to_vector(build_model(spec, 7))).all()
    assert (one != to_vector(build_model(spec, 8))).any()


def test_only_the_head_travels_if_only_the_head_is_trained(folder: Path) -> None:
    spec = replace(spec_of(folder, TWO_PARTS), trained="head")
    assert manifest_of(build_model(spec, 1)).names == ("network.head.weight", "network.head.bias")
    with pytest.raises(WeightsMismatch, match="trained part 'last'"):
        replace(spec, trained="last")


def test_weights_without_gradient_stay_as_built(folder: Path) -> None:
    spec = spec_of(
        folder, TWO_PARTS.replace("return Net(classes)", "n = Net(classes); n.body.requires_grad_(False); return n")
    )
    model = build_model(spec, 1)
    assert manifest_of(model).names == ("network.head.weight", "network.head.bias")
    load_vector(model, np.zeros(10, np.float32))
    assert not model(torch.rand(1, 3, 32, 32)).any()


def test_a_training_with_dropout_gives_the_same_bytes_again(folder: Path, cells: Dataset) -> None:
    spec = spec_of(folder, TWO_PARTS)
    start, config = to_vector(build_model(spec, 1)), LocalConfig(epochs=1, batch=16)
    context = TrainContext(1, 1, "alpha", "cpu")
    first = train_local(spec, start, cells, config, context)
    again = train_local(spec, start, cells, config, context)
    assert (first.vector == again.vector).all()
    assert (first.vector != start).any()


def test_a_loss_of_ones_own_is_the_one_that_is_trained(folder: Path, cells: Dataset) -> None:
    text = TWO_PARTS + (
        "\n    class Built:\n        def __init__(self, network): self.network = network\n"
        "        def loss(self, logits, labels): return (logits * 0).sum() + 42\n"
    )
    spec = spec_of(folder, text.replace("return Net(classes)", "return Built(Net(classes))"))
    start = to_vector(build_model(spec, 1))
    config = LocalConfig(epochs=1, weight_decay=0.0)
    done = train_local(spec, start, cells, config, TrainContext(1, 1, "alpha", "cpu"))
    assert done.loss == 42.0
    assert (done.vector == start).all()


def test_a_network_without_parts_answers_too(folder: Path, cells: Dataset) -> None:
    spec = spec_of(folder, body("return nn.Sequential(nn.Flatten(), nn.Linear(3 * size_px ** 2, classes))"))
    model = build_model(spec, 1)
    assert isinstance(model, OwnNetwork)
    row = Predictor(spec, to_vector(model)).probabilities(cells.images[:3])
    assert row.shape == (3, 2)
    assert np.allclose(row.sum(axis=1), 1.0)
    with pytest.raises(NetworkUnusable, match="head cannot be trained alone"):
        build_model(replace(spec, trained="head"), 1)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("return 3", "no torch.nn.Module"),
        ("raise KeyError('weights')", "KeyError"),
        ("return nn.Flatten()", "0 weights"),
        ("return nn.Sequential(nn.Flatten(), nn.Linear(3 * size_px ** 2, 5))", r"not float32 \[B, 2\]"),
        ("return nn.Linear(7, classes)", "RuntimeError"),
        ("return nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(3072, 2))", "use GroupNorm"),
        ("return nn.Sequential(nn.Flatten(), nn.Linear(3072, 2)).double()", "float64"),
        (
            "n = nn.Sequential(nn.Flatten(), nn.Linear(3072, 2)); n.x = nn.Linear(1, 1); return n",
            "error|no part|failed",
        ),
        ("return nn.Sequential(nn.Flatten(), nn.LazyLinear(2))", "failed with"),
        ("return nn.Linear(10001, 10000, device='meta')", "weights"),
    ],
)
def test_what_cannot_be_trained_together_is_said(folder: Path, lines: str, why: str) -> None:
    spec = spec_of(folder, body(lines))
    with pytest.raises(NetworkUnusable, match=why):
        build_model(spec, 1)


def test_a_spec_without_source_is_written_as_before() -> None:
    assert "source" not in ModelSpec().to_dict()
    assert ModelSpec.from_dict(ModelSpec().to_dict()) == ModelSpec()
    own = ModelSpec(kind=OWN, source=f"{ENTRY}@{'a' * 64}")
    assert ModelSpec.from_dict(own.to_dict()) == own


@pytest.mark.parametrize(
    "change", [{"kind": OWN}, {"kind": OWN, "source": "os:system"}, {"source": f"{ENTRY}@{'a' * 64}"}]
)
def test_a_spec_names_a_source_if_and_only_if_the_network_is_ones_own(change: dict[str, str]) -> None:
    with pytest.raises(WeightsMismatch, match="source"):
        ModelSpec(**change)  # type: ignore[arg-type]


def test_a_loss_of_ones_own_gets_a_number_for_each_label_where_a_picture_may_have_several(folder: Path) -> None:
    text = TWO_PARTS + (
        "\n    class Built:\n        def __init__(self, network): self.network = network\n"
        "        def loss(self, logits, truth):\n"
        "            return nn.functional.binary_cross_entropy_with_logits(2 * logits, truth)\n"
    )
    plain = spec_of(folder, text.replace("return Net(classes)", "return Built(Net(classes))"))
    spec = fitted_to(replace(plain, size_px=16), TASK)
    start, context = to_vector(build_model(spec, 1)), TrainContext(1, 1, "alpha", "cpu")
    done = train_local(spec, start, things(40, 1), LocalConfig(epochs=1), context)
    assert done.loss > 0.0
    assert (done.vector != start).any()
    with pytest.raises(NetworkUnusable, match="failed with"):
        build_model(plain, 1)  # of one class, int64 [B]
