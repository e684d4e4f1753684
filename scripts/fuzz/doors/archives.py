"""Data sets in .npz files, as `hospital init` and `data divide` read them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fl.training.data.dataset import load_dataset, save_dataset
from fl.training.data.load import load_source
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from scripts.fuzz._door import Door, refuses_well

SIDE_PX = 16


def open_door(folder: Path) -> Door:
    """Return the door; the seeds are the three forms of archive that are read."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "input.npz"
    drawn = draw_dataset(SyntheticPlan(subjects=4, cells=2, size_px=SIDE_PX), 0)
    save_dataset(drawn, place)
    images, labels = drawn.images, drawn.labels.astype(np.uint8)
    column = labels[:, None]
    parts = {"train_images": images, "train_labels": column, "test_images": images, "test_labels": column}
    seeds = [
        place.read_bytes(),
        _archive(images=images, labels=labels, subjects=drawn.groups),
        _archive(**parts),
        _archive(images=images, labels=np.array(["HEM", "ALL"])[drawn.labels]),
    ]

    def knock(data: bytes) -> None:
        place.write_bytes(data)
        refuses_well(lambda: load_source(place, SIDE_PX))
        refuses_well(lambda: load_dataset(place))

    return Door(knock, seeds)


def _archive(**arrays: npt.NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # numpy's stubs take allow_pickle for one of them
    return buffer.getvalue()
