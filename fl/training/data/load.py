"""One door for data of any accepted kind.

Invariant: what comes out has two classes or more in train, unless one was asked for, and no subject group in train and
in test. Its `listing` says what became of every file.

Source: folders.py, arrays.py.
Not here: a hospital's own stored part (dataset.load_dataset); drawn cells (synthetic.py).
"""

from __future__ import annotations

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
        size_px: Side to which images of a folder are fitted; arrays keep theirs (`Dataset.fitted` changes it).
        seed: For the choice of a test part where the source has none.
        reading: What a person allows or says about the source.

    Raises:
        DatasetUnusable: there is nothing there, or nothing that can be trained on.
        ImageUnreadable: an image of a folder is damaged.
    """
    if path.is_dir():
        return load_folder(path, size_px, seed, reading)
    return load_npz(_archive(path), reading)


def check_source(path: Path, reading: SourceReading = STRICT) -> Listing:
    """Return what became of every file of a source, also of one that cannot be trained on.

    Raises:
        DatasetUnusable: there is nothing there, or an .npz that cannot be used.
    """
    if path.is_dir():
        return check_folder(path, reading)
    listing = load_npz(_archive(path), reading).listing
    if listing is None:
        raise RuntimeError("a source was read without its list")
    return listing


def check_usable(listing: Listing, reading: SourceReading = STRICT) -> None:
    """Raise what `load_source` would raise for a folder with this list.

    Raises:
        DatasetUnusable: a refusal is in the list.
        ImageUnreadable: files are damaged, and nobody said to go on without them.
    """
    check_listing(listing, skip_damaged=reading.skip_damaged)


def _archive(path: Path) -> Path:
    if path.is_file() and path.suffix.lower() == ".npz":
        return path
    raise DatasetUnusable(shown(path.name), "it is neither a folder of images nor an .npz file")
