from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl.protocol.errors import DatasetUnusable, StorageFull
from fl.training.data.arrays import load_npz
from fl.training.data.dataset import TEST, TRAIN, Dataset, check_trainable, is_stored, load_dataset, save_dataset
from fl.training.data.reading import SourceReading


def test_a_data_set_survives_its_file(cells: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "hospital.npz"
    save_dataset(cells, path)
    back = load_dataset(path)
    for name in ("images", "labels", "groups", "split"):
        assert (getattr(back, name) == getattr(cells, name)).all()
        assert getattr(back, name).dtype == getattr(cells, name).dtype
    assert back.class_names == cells.class_names
    assert [file.name for file in path.parent.iterdir()] == ["hospital.npz"]


def test_a_part_of_a_part_in_a_file_still_says_that_it_was_drawn(cells: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    for drawn in (False, True):
        save_dataset(replace(cells, drawn=drawn).part(TRAIN).take(np.arange(8)), path)
        assert is_stored(path)
        assert load_dataset(path).drawn is drawn
        assert load_npz(path, SourceReading(one_class=True)).drawn is drawn


def test_an_unwritable_place_leaves_nothing(cells: Dataset, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    with pytest.raises(StorageFull):
        save_dataset(cells, tmp_path / "taken" / "hospital.npz")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"images": np.zeros((24, 8, 9, 3), np.uint8)}, "images"),
        ({"images": np.zeros((24, 8, 8, 3), np.float32)}, "images"),
        ({"images": np.zeros((0, 8, 8, 3), np.uint8)}, "no images"),
        ({"labels": np.zeros(23, np.int64)}, "labels"),
        ({"labels": np.full(24, 2, np.int64)}, "label is not"),
        ({"labels": np.full(24, -1, np.int64)}, "label is not"),
        ({"groups": np.zeros(24, np.int64)}, "groups"),
        ({"split": np.full(24, 2, np.uint8)}, "split"),
        ({"groups": np.full(24, "same person")}, "in train and in test"),
    ],
)
def test_an_inconsistent_data_set_cannot_exist(cells: Dataset, change: dict[str, Any], why: str) -> None:
    with pytest.raises(DatasetUnusable, match=why):
        replace(cells, **change)


def test_one_class_alone_is_not_trainable(cells: Dataset) -> None:
    with pytest.raises(DatasetUnusable, match="one class"):
        check_trainable(cells.take(cells.labels == 1))
    assert check_trainable(cells) is cells


def test_parts_are_by_split_and_an_empty_one_is_said(cells: Dataset) -> None:
    train = cells.part(TRAIN)
    assert len(train) + len(cells.part(TEST)) == len(cells)
    assert not train.has(TEST)
    with pytest.raises(DatasetUnusable, match="no test images"):
        train.part(TEST)


def test_damaged_and_foreign_files_are_refused(cells: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    save_dataset(cells, path)
    whole = path.read_bytes()
    for data in (b"", b"PK\x03\x04", whole[:-30], whole[: len(whole) // 2]):
        path.write_bytes(data)
        with pytest.raises(DatasetUnusable):
            load_dataset(path)
    np.savez(path, images=cells.images)
    with pytest.raises(DatasetUnusable, match="it holds"):
        load_dataset(path)
    with pytest.raises(DatasetUnusable):
        load_dataset(tmp_path / "missing.npz")
    with path.open("wb") as file:
        np.save(file, cells.labels)
    with pytest.raises(DatasetUnusable, match="single array"):
        load_dataset(path)


def test_pickled_objects_are_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    names = ("images", "labels", "groups", "split", "class_names")
    arrays: dict[str, Any] = {name: np.array([object()], dtype=object) for name in names}
    np.savez(path, **arrays)
    with pytest.raises(DatasetUnusable):
        load_dataset(path)


def test_arrays_of_other_types_are_not_converted(cells: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(
        path,
        images=cells.images,
        labels=cells.labels.astype(np.float64),
        groups=cells.groups,
        split=cells.split,
        class_names=np.array(cells.class_names),
    )
    with pytest.raises(DatasetUnusable, match="float64"):
        load_dataset(path)
