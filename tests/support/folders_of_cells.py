"""Drawn cells in folders and archives, as people keep them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

Pixels = np.ndarray


def cell(kind: int, seed: int, size: int = 32) -> Pixels:
    """Return uint8 [S, S, 3] on black: kind 0 a small pale disc, kind 1 a large dark one."""
    rng = np.random.default_rng([seed, kind])
    y, x = np.mgrid[:size, :size]
    inside = (x - size / 2) ** 2 + (y - size / 2) ** 2 < (size * (0.38 if kind else 0.22)) ** 2
    image = np.zeros((size, size, 3), np.int64)
    image[inside] = (110, 40, 140) if kind else (200, 150, 190)
    image[inside] += rng.integers(-20, 21, (int(inside.sum()), 3))
    return image.clip(0, 255).astype(np.uint8)


def put(path: Path, pixels: Pixels) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def by_class(root: Path, kinds: Mapping[str, int], count: int = 5, start: int = 0) -> Path:
    """Write a folder per name (with the kind of its cells), every image a person of its own."""
    for order, (name, kind) in enumerate(kinds.items()):
        for index in range(start + 100 * order, start + 100 * order + count):
            put(root / name / f"p{index}.png", cell(kind, index))
    return root


def c_nmc(root: Path, folds: int = 2, persons: int = 5) -> Path:
    """Write the training folds of C-NMC: fold_0/all/UID_30_1_1_all.bmp."""
    for fold in range(folds):
        for kind, label in ((1, "all"), (0, "hem")):
            for index in range(fold * persons, (fold + 1) * persons):
                person = f"{'' if kind else 'H'}{30 + index}"
                put(root / f"fold_{fold}" / label / f"UID_{person}_1_1_{label}.bmp", cell(kind, index))
    return root


def c_nmc_test(folder: Path, count: int = 6) -> list[tuple[str, str, int]]:
    """Write numbered pictures as the test data of C-NMC; return the rows of its table."""
    rows = []
    for index in range(count):
        kind = index % 2
        put(folder / f"{index + 1}.bmp", cell(kind, 500 + index))
        rows.append(
            (f"UID_{'' if kind else 'H'}{60 + index}_1_1_{'all' if kind else 'hem'}.bmp", f"{index + 1}.bmp", kind)
        )
    return rows


def table(path: Path, rows: list[tuple[str, str, int]]) -> None:
    lines = "".join(f"{patient},{name},{label}\r\n" for patient, name, label in rows)
    path.write_text("Patient_ID,new_names,labels\r\n" + lines)
