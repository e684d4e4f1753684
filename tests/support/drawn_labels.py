"""Drawn pictures that may show several things at once: a red spot, a green bar, a blue ring."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fl.protocol.task import Domain, Task, TaskClass, TaskKind
from fl.training.data.dataset import Dataset
from fl.training.data.marks import strata

NAMES = ("spot", "bar", "ring")
TASK = Task(
    "drawn-things",
    "Things in a drawn picture",
    TaskKind.LABELS,
    (TaskClass("spot", "red spot", disease=True), TaskClass("bar", "green bar"), TaskClass("ring", "blue ring")),
    "a red spot",
    Domain.XRAY,
)


def draw_things(count: int, seed: int, size_px: int = 16) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Return pictures uint8 [count, S, S, 3] and marks bool [count, 3], each true in about a third of them."""
    generator = np.random.default_rng(seed)
    images = generator.integers(20, 60, (count, size_px, size_px, 3)).astype(np.uint8)
    marks = generator.random((count, 3)) < 0.35
    rows, columns = np.mgrid[:size_px, :size_px]
    for image, (spot, bar, ring) in zip(images, marks, strict=True):
        y, x = generator.integers(4, size_px - 4, 2)
        if spot:
            image[(rows - y) ** 2 + (columns - x) ** 2 < 6, 0] = 240
        if bar:
            image[int(generator.integers(1, size_px - 2)), :, 1] = 240
        if ring:
            image[abs(np.hypot(rows - size_px / 2, columns - size_px / 2) - size_px / 3) < 1, 2] = 240
    return images, marks


def things(count: int, seed: int, size_px: int = 16) -> Dataset:
    """Return a data set of `draw_things` with the task's codes; the last quarter is for testing."""
    images, marks = draw_things(count, seed, size_px)
    groups = np.array([f"picture-{row}" for row in range(count)])
    split = (np.arange(count) >= count - count // 4).astype(np.uint8)
    return Dataset(images, strata(marks), groups, split, TASK.codes, "drawn things", marks=marks)
