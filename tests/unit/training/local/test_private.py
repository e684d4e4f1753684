from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as tnf
from torch import Tensor, nn

from fl.training.data.dataset import Dataset
from fl.training.local.config import LocalConfig
from fl.training.local.private import PrivateSteps
from fl.training.local.train import TrainContext, train_local
from fl.training.model.network import build_model
from fl.training.model.spec import LITE0, ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.privacy.terms import Privacy

CLIP = 0.05
TERMS = Privacy(noise=1.0, clip=CLIP, rate=0.5, delta=1e-5)
CONFIG = LocalConfig(
    epochs=1, batch=2, lr=1e-3, augment=0.0, class_balance=0.0, clip_norm=0.0, smoothing=0.0, privacy=TERMS
)
CONTEXT = TrainContext(seed=1, round=1, hospital="north", device="cpu")
SPECS = [
    ModelSpec(size_px=16, width=8),
    ModelSpec(LITE0, size_px=32, trained="head"),
    ModelSpec(LITE0, size_px=32, trained="last"),
]
PICTURES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(3))
LABELS = torch.tensor([0, 1, 1])


def _steps(model: nn.Module, config: LocalConfig = CONFIG) -> PrivateSteps:
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.lr)
    return PrivateSteps(model, optimiser, config, LABELS, lambda rows: PICTURES[rows])


def _clipped(model: nn.Module, row: int) -> Tensor:
    """Return the clipped gradient of one picture by plain autograd, float32 [d]."""
    loss = tnf.cross_entropy(model(PICTURES[row : row + 1]), LABELS[row : row + 1])
    flat = torch.cat([each.reshape(-1) for each in torch.autograd.grad(loss, list(model.parameters()))])
    return flat * min(1.0, CLIP / float(flat.norm()))


def _summed(model: nn.Module, steps: PrivateSteps, rows: list[int]) -> Tensor:
    steps._add_up(torch.tensor(rows, dtype=torch.int64))
    return torch.cat([each.summed_grad.reshape(-1) for each in model.parameters()])  # type: ignore[attr-defined]


@pytest.mark.parametrize("spec", SPECS, ids=["hemanet", "head", "last"])
def test_a_step_sums_the_clipped_gradient_of_each_picture(spec: ModelSpec) -> None:
    """Three pictures in portions of two; the judge is plain autograd, one picture at a time."""
    expected = sum(_clipped(build_model(spec, 1), row) for row in range(3))
    model = build_model(spec, 1)
    total = _summed(model, _steps(model), [0, 1, 2])
    assert torch.allclose(total, torch.as_tensor(expected), atol=1e-6)
    assert float(total.norm()) > CLIP


def test_a_picture_moves_the_sum_by_at_most_the_clip() -> None:
    model = build_model(SPECS[0], 1)
    steps = _steps(model)
    with_it, without = _summed(model, steps, [0, 1, 2]), _summed(model, steps, [0, 1])
    assert 0.0 < float((with_it - without).norm()) <= CLIP * 1.0001


def test_a_step_that_uses_no_picture_adds_noise_all_the_same() -> None:
    model = build_model(SPECS[0], 1)
    steps = _steps(model)
    assert not _summed(model, steps, []).any()
    steps._add_noise()
    noise = torch.cat([each.grad.reshape(-1) for each in model.parameters()]) * CONFIG.batch  # type: ignore[union-attr]
    assert float(noise.std()) == pytest.approx(TERMS.noise * TERMS.clip, rel=0.05)


def test_results_of_a_private_training_tell_nothing_but_the_number_of_pictures(tiny: ModelSpec, cells: Dataset) -> None:
    start = to_vector(build_model(tiny, 1))
    results = [train_local(tiny, start, cells, CONFIG, CONTEXT) for _ in range(2)]
    assert {(each.correct, each.loss) for each in results} == {(0, 0.0)}
    assert (results[0].vector != results[1].vector).mean() > 0.9


class Killed(BaseException):
    """Stands for the end of the process."""


def _killed(after: int) -> Callable[[object], None]:
    seen = []

    def stop(progress: object) -> None:
        seen.append(progress)
        if len(seen) == after:
            raise Killed

    return stop


def test_two_private_trainings_at_the_same_time_do_not_disturb_each_other(tiny: ModelSpec, cells: Dataset) -> None:
    """The hospitals of a demo are threads; here one trains between the epochs of another."""
    start, config = to_vector(build_model(tiny, 1)), replace(CONFIG, epochs=2)
    inner = []

    def other(_progress: object) -> None:
        inner.append(train_local(tiny, start, cells, config, replace(CONTEXT, hospital="south")))

    outer = train_local(tiny, start, cells, config, replace(CONTEXT, progress=other))
    assert [each.samples for each in inner] == [outer.samples] * 2


def test_a_private_training_killed_at_its_end_gives_the_same_weights_again(
    tiny: ModelSpec, cells: Dataset, tmp_path: Path
) -> None:
    """So a round has one release, even if the hospital died before it used the result."""
    start, config = to_vector(build_model(tiny, 1)), replace(CONFIG, epochs=2)
    context = replace(CONTEXT, checkpoint=tmp_path / "checkpoint")
    with pytest.raises(Killed):
        train_local(tiny, start, cells, config, replace(context, progress=_killed(2)))
    once, again = (train_local(tiny, start, cells, config, context).vector for _ in range(2))
    assert np.array_equal(once, again)
