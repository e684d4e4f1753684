from __future__ import annotations

from pathlib import Path

import pytest

from fl.protocol.errors import DatasetUnusable
from fl.protocol.task_catalogue import TASKS
from fl.training.data import tables
from fl.training.data.dataset import TEST
from fl.training.data.folders import check_folder, load_folder
from fl.training.data.labels import propose
from fl.training.data.listing import LeftOutReason
from tests.support.folders_of_cells import by_class, c_nmc, cell, put

HEAD = "file,label,subject,split\n"


def pictures(root: Path, count: int = 12) -> list[str]:
    """Write pictures of two kinds in one folder; return their names."""
    return [
        str(put(root / "pictures" / f"{index}.png", cell(index % 2, index)).relative_to(root)) for index in range(count)
    ]


def rows(names: list[str]) -> list[str]:
    """Return rows of three persons per class, each with two pictures; the last person is for testing."""
    return [
        f"{name},{'ALL' if index % 2 else 'hem'},p{index % 6},{'test' if index % 6 > 3 else 'train'}"
        for index, name in enumerate(names)
    ]


def table(root: Path, lines: list[str], head: str = HEAD, name: str = "labels.csv") -> None:
    (root / name).write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


def test_a_table_gives_class_person_and_part(tmp_path: Path) -> None:
    table(tmp_path, rows(pictures(tmp_path)))
    dataset = load_folder(tmp_path, 16)
    assert set(dataset.class_names) == {"ALL", "hem"}
    assert set(dataset.groups) == {f"p{index}" for index in range(6)}
    assert set(dataset.groups[dataset.split == TEST]) == {"p4", "p5"}
    for index, name in enumerate(dataset.class_names):
        cells = dataset.images[dataset.labels == index, 6:10, 6:10]
        assert (cells.mean() < 130) == (name == "ALL")  # the large cell is the dark one


@pytest.mark.parametrize(
    "head", ["File,Label,Subject,Split\n", "image,class,patient_id,set\n", "\ufeffpath,diagnosis,person,part\n"]
)
def test_columns_are_known_by_their_usual_names(tmp_path: Path, head: str) -> None:
    table(tmp_path, rows(pictures(tmp_path)), head)
    assert check_folder(tmp_path).persons == 6


def test_names_without_their_folder_and_with_backslashes_are_found(tmp_path: Path) -> None:
    names = pictures(tmp_path)
    mixed = [name.split("/")[1] if index % 2 else name.replace("/", "\\") for index, name in enumerate(names)]
    table(tmp_path, rows(mixed))
    assert check_folder(tmp_path).pictures == 12


def test_a_name_that_two_folders_have_is_never_given_one_row(tmp_path: Path) -> None:
    put(tmp_path / "other" / "0.png", cell(1, 77))
    names = [name.split("/")[1] for name in pictures(tmp_path)]
    table(tmp_path, rows(names))
    listing = check_folder(tmp_path)
    assert {item.name for item in listing.left_out if item.reason == LeftOutReason.NO_LABEL} == {
        "other/0.png",
        "pictures/0.png",
    }


def test_rows_and_pictures_without_each_other_are_counted(tmp_path: Path) -> None:
    names = pictures(tmp_path)
    lines = [*rows(names[:10]), rows(names)[0].replace("hem", "ALL"), "gone.png,ALL,p9,train", f"{names[10]},,p4,test"]
    table(tmp_path, lines)
    listing = check_folder(tmp_path)
    assert listing.pictures == 9
    assert [item.name for item in listing.left_out if item.reason == LeftOutReason.NO_LABEL] == [
        *("pictures/0.png", "pictures/10.png", "pictures/11.png")
    ]
    said = "\n".join(listing.lines())
    assert "2 rows of labels.csv are not clear" in said
    assert "1 rows of labels.csv have no picture (gone.png)" in said


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("train", "fold 3"), "neither train, val, test nor empty"),
        (("train", ""), "some rows of its table have a split"),
    ],
)
def test_a_split_that_is_not_clear_is_refused(tmp_path: Path, change: tuple[str, str], why: str) -> None:
    lines = rows(pictures(tmp_path))
    table(tmp_path, [lines[0].replace(*change), *lines[1:]])
    with pytest.raises(DatasetUnusable, match=why):
        load_folder(tmp_path, 16)


def test_two_tables_of_the_same_pictures_are_refused(tmp_path: Path) -> None:
    lines = rows(pictures(tmp_path))
    for name in ("a.csv", "b.csv"):
        table(tmp_path, lines, name=name)
    with pytest.raises(DatasetUnusable, match="several tables"):
        load_folder(tmp_path, 16)


@pytest.mark.parametrize("head", ["file,age\n", "label,colour\n", "file,label,class\n", ""])
def test_other_tables_are_no_tables_of_labels(tmp_path: Path, head: str) -> None:
    by_class(tmp_path, {"healthy": 0, "leukemia": 1})
    table(tmp_path, ["healthy/p0.png,1,2"], head)
    assert set(load_folder(tmp_path, 16).class_names) == {"healthy", "leukemia"}


def test_a_table_of_few_of_the_pictures_does_not_overrule_folders(tmp_path: Path) -> None:
    by_class(tmp_path, {"healthy": 0, "leukemia": 1})
    table(tmp_path, ["healthy/p0.png,leukemia,p,"])
    assert check_folder(tmp_path).pictures == 10


def test_c_nmc_keeps_its_own_names_beside_a_table(tmp_path: Path) -> None:
    table(c_nmc(tmp_path), ["fold_0/all/UID_30_1_1_all.bmp,hem,x,train"])
    assert set(load_folder(tmp_path, 16).class_names) == {"all", "hem"}


def test_a_table_of_too_many_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_PICTURES", 5)
    table(tmp_path, rows(pictures(tmp_path)))
    with pytest.raises(DatasetUnusable, match="more than 5 rows"):
        load_folder(tmp_path, 16)


def all_idb(root: Path, folder: str = "") -> Path:
    for index in range(1, 11):
        put(root / folder / f"Im{index:03}_{index % 2}.tif", cell(index % 2, index))
    return root


@pytest.mark.parametrize("folder", ["", "img", "ALL_IDB2/img"])
def test_the_last_digit_of_all_idb_is_the_label(tmp_path: Path, folder: str) -> None:
    dataset = load_folder(all_idb(tmp_path, folder), 16)
    assert dataset.class_names == ("healthy", "lymphoblast")
    assert (dataset.images[dataset.labels == 1, 6:10, 6:10].mean()) < 130
    assert propose(dataset.class_names, TASKS["leukemia"]) == {"healthy": "healthy", "lymphoblast": "leukemia"}


def test_a_copied_name_among_all_idb_is_counted(tmp_path: Path) -> None:
    put(all_idb(tmp_path) / "Im001_1 (2).tif", cell(1, 50))
    listing = check_folder(tmp_path)
    assert listing.pictures == 10
    assert listing.counts() == {LeftOutReason.ODD_NAME: 1}


def test_a_folder_that_contradicts_the_digit_is_not_overruled_silently(tmp_path: Path) -> None:
    put(all_idb(tmp_path, "img") / "healthy" / "Im099_1.tif", cell(1, 50))
    listing = check_folder(tmp_path)
    assert listing.counts() == {LeftOutReason.ODD_NAME: 1}
    assert "the opposite" in "\n".join(listing.lines())
