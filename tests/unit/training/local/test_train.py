from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fl.protocol.errors import DatasetUnusable, EncodingError, NonFinite, SettingInvalid, StorageFull, WeightsMismatch
from fl.training.data.dataset import TEST, TRAIN, Dataset, load_dataset, save_dataset
from fl.training.local.checkpoint import Progress
from fl.training.local.config import LocalConfig
from fl.training.local.train import LocalResult, TrainContext, train_local
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.model.weights import Vector, vector_to_bytes

CONFIG = LocalConfig(epochs=3, batch=8, lr=3e-3, horizon=4)
CONTEXT = TrainContext(seed=1, round=1, hospital="north", device="cpu")


@pytest.fixture(scope="module")
def start(tiny: ModelSpec) -> Vector:
    return to_vector(build_model(tiny, 1))


class Killed(BaseException):
    """Stands for the end of the process."""


def test_training_lowers_the_loss_and_leaves_the_global_weights_alone(
    tiny: ModelSpec, start: Vector, cells: Dataset
) -> None:
    before, state = start.copy(), torch.get_rng_state()
    seen: list[Progress] = []
    result = train_local(tiny, start, cells, replace(CONFIG, epochs=6), replace(CONTEXT, progress=seen.append))
    assert (start == before).all()
    assert torch.equal(state, torch.get_rng_state())
    assert [progress.epoch for progress in seen] == [1, 2, 3, 4, 5, 6]
    assert seen[-1].loss < seen[0].loss
    assert (result.samples, result.loss, result.correct) == (len(cells.part(TRAIN)), seen[-1].loss, seen[-1].correct)
    assert result.vector.shape == start.shape
    assert (result.vector != start).mean() > 0.9


def test_the_same_arguments_give_the_same_bytes(tiny: ModelSpec, start: Vector, cells: Dataset) -> None:
    def run(context: TrainContext) -> bytes:
        return vector_to_bytes(train_local(tiny, start, cells, replace(CONFIG, epochs=1), context).vector)

    expected = run(CONTEXT)
    assert run(CONTEXT) == expected
    for other in (replace(CONTEXT, seed=2), replace(CONTEXT, round=2), replace(CONTEXT, hospital="south")):
        assert run(other) != expected


def _cut_after(epochs: int) -> TrainContext:
    def stop(progress: Progress) -> None:
        if progress.epoch == epochs:
            raise Killed

    return replace(CONTEXT, progress=stop)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_interrupted_training_resumes_to_identical_bytes(
    epochs: int, tiny: ModelSpec, start: Vector, cells: Dataset, tmp_path: Path
) -> None:
    whole = train_local(tiny, start, cells, CONFIG, CONTEXT)
    path = tmp_path / "checkpoint.safetensors"
    with pytest.raises(Killed):
        train_local(tiny, start, cells, CONFIG, replace(_cut_after(epochs), checkpoint=path))
    seen: list[Progress] = []
    resumed = train_local(tiny, start, cells, CONFIG, replace(CONTEXT, checkpoint=path, progress=seen.append))
    assert [progress.epoch for progress in seen] == list(range(epochs, 4))
    assert _facts(resumed) == _facts(whole)


def _facts(result: LocalResult) -> tuple[bytes, int, int, float]:
    return vector_to_bytes(result.vector), result.samples, result.correct, result.loss


_CHILD = """
import os, signal, sys
from pathlib import Path
from dataclasses import replace
from fl.training.model.device import use_threads
from fl.training.data.dataset import load_dataset
from fl.training.local.train import TrainContext, train_local
from fl.training.local.config import LocalConfig
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
use_threads(1)
folder, epoch = Path(sys.argv[1]), int(sys.argv[2])
def end(progress):
    if progress.epoch == epoch:
        os.kill(os.getpid(), signal.SIGKILL)
spec = ModelSpec(size_px=32, width=8)
context = TrainContext(1, 1, "north", "cpu", folder / "checkpoint", end)
result = train_local(spec, to_vector(build_model(spec, 1)), load_dataset(folder / "data.npz"),
                     LocalConfig(epochs=3, batch=8, lr=3e-3, horizon=4), context)
(folder / "result").write_bytes(result.vector.tobytes())
"""


def test_kill_9_and_another_process_give_identical_bytes(
    tiny: ModelSpec, start: Vector, cells: Dataset, tmp_path: Path
) -> None:
    save_dataset(cells, tmp_path / "data.npz")
    for epoch, code in ((2, -9), (99, 0)):
        command = [sys.executable, "-c", _CHILD, str(tmp_path), str(epoch)]
        assert subprocess.run(command, check=False, timeout=120).returncode == code
    expected = train_local(tiny, start, load_dataset(tmp_path / "data.npz"), CONFIG, CONTEXT)
    assert (tmp_path / "result").read_bytes() == vector_to_bytes(expected.vector)


