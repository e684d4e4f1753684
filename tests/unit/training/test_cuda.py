"""What a GPU computes is what a CPU computes, within the tolerance of its lower precision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fl.training.data.dataset import Dataset
from fl.training.evaluation.predict import Predictor
from fl.training.local.config import LocalConfig
from fl.training.local.train import LocalResult, TrainContext, train_local
from fl.training.model.device import pick_device
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.model.weights import Vector

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")

CONFIG = LocalConfig(epochs=4, batch=8, lr=3e-3, horizon=4, augment=1.0, class_balance=1.0)
CONTEXT = TrainContext(seed=1, round=1, hospital="north", device="cuda")


class Killed(BaseException):
    """Ends a training in the middle."""


@pytest.fixture(scope="module")
def start(tiny: ModelSpec) -> Vector:
    return to_vector(build_model(tiny, 1))


def trained(tiny: ModelSpec, start: Vector, cells: Dataset, context: TrainContext) -> LocalResult:
    return train_local(tiny, start, cells, CONFIG, context)


def test_auto_takes_the_gpu() -> None:
    assert pick_device("auto").type == "cuda"


def test_the_same_weights_give_the_same_probabilities(tiny: ModelSpec, start: Vector, cells: Dataset) -> None:
    here, there = (Predictor(tiny, start, device).probabilities(cells.images) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(there, here, atol=2e-3)


def test_training_learns_what_it_learns_on_a_cpu(tiny: ModelSpec, start: Vector, cells: Dataset) -> None:
    here, there = (trained(tiny, start, cells, replace(CONTEXT, device=device)) for device in ("cpu", "cuda"))
    assert there.samples == here.samples
    assert there.loss == pytest.approx(here.loss, rel=0.1)
    moved_here, moved_there = here.vector - start, there.vector - start
    cosine = moved_here @ moved_there / (np.linalg.norm(moved_here) * np.linalg.norm(moved_there))
    assert cosine > 0.8


def test_a_killed_training_goes_on_from_its_checkpoint(
    tiny: ModelSpec, start: Vector, cells: Dataset, tmp_path: Path
) -> None:
    epochs: list[int] = []

    def stop(progress: object) -> None:
        epochs.append(getattr(progress, "epoch"))  # noqa: B009  # any progress
        if len(epochs) == 2:
            raise Killed

    context = replace(CONTEXT, checkpoint=tmp_path / "checkpoint", progress=stop)
    with pytest.raises(Killed):
        trained(tiny, start, cells, context)
    whole = trained(tiny, start, cells, CONTEXT)
    resumed = trained(tiny, start, cells, context)
    assert epochs[:2] == [1, 2]
    assert epochs[2:] == [2, 3, 4]
    assert resumed.loss == pytest.approx(whole.loss, rel=0.1)
