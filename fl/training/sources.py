"""One door for data of any accepted kind.

Invariant: what comes out is trainable: at least two classes in train, no subject group in train and in test.

Source: folders.py, arrays.py.
Not here: a hospital's own stored part (dataset.load_dataset); drawn cells (synthetic.py).
"""

from __future__ import annotations

from pathlib import Path

from fl.protocol.errors import DatasetUnusable
from fl.training.arrays import load_npz
from fl.training.dataset import Dataset
from fl.training.folders import load_folder


def load_source(path: Path, size_px: int = 128, seed: int = 0) -> Dataset:
    """Read a folder of images, or an .npz in the C-NMC or the MedMNIST form.

    Args:
        path: Folder or file.
        size_px: Side to which images of a folder are fitted; arrays keep theirs (`Dataset.fitted` changes it).
        seed: For the choice of a test part where the source has none.

    Raises:
        DatasetUnusable: there is nothing there, or nothing that can be trained on.
        ImageUnreadable: an image of a folder is damaged.
    """
    if path.is_dir():
        return load_folder(path, size_px, seed)
    if path.is_file() and path.suffix == ".npz":
        return load_npz(path)
    raise DatasetUnusable(path.name, "it is neither a folder of images nor an .npz file")
