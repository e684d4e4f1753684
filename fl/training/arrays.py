"""Data sets that come as one .npz of arrays: the C-NMC form and the MedMNIST form.

Invariant: what a file says about train and test is kept; where it says nothing, the split is subject-disjoint.

Source: the data's README; J. Yang et al., "MedMNIST v2", 2023 (names and shapes of the arrays).
Not here: folders of image files (folders.py); a hospital's own stored data (dataset.load_dataset).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable
from fl.training.dataset import TEST, TRAIN, Dataset, check_trainable, read_npz
from fl.training.divide import split_holdout

Arrays = Mapping[str, npt.NDArray[np.generic]]

CNMC_CLASSES = ("healthy", "leukemia")
_MEDMNIST = ("train_images", "train_labels", "test_images", "test_labels")
_GREY_DIMENSIONS = 3


def load_npz(path: Path, class_names: tuple[str, ...] | None = None) -> Dataset:
    """Read an .npz of either form; other arrays in it are ignored.

    The C-NMC form: `images` uint8 [n, S, S, 3] or [n, S, S], `labels` [n], optionally `groups` (or `subjects`) and
    `split`. The MedMNIST form: `train_`, `val_` and `test_` `images` and `labels`; validation images count as train.

    Args:
        path: The file.
        class_names: One name per label; by default healthy/leukemia for the first form with subjects, numbers else.

    Raises:
        DatasetUnusable: neither form, wrong shapes or types, or one class only.
    """
    arrays = read_npz(path)
    if set(_MEDMNIST) <= set(arrays):
        dataset = _medmnist(arrays, path.name, class_names)
    elif {"images", "labels"} <= set(arrays):
        dataset = _cnmc(arrays, path.name, class_names)
    else:
        raise DatasetUnusable(path.name, f"it holds {sorted(arrays)}; images and labels are needed")
    return check_trainable(dataset)


def _cnmc(arrays: Arrays, source: str, class_names: tuple[str, ...] | None) -> Dataset:
    images = _rgb(arrays["images"], source)
    labels = _labels(arrays["labels"], source)
    groups = arrays.get("groups", arrays.get("subjects"))
    if groups is None:
        groups = np.array([f"image-{row}" for row in range(len(images))])
    elif class_names is None and labels.max() == 1:
        class_names = CNMC_CLASSES
    names = class_names or _numbered(labels)
    split = arrays.get("split")
    part = np.zeros(len(images), np.uint8) if split is None else _whole_numbers(split, "split", source).astype(np.uint8)
    dataset = Dataset(images, labels, groups.astype(np.str_), part, names, source)
    return split_holdout(dataset) if split is None else dataset


def _medmnist(arrays: Arrays, source: str, class_names: tuple[str, ...] | None) -> Dataset:
    images, labels, groups, split = [], [], [], []
    for part, side in (("train", TRAIN), ("val", TRAIN), ("test", TEST)):
        if f"{part}_images" not in arrays:
            continue
        pictures = _rgb(arrays[f"{part}_images"], source)
        images.append(pictures)
        labels.append(_labels(arrays.get(f"{part}_labels", np.zeros(0)), source))
        groups.append(np.array([f"{part}-{row}" for row in range(len(pictures))]))
        split.append(np.full(len(pictures), side, np.uint8))
        if len({array.shape[1:] for array in images}) > 1:
            raise DatasetUnusable(source, "its parts have images of different sizes")
    joined = np.concatenate(labels)
    names = class_names or _numbered(joined)
    return Dataset(np.concatenate(images), joined, np.concatenate(groups), np.concatenate(split), names, source)


def _rgb(images: npt.NDArray[np.generic], source: str) -> npt.NDArray[np.uint8]:
    """Return uint8 [n, S, S, 3]; grey images [n, S, S] or [n, S, S, 1] are repeated over the channels."""
    if images.dtype != np.uint8 or images.ndim not in {3, 4}:
        raise DatasetUnusable(source, f"its images are {images.dtype} {list(images.shape)}, not uint8 [n, S, S, 3]")
    pixels = images.astype(np.uint8, copy=False)
    if pixels.ndim == _GREY_DIMENSIONS:
        pixels = pixels[..., np.newaxis]
    return np.repeat(pixels, 3, axis=3) if pixels.shape[3] == 1 else pixels


def _labels(labels: npt.NDArray[np.generic], source: str) -> npt.NDArray[np.int64]:
    """Return labels [n] or [n, 1] as int64 [n]."""
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels  # noqa: PLR2004  # [n, 1]
    return _whole_numbers(flat, "labels", source)


def _whole_numbers(values: npt.NDArray[np.generic], what: str, source: str) -> npt.NDArray[np.int64]:
    if values.ndim != 1 or not np.issubdtype(values.dtype, np.integer) or not values.size:
        raise DatasetUnusable(source, f"its {what} are {values.dtype} {list(values.shape)}, not whole numbers [n]")
    return values.astype(np.int64)


def _numbered(labels: npt.NDArray[np.int64]) -> tuple[str, ...]:
    return tuple(f"class {index}" for index in range(int(labels.max()) + 1))
