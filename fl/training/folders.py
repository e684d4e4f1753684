"""Data sets that come as folders of image files.

Invariant: no file is skipped silently: a picture that cannot be read, or a name that does not say what is needed,
stops the loading with that file's name.

Source: the data's README (names of C-NMC files).
Not here: decoding (images.py); arrays (arrays.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fl.protocol.errors import DatasetUnusable, ImageUnreadable
from fl.training.arrays import CNMC_CLASSES
from fl.training.dataset import Dataset, check_trainable
from fl.training.divide import split_holdout
from fl.training.field import fit_cell
from fl.training.images import MAX_BYTES, SUFFIXES, decode_image

CNMC_NAME = re.compile(r"UID_(H?)(\d+)_(\d+)_(\d+)_(all|hem)\.\w+", re.IGNORECASE)
"""Healthy mark, subject, microscope field, cell, class."""
CNMC_LINKED = {"A75": "A51", "A78": "A51", "A21": "A20", "H03": "H10", "H04": "H02", "H05": "H02", "H06": "H02"}
"""Subjects that the official data cannot tell apart (the data's README), by the first one of each."""
HEALTHY_NAMES = frozenset({"hem", "healthy", "normal", "negative", "benign", "control"})
MAX_IMAGES = 200_000


@dataclass(frozen=True)
class _Item:
    """One file with what its place and name say."""

    path: Path
    class_name: str
    group: str


def parse_cnmc_name(name: str) -> tuple[str, int] | None:
    """Return subject group and label (1 = leukemia) of a C-NMC file name, or None for any other name.

    The subject is written as in the prepared arrays: A or H and at least two digits; linked subjects share a group.
    """
    match = CNMC_NAME.fullmatch(name)
    if match is None:
        return None
    label = int(match[5].lower() == "all")
    if bool(match[1]) == bool(label):
        return None  # a healthy person's mark on a leukemic cell, or the reverse
    subject = f"{'A' if label else 'H'}{int(match[2]):02d}"
    return CNMC_LINKED.get(subject, subject), label


def load_folder(folder: Path, size_px: int, seed: int = 0) -> Dataset:
    """Read a folder of images: one subfolder per class, or C-NMC file names in any arrangement.

    Below a class folder a further folder is a subject (`leukemia/patient-7/cell-3.png`); without one every image is
    its own subject. Two classes are ordered so that a healthy-sounding one is class 0, else by name. A test part of
    about a fifth is held out by subject group.

    Args:
        folder: The folder; hidden files and files that are no images by their suffix are left alone.
        size_px: Side of the resulting images.
        seed: For the choice of the test part.

    Raises:
        DatasetUnusable: no such folder, no images, one class only, or a file outside any class.
        ImageUnreadable: an image is damaged.
    """
    files = _files(folder)
    items = [_cnmc_item(path) for path in files]
    if all(item is not None for item in items):
        found = [item for item in items if item is not None]
        names: tuple[str, ...] = CNMC_CLASSES
    else:
        found = [_class_item(path, folder) for path in files]
        names = _ordered({item.class_name for item in found})
    if len({item.class_name for item in found}) == 1:
        raise DatasetUnusable(folder.name, f"all images are of one class ({found[0].class_name})")
    images = np.stack([fit_cell(decode_image(_read(item.path), item.path.name), size_px) for item in found])
    labels = np.array([names.index(item.class_name) for item in found], np.int64)
    groups = np.array([item.group for item in found])
    dataset = Dataset(images, labels, groups, np.zeros(len(found), np.uint8), names, folder.name)
    return check_trainable(split_holdout(dataset, seed=seed))


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DatasetUnusable(folder.name, "there is no such folder")
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not files:
        raise DatasetUnusable(folder.name, "the folder holds no PNG, JPEG, BMP or TIFF images")
    if len(files) > MAX_IMAGES:
        raise DatasetUnusable(folder.name, f"it holds {len(files)} images; at most {MAX_IMAGES} are accepted")
    return files


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ImageUnreadable(path.name, f"it has more than {MAX_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ImageUnreadable(path.name, error.strerror or str(error)) from error


def _cnmc_item(path: Path) -> _Item | None:
    parsed = parse_cnmc_name(path.name)
    return parsed and _Item(path, CNMC_CLASSES[parsed[1]], parsed[0])


def _class_item(path: Path, folder: Path) -> _Item:
    parts = path.relative_to(folder).parts
    if len(parts) == 1:
        raise DatasetUnusable(folder.name, f"{path.name} lies in no class folder, and its name does not tell its class")
    return _Item(path, parts[0], "/".join(parts[1:-1]) if parts[2:] else "/".join(parts))


def _ordered(names: set[str]) -> tuple[str, ...]:
    """Return class names by alphabet, a healthy-sounding one first."""
    return tuple(sorted(names, key=lambda name: (name.lower() not in HEALTHY_NAMES, name.lower(), name)))
