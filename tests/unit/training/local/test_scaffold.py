"""SCAFFOLD's local steps and variates, against the paper's formulas."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.protocol.errors import ControlLost
from fl.training.aggregation.choice import SCAFFOLD, Aggregation
from fl.training.aggregation.quantise import Vector
from fl.training.data.dataset import TRAIN, Dataset
from fl.training.local.checkpoint import Progress
from fl.training.local.config import LocalConfig
from fl.training.local.control_store import ControlStore
from fl.training.local.scaffold import Method, Start, control_change, train_controlled
from fl.training.local.train import TrainContext, train_local
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector

LOCAL = LocalConfig(epochs=2, batch=8, lr=0.03, lr_final=0.03, horizon=4, augment=0.0)
CONTEXT = TrainContext(seed=1, round=1, hospital="north", device="cpu")
CHOICE = Aggregation(SCAFFOLD, control_clip=1e3, control_bound=1e6)


@pytest.fixture(scope="module")
def start(tiny: ModelSpec) -> Vector:
    return to_vector(build_model(tiny, 1))


def test_a_correction_moves_one_plain_step_by_exactly_the_rate_times_itself(
    tiny: ModelSpec, start: Vector, cells: Dataset
) -> None:
    one = replace(LOCAL, epochs=1, batch=4096)
    none, some = np.zeros_like(start), np.full_like(start, 0.25)
    still = train_local(tiny, start, cells, one, replace(CONTEXT, correction=none)).vector
    moved = train_local(tiny, start, cells, one, replace(CONTEXT, correction=some)).vector
    assert np.abs((still - moved) - 0.03 * 0.25).max() < 1e-6


def test_after_one_round_from_zero_the_variate_is_the_mean_gradient(
    tiny: ModelSpec, start: Vector, cells: Dataset, tmp_path: Path
) -> None:
    begin = Start(start, np.zeros_like(start), b"\x01")
    learned = train_controlled(Method(tiny, LOCAL, CHOICE), cells, begin, CONTEXT, ControlStore(tmp_path))
    steps = 2 * -(-len(cells.part(TRAIN)) // 8)
    kept = ControlStore(tmp_path).variate(b"\x01", start.size)
    assert (kept == learned.change).all()
    assert np.abs(kept - (start - learned.vector) / (steps * 0.03)).max() < 1e-5


def test_the_mean_of_two_hospitals_with_settled_variates_starts_along_the_common_gradient(
    tiny: ModelSpec, start: Vector, cells: Dataset
) -> None:
    """With c_i the own gradient and c the mean one, a hospital's first step is that of all images together."""
    one = replace(LOCAL, epochs=1, batch=4096, class_balance=0.0, clip_norm=0.0, weight_decay=0.0)
    train = cells.part(TRAIN)
    halves = [train.take(np.arange(place, len(train), 2)) for place in (0, 1)]
    none = np.zeros_like(start)
    moved = [train_local(tiny, start, half, one, replace(CONTEXT, correction=none)).vector for half in halves]
    own = [(start - each) / np.float32(0.03) for each in moved]
    common = (own[0] + own[1]) / 2
    corrected = [
        train_local(tiny, start, half, one, replace(CONTEXT, correction=common - each)).vector
        for half, each in zip(halves, own, strict=True)
    ]
    assert np.abs(corrected[0] - corrected[1]).max() < 1e-5
    assert np.abs(moved[0] - moved[1]).max() > 1e-4


def test_a_killed_training_with_a_correction_resumes_to_identical_bytes(
    tiny: ModelSpec, start: Vector, cells: Dataset, tmp_path: Path
) -> None:
    class Killed(BaseException):
        pass

    def stop(_progress: Progress) -> None:
        raise Killed

    where = replace(CONTEXT, correction=np.full_like(start, 0.01))
    whole = train_local(tiny, start, cells, LOCAL, where).vector
    path = tmp_path / "checkpoint"
    with pytest.raises(Killed):
        train_local(tiny, start, cells, LOCAL, replace(where, checkpoint=path, progress=stop))
    resumed = train_local(tiny, start, cells, LOCAL, replace(where, checkpoint=path)).vector
    assert resumed.tobytes() == whole.tobytes()
    other = replace(where, checkpoint=path, correction=np.full_like(start, 0.02))
    assert train_local(tiny, start, cells, LOCAL, other).vector.tobytes() != whole.tobytes()


def test_a_change_is_shortened_to_the_bounds_of_the_rule() -> None:
    before, after = np.zeros(100, np.float32), np.linspace(-1, 1, 100, dtype=np.float32)
    control = np.zeros(100, np.float32)
    free = control_change(before, after, control, 0.1, CHOICE)
    assert np.allclose(free, -10 * after)
    assert np.abs(control_change(before, after, control, 0.1, replace(CHOICE, control_clip=2.0))).max() <= 2.0
    assert np.linalg.norm(control_change(before, after, control, 0.1, replace(CHOICE, control_bound=3.0))) <= 3.0
    assert not control_change(before, after, control, 0.0, CHOICE).any()


def test_the_store_keeps_the_variate_that_counts_and_the_newest_one(tmp_path: Path) -> None:
    store = ControlStore(tmp_path / "control")
    one, two, three = (np.full(3, value, np.float32) for value in (1, 2, 3))
    assert not store.variate(None, 3).any()
    store.put(b"\x01", None, one)
    store.put(b"\x02", b"\x01", two)
    store.put(b"\x03", b"\x01", three)
    assert sorted(path.name for path in (tmp_path / "control").iterdir()) == ["01", "03"]
    assert (store.variate(b"\x01", 3) == one).all()
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "control").iterdir()} == {0o600}
    with pytest.raises(ControlLost, match="backup"):
        store.variate(b"\x02", 3)
    with pytest.raises(ControlLost):
        store.variate(b"\x01", 4)
    assert not ControlStore(tmp_path / "control", from_zero=True).variate(b"\x02", 3).any()
