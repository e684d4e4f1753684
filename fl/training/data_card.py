"""A data card: what the hospitals of a consortium have together, as lanes of a round that keeps the model.

Invariant: integer arithmetic on the own training images only. No name, no path and no single picture enters a lane.

Source: PROTOCOL.md 5L; M. Pushkarna et al., Data Cards (2022).
"""

from __future__ import annotations

import numpy as np

from fl.protocol.task import Task
from fl.training.aggregation.lanes import SUBTRACT, Entries, Lane, LanePlan
from fl.training.aggregation.quantise import LIMIT
from fl.training.data.dataset import TRAIN, Dataset

DATA_CARD = "data-card"
SHADES = 16
"""Bins of the histogram of brightness, each 16 of 256 levels wide."""


def data_card_plan(task: Task) -> LanePlan:
    """Return the lanes for a task: `images` per class in the task's order, `persons`, `brightness`."""
    return LanePlan(
        DATA_CARD,
        (
            _counts("images", len(task.classes), "How many training images of each class the hospitals have together."),
            _counts("persons", 1, "From how many persons these images come, as far as the hospitals can tell."),
            _counts("brightness", SHADES, "How many of these images have each mean brightness, from black to white."),
        ),
    )


def count_data_card(dataset: Dataset, task: Task) -> dict[str, Entries]:
    """Return a hospital's entries: lane's name -> int64 [length].

    Raises:
        DatasetUnusable: there are no training images.
    """
    own = dataset.part(TRAIN)
    codes = [own.class_names.index(code) for code in task.codes]
    persons = np.array([len(np.unique(own.groups))], np.int64)
    return {"images": own.class_counts()[codes], "persons": persons, "brightness": _brightness(own)}


def _brightness(own: Dataset) -> Entries:
    """Return int64 [SHADES]: how many images have a mean over pixels and colours in each bin."""
    values = int(np.prod(own.images.shape[1:]))
    sums = np.array([int(image.sum(dtype=np.uint64)) for image in own.images], np.int64)
    return np.bincount(sums * SHADES // (256 * values), minlength=SHADES).astype(np.int64)


def _counts(name: str, length: int, reveals: str) -> Lane:
    return Lane(name, length, 0, LIMIT, f"{reveals} {SUBTRACT}")
