"""What the training tests share: the real data where it is, and small things to train on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fl.training.data.dataset import Dataset
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.model.device import use_threads
from fl.training.model.spec import ModelSpec

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of real data, or skip."""
    folder = Path(os.environ.get("HEMALEDGER_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "leukemia_cnmc_128.npz").is_file():
        pytest.skip(f"no real data: {folder} holds no leukemia_cnmc_128.npz (set HEMALEDGER_DATA)")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    use_threads(1)


@pytest.fixture(scope="session")
def cells() -> Dataset:
    return draw_dataset(SyntheticPlan(subjects=6, cells=4, size_px=32), seed=5)


@pytest.fixture(scope="session")
def tiny() -> ModelSpec:
    return ModelSpec(size_px=32, width=8)