def test_a_checkpoint_of_anything_else_or_a_damaged_one_is_as_good_as_none(
    tiny: ModelSpec, start: Vector, cells: Dataset, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint"
    config = replace(CONFIG, epochs=1)
    expected = _facts(train_local(tiny, start, cells, config, CONTEXT))
    context = replace(CONTEXT, checkpoint=path)
    train_local(tiny, start, cells, config, replace(context, round=2))
    assert _facts(train_local(tiny, start, cells, config, context)) == expected
    for damage in (b"", path.read_bytes()[:-9], b"\x80\x04."):
        path.write_bytes(damage)
        assert _facts(train_local(tiny, start, cells, config, context)) == expected


def test_what_cannot_be_trained_is_said(tiny: ModelSpec, start: Vector, cells: Dataset, tmp_path: Path) -> None:
    bad = start.copy()
    bad[0] = np.nan
    for vector, dataset, context, error in (
        (start[1:], cells, CONTEXT, WeightsMismatch),
        (bad, cells, CONTEXT, NonFinite),
        (start, cells.part(TEST), CONTEXT, DatasetUnusable),
        (start, replace(cells, class_names=("a", "b", "c")), CONTEXT, DatasetUnusable),
        (start, cells, replace(CONTEXT, device="abacus"), SettingInvalid),
        (start, cells, replace(CONTEXT, checkpoint=tmp_path), StorageFull),
    ):
        with pytest.raises(error):
            train_local(tiny, vector, dataset, replace(CONFIG, epochs=1), context)


def test_a_learning_rate_that_diverges_is_reported_not_sent(tiny: ModelSpec, start: Vector, cells: Dataset) -> None:
    config = replace(CONFIG, lr=10.0, lr_final=10.0, weight_decay=1.0, clip_norm=0.0, epochs=40, augment=0.0)
    with pytest.raises(NonFinite):
        train_local(tiny, start, cells, config, CONTEXT)


def test_a_hospital_with_one_class_only_can_take_part(tiny: ModelSpec, start: Vector, cells: Dataset) -> None:
    sick = cells.take(cells.labels == 1)
    assert np.isfinite(train_local(tiny, start, sick, replace(CONFIG, epochs=1, class_balance=1.0), CONTEXT).loss)


def test_the_learning_rate_follows_half_a_cosine_and_then_stays() -> None:
    config = LocalConfig(lr=1.0, lr_final=0.1, horizon=5)
    assert [config.lr_of_round(number) for number in (1, 3, 5, 9)] == pytest.approx([1.0, 0.55, 0.1, 0.1])
    assert LocalConfig(lr=1.0, horizon=1).lr_of_round(1) == 1.0


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"epochs": 0}, SettingInvalid),
        ({"lr": -1.0}, SettingInvalid),
        ({"lr": float("nan")}, SettingInvalid),
        ({"class_balance": 1.5}, SettingInvalid),
        ({"epochs": 1.5}, EncodingError),
        ({"lr": "0.1"}, EncodingError),
        ({"momentum": 0.9}, EncodingError),
    ],
)
def test_a_bad_configuration_is_refused(change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        LocalConfig.from_dict(LocalConfig().to_dict() | change)
    assert LocalConfig.from_dict(CONFIG.to_dict()) == CONFIG


def _moved(tiny: ModelSpec, start: Vector, cells: Dataset, mu: float) -> float:
    result = train_local(tiny, start, cells, replace(CONFIG, mu=mu), CONTEXT)
    return float(np.linalg.norm(result.vector.astype(np.float64) - start))


def test_fedprox_keeps_the_weights_nearer_to_the_global_ones_the_larger_mu_is(
    tiny: ModelSpec, start: Vector, cells: Dataset
) -> None:
    free, weak, strong = (_moved(tiny, start, cells, mu) for mu in (0.0, 1.0, 100.0))
    assert strong < weak < free


def test_without_fedprox_training_gives_the_bits_that_it_gave_before(
    tiny: ModelSpec, start: Vector, cells: Dataset
) -> None:
    old = LocalConfig.from_dict({name: value for name, value in CONFIG.to_dict().items() if name != "mu"})
    assert old == CONFIG
    vectors = [train_local(tiny, start, cells, config, CONTEXT).vector for config in (old, replace(CONFIG, mu=0.0))]
    assert vectors[0].tobytes() == vectors[1].tobytes()


def test_the_first_step_of_fedprox_is_that_of_plain_training(tiny: ModelSpec, start: Vector, cells: Dataset) -> None:
    """At the global weights the added gradient is 0."""
    once = replace(CONFIG, epochs=1, batch=4096)
    vectors = [train_local(tiny, start, cells, replace(once, mu=mu), CONTEXT).vector for mu in (0.0, 10.0)]
    assert vectors[0].tobytes() == vectors[1].tobytes()


def test_a_killed_fedprox_training_goes_on_from_the_same_global_weights(
    tiny: ModelSpec, start: Vector, cells: Dataset, tmp_path: Path
) -> None:
    config = replace(CONFIG, mu=5.0)
    whole = train_local(tiny, start, cells, config, CONTEXT)
    place = tmp_path / "checkpoint"
    with pytest.raises(Killed):
        train_local(tiny, start, cells, config, replace(_cut_after(1), checkpoint=place))
    resumed = train_local(tiny, start, cells, config, replace(CONTEXT, checkpoint=place))
    assert resumed.vector.tobytes() == whole.vector.tobytes()
