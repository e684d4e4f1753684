"""The default images of a benchmark: real ones if they are there, else none."""

from __future__ import annotations

import os
from pathlib import Path

from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.dataset import Dataset
from fl.training.data.labels import LabelMap, propose

CNMC = "leukemia_cnmc_128.npz"


def images_at_hand() -> Path | None:
    """Return C-NMC in the folder HEMALEDGER_DATA (default ../shared/data), or None."""
    source = Path(os.environ.get("HEMALEDGER_DATA", "../shared/data")) / CNMC
    return source if source.is_file() else None


def labelled(dataset: Dataset) -> Dataset:
    """Return a data set with the classes of the task that benchmarks train."""
    return LabelMap(LEUKEMIA, propose(dataset.class_names, LEUKEMIA)).apply(dataset)
