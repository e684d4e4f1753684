from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.dataset import TEST, Dataset, load_dataset, save_dataset
from fl.training.data.load import load_source
from fl.training.data.partition import divide
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.evaluation.metrics import Metrics
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.local.config import LocalConfig
from fl.training.local.train import TrainContext, train_local
from fl.training.model.device import use_threads
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.model.weights import Vector
from fl.training.presets import DEFAULT_LOCAL, DEFAULT_SPEC

ROOT = Path(__file__).parents[3]


def _federate(
    spec: ModelSpec, config: LocalConfig, hospitals: list[Dataset], rounds: int, together: bool = True
) -> Vector:
    """Run FedAvg, the hospitals as threads at the same time or one after another."""
    use_threads(1)
    vector = to_vector(build_model(spec, 1))
    with ThreadPoolExecutor(len(hospitals) if together else 1) as pool:
        for number in range(1, rounds + 1):
            contexts = [TrainContext(1, number, f"h{index}", "cpu") for index in range(len(hospitals))]
            jobs = [
                pool.submit(train_local, spec, vector, hospital, config, context)
                for hospital, context in zip(hospitals, contexts, strict=True)
            ]
            results = [job.result() for job in jobs]
            total = sum(result.samples for result in results)
            mean = np.sum([result.vector.astype(np.float64) * (result.samples / total) for result in results], axis=0)
            vector = mean.astype(np.float32)
    return vector


def _measure(spec: ModelSpec, vector: Vector, dataset: Dataset) -> Metrics:
    return evaluate(Predictor(spec, vector), dataset.part(TEST), LEUKEMIA)


def test_three_hospitals_learn_together_from_their_own_files(tmp_path: Path) -> None:
    whole = draw_dataset(SyntheticPlan(subjects=16, cells=8, size_px=48), seed=1)
    paths = [tmp_path / f"hospital-{index}.npz" for index in range(3)]
    for part, path in zip(divide(whole, 3, seed=1), paths, strict=True):
        save_dataset(part, path)
    hospitals = [load_dataset(path) for path in paths]
    spec, config = ModelSpec(size_px=48, width=16), LocalConfig(epochs=2, batch=8, lr=2e-3, horizon=3)
    vector = _federate(spec, config, hospitals, rounds=3)
    metrics = _measure(spec, vector, whole)
    assert metrics.auroc is not None
    assert metrics.auroc > 0.85
    assert (vector == _federate(spec, config, hospitals, rounds=3, together=False)).all()


@pytest.mark.slow
def test_three_hospitals_over_the_real_cells_beat_chance_by_far_within_one_round() -> None:
    path = Path(os.environ.get("HEMALEDGER_DATA", ROOT.parent / "shared" / "data")) / "leukemia_cnmc_128.npz"
    if not path.is_file():
        pytest.skip(f"no real data at {path} (set HEMALEDGER_DATA)")
    whole = load_source(path)
    spec, config = replace(DEFAULT_SPEC, views=1), replace(DEFAULT_LOCAL, epochs=1, horizon=1)
    vector = _federate(spec, config, divide(whole, 3, seed=1), rounds=1)
    metrics = _measure(spec, vector, whole)
    assert metrics.auroc is not None
    assert metrics.auroc > 0.8
