"""Loads data of any accepted kind.

Invariant: the result has at least two classes in train (unless the caller allows one), and no subject group in both
train and test. Its `listing` names every file.

Source: folders.py, arrays.py.
Not here: a hospital's own stored part (dataset.load_dataset); drawn cells (synthetic.py).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fl.protocol.errors import DatasetUnusable
from fl.training.data.arrays import load_npz
from fl.training.data.dataset import Dataset
from fl.training.data.folders import check_folder, check_listing, load_folder
from fl.training.data.listing import Listing, shown
from fl.training.data.reading import STRICT, SourceReading

__all__ = ["STRICT", "SourceReading", "check_source", "check_usable", "load_source"]


def load_source(path: Path, size_px: int = 128, seed: int = 0, reading: SourceReading = STRICT) -> Dataset:
    """Read a folder of images, or an .npz in the C-NMC or the MedMNIST form.

    Args:
        path: Folder or file.
        size_px: Side of images from a folder; arrays keep their size (`Dataset.fitted` changes it).
        seed: For the choice of a test part if the source has none.
        reading: What the user allows or states about the source.

    Raises:
        DatasetUnusable: there is no data, or it cannot be used for training.
        ImageUnreadable: an image of a folder is damaged.
    """
    if path.is_dir():
        return load_folder(path, size_px, seed, reading)
    return load_npz(_archive(path), reading)


def check_source(path: Path, reading: SourceReading = STRICT) -> Listing:
    """Return the list of a source's files, with look-alikes, even if it cannot be used for training.

    Raises:
        DatasetUnusable: there is no data, or the .npz cannot be used.
    """
    reading = replace(reading, look_alikes=True)
    if path.is_dir():
        return check_folder(path, reading)
    listing = load_npz(_archive(path), reading).listing
    if listing is None:
        raise RuntimeError("load_npz returned no listing")
    return listing


def check_usable(listing: Listing, reading: SourceReading = STRICT) -> None:
    """Raise the error of `load_source` for a folder with this list, if any.

    Raises:
        DatasetUnusable: the list contains a refusal.
        ImageUnreadable: files are damaged, and the user did not allow skipping them.
    """
    check_listing(listing, skip_damaged=reading.skip_damaged)


def _archive(path: Path) -> Path:
    if path.is_file() and path.suffix.lower() == ".npz":
        return path
    raise DatasetUnusable(shown(path.name), "it is neither a folder of images nor an .npz file")
