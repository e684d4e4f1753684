from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl.protocol.errors import DatasetUnusable
from fl.protocol.task_catalogue import PNEUMONIA
from fl.training.data.dataset import TEST, TRAIN, load_dataset, save_dataset
from fl.training.data.folders import check_folder, load_folder
from fl.training.data.labels import LabelMap
from fl.training.data.load import load_source
from fl.training.data.marks import joined, read_joined, strata
from fl.training.data.partition import divide
from tests.support.drawn_labels import NAMES, TASK, draw_things, things
from tests.support.folders_of_cells import cell, put

OWN = {name: name for name in NAMES}


def chest(path: Path, names: bool = True, columns: int = 3) -> Path:
    """Write a file in the form of ChestMNIST: grey pictures, and labels [n, k] of 0 and 1."""
    arrays: dict[str, Any] = {}
    for part, count in (("train", 30), ("val", 6), ("test", 12)):
        images, marks = draw_things(count, count)
        arrays |= {f"{part}_images": images.max(axis=3), f"{part}_labels": marks[:, :columns].astype(np.uint8)}
    if names:
        arrays["class_names"] = np.array(NAMES[:columns])
    np.savez(path, **arrays)
    return path


def table(root: Path, head: str, rows: list[str], pictures: int) -> Path:
    for index in range(pictures):
        put(root / "pictures" / f"{index}.png", cell(index % 2, index))
    (root / "labels.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return root


def test_the_stratum_of_an_image_is_its_rarest_label_or_none_of_them() -> None:
    marks = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 0, 1], [1, 1, 0]], np.bool_)
    assert strata(marks).tolist() == [1, 0, 3, 2, 1]


def test_joined_texts_and_marks_say_the_same() -> None:
    names, marks = read_joined(["ring|spot", "", "bar", "spot|ring"])
    assert names == ("bar", "ring", "spot")
    assert [joined(names, row) for row in marks] == ["ring|spot", "", "bar", "ring|spot"]


def test_a_file_like_chestmnist_keeps_every_label_of_a_picture(tmp_path: Path) -> None:
    dataset = load_source(chest(tmp_path / "chest.npz"))
    assert dataset.class_names == NAMES
    assert dataset.marks is not None
    expected = np.concatenate([draw_things(count, count)[1] for count in (30, 6, 12)])
    assert (dataset.marks == expected).all()
    assert dataset.class_counts().tolist() == expected.sum(axis=0).tolist()
    assert dataset.listing is not None
    assert dataset.listing.pictures == 48
    assert "have several" in "\n".join(dataset.listing.lines())


def test_columns_without_names_are_called_by_their_numbers(tmp_path: Path) -> None:
    assert load_source(chest(tmp_path / "chest.npz", names=False)).class_names == ("0", "1", "2")


def test_rows_with_exactly_one_label_each_are_classes_and_are_refused_as_columns(tmp_path: Path) -> None:
    images, _ = draw_things(12, 1)
    np.savez(tmp_path / "hot.npz", images=images, labels=np.eye(3, dtype=np.uint8)[np.arange(12) % 3])
    with pytest.raises(DatasetUnusable, match=r"take labels\.argmax"):
        load_source(tmp_path / "hot.npz")


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        ("file,spot,bar,ring", ["{}.png,1,0,0", "{}.png,1,0,1", "{}.png,0,0,0", "{}.png,0,1,0"]),
        ("file,label", ["{}.png,spot", "{}.png,ring|spot", "{}.png,nothing", "{}.png,bar"]),
    ],
)
def test_a_table_names_several_labels_in_columns_or_in_one_text(tmp_path: Path, head: str, rows: list[str]) -> None:
    table(tmp_path, head, [row.format(index) for index, row in enumerate(rows * 3)], 12)
    labels = LabelMap(TASK, {**OWN, "nothing": "ignore"})
    dataset = labels.apply(load_folder(tmp_path, 16))
    assert dataset.class_names == TASK.codes
    assert dataset.marks is not None
    assert sorted(joined(TASK.codes, row) for row in dataset.marks) == sorted(["spot", "spot|ring", "", "bar"] * 3)
    assert check_folder(tmp_path).pictures == 12


def test_a_cell_that_is_neither_0_nor_1_makes_its_column_no_label(tmp_path: Path) -> None:
    table(tmp_path, "file,spot,bar,ring", [f"{index}.png,{index % 2},1,{-index % 3 - 1}" for index in range(6)], 6)
    assert load_folder(tmp_path, 16).class_names == ("bar", "spot")


def test_a_label_without_a_column_is_unknown_and_not_absent(tmp_path: Path) -> None:
    dataset = load_source(chest(tmp_path / "two.npz", columns=2))
    with pytest.raises(DatasetUnusable, match="no column of its labels says which images show ring"):
        LabelMap(TASK, OWN).apply(dataset)


def test_images_with_several_labels_are_not_trained_as_one_class(tmp_path: Path) -> None:
    dataset = load_source(chest(tmp_path / "chest.npz"))
    with pytest.raises(DatasetUnusable, match="pneumonia is a task of one class per image"):
        LabelMap(PNEUMONIA, dict.fromkeys(NAMES, "normal")).apply(dataset)


def test_two_names_with_one_meaning_are_one_label_and_an_ignored_one_is_none() -> None:
    data = replace(things(8, 1), class_names=("red", "Red spot", "ring"))
    assert data.marks is not None
    mapped = LabelMap(TASK, {"red": "spot", "Red spot": "spot", "ring": "ignore", "stripe": "bar"})
    with pytest.raises(DatasetUnusable, match="bar, ring"):
        mapped.apply(data)
    named = replace(data, listing=None)
    whole = LabelMap(TASK, {"red": "spot", "Red spot": "bar", "ring": "ring"}).apply(named)
    assert whole.marks is not None
    assert (whole.marks == data.marks).all()


def test_marks_survive_the_file_and_the_division_among_hospitals(tmp_path: Path) -> None:
    data = things(60, 2)
    save_dataset(data, tmp_path / "data.npz")
    again = load_dataset(tmp_path / "data.npz")
    assert again.marks is not None
    assert data.marks is not None
    assert (again.marks == data.marks).all()
    parts = divide(again.part(TRAIN), 3, 1)
    assert sum(int(part.class_counts().sum()) for part in parts) == int(data.part(TRAIN).class_counts().sum())
    assert all(part.class_counts().all() for part in parts)
    assert data.part(TEST).marks is not None


def test_labels_that_contradict_the_marks_are_refused() -> None:
    data = things(8, 3)
    with pytest.raises(DatasetUnusable, match="contradict"):
        replace(data, labels=np.full(8, 3, np.int64))
