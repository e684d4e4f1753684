from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fl.protocol.errors import DatasetUnusable, ImageUnreadable
from fl.training.data import folders, walk
from fl.training.data.dataset import TEST, TRAIN, Dataset
from fl.training.data.folders import check_folder, load_folder
from fl.training.data.listing import LeftOutReason, Listing, shown
from fl.training.data.reading import SourceReading
from fl.training.pictures.images import MAX_BYTES
from tests.support.folders_of_cells import by_class, c_nmc, c_nmc_test, cell, put, table

TWO = {"healthy": 0, "leukemia": 1}
FOUR = {"Benign": 0, "Early": 1, "Pre": 1, "Pro": 1}


def _counts(dataset: Dataset, split: int) -> dict[str, int]:
    labels = dataset.labels[dataset.split == split]
    return {name: int((labels == index).sum()) for index, name in enumerate(dataset.class_names)}


def _reason(root: Path, reason: LeftOutReason) -> list[str]:
    return [item.name for item in check_folder(root).left_out if item.reason == reason]


def _account(listing: Listing, root: Path) -> None:
    """Every file is used or listed, once."""
    files = [path for path in root.rglob("*") if path.is_symlink() or not path.is_dir()]
    assert listing.pictures + sum(item.reason != LeftOutReason.EMPTY_FOLDER for item in listing.left_out) == len(files)


@pytest.mark.parametrize("names", [{"leukemia": 1, "non-leukemia": 0}, FOUR, {"ALL": 1, "all": 1, "HEM": 0}])
def test_class_names_are_the_folders_own(tmp_path: Path, names: dict[str, int]) -> None:
    dataset = load_folder(by_class(tmp_path, names), 16)
    assert set(dataset.class_names) == set(names)
    for index, name in enumerate(dataset.class_names):
        cells = dataset.images[dataset.labels == index, 6:10, 6:10]
        assert (cells.mean() < 130) == bool(names[name])  # the large cell is the dark one
    assert dataset.listing is not None
    assert dataset.listing.pictures == 5 * len(names)


def test_one_folder_in_two_unicode_forms_is_one_class(tmp_path: Path) -> None:
    name = "leucémie"
    by_class(tmp_path, {unicodedata.normalize("NFC", name): 1, "sain": 0})
    by_class(tmp_path, {unicodedata.normalize("NFD", name): 1}, start=50)
    assert load_folder(tmp_path, 16).class_names == (unicodedata.normalize("NFC", name), "sain")


def test_names_of_an_archive_made_on_windows_are_divided_at_backslashes(tmp_path: Path) -> None:
    for index in range(4):
        put(tmp_path / f"sick\\ann{index}\\{index}.png", cell(1, index))
        put(tmp_path / f"well\\{index}.png", cell(0, index))
    put(tmp_path / "__MACOSX\\sick\\._1.png", cell(0, 9))
    dataset = load_folder(tmp_path, 16)
    assert dataset.class_names == ("sick", "well")
    assert {"ann0", "ann1", "ann2", "ann3"} <= set(dataset.groups)
    assert len(_reason(tmp_path, LeftOutReason.JUNK)) == 1


@pytest.mark.parametrize("suffix", [".gif", ".svs", ".heic", ""])
def test_a_class_of_a_type_that_is_not_read_is_refused_by_its_files(tmp_path: Path, suffix: str) -> None:
    by_class(tmp_path, FOUR)
    for file in list((tmp_path / "Early").iterdir()):
        file.rename(file.with_suffix(suffix))
    with pytest.raises(DatasetUnusable, match=rf"no picture of Early can be used: .*Early/p100\{suffix or ' '}"):
        load_folder(tmp_path, 16)


def test_some_files_of_a_type_that_is_not_read_are_counted(tmp_path: Path) -> None:
    by_class(tmp_path, TWO)
    Image.fromarray(cell(1, 900)).save(tmp_path / "leukemia" / "a.gif")
    put(tmp_path / "leukemia" / "b.png", cell(1, 901)).rename(tmp_path / "leukemia" / "b")
    listing = load_folder(tmp_path, 16).listing
    assert listing is not None
    assert {item.name: item.reason for item in listing.left_out} == {
        "leukemia/a.gif": LeftOutReason.UNSUPPORTED,
        "leukemia/b": LeftOutReason.NO_EXTENSION,
    }
    assert "it is PNG; add .png" in "\n".join(listing.lines())
    _account(listing, tmp_path)


def test_a_class_that_is_a_link_is_refused(tmp_path: Path) -> None:
    root = by_class(tmp_path / "data", FOUR)
    shutil.move(root / "Pre", tmp_path / "elsewhere")
    (root / "Pre").symlink_to("../elsewhere")
    with pytest.raises(DatasetUnusable, match=r"no picture of Pre can be used: Pre \(a folder; copy it"):
        load_folder(root, 16)


def test_links_pipes_and_loops_are_counted_and_not_opened(tmp_path: Path) -> None:
    root = by_class(tmp_path / "data", TWO)
    (root / "leukemia" / "loop").symlink_to("..")
    (root / "leukemia" / "x.png").symlink_to(root / "healthy" / "p0.png")
    (root / "leukemia" / "gone.png").symlink_to("nowhere")
    os.mkfifo(root / "leukemia" / "pipe.png")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(root / "s.png"))
        listing = load_folder(root, 16).listing
    assert listing is not None
    assert listing.counts() == {LeftOutReason.LINK: 3, LeftOutReason.SPECIAL: 2}
    assert listing.pictures == 10


@pytest.mark.parametrize(
    "junk", ["@eaDir/p0.png/SYNO_M.jpg", ".@__thumb/p0.png", "#recycle/p0.png", "lost+found/1.png"]
)
def test_thumbnails_of_network_drives_are_counted_not_used(tmp_path: Path, junk: str) -> None:
    by_class(tmp_path, TWO)
    for name in TWO:
        put(tmp_path / name / junk, cell(0, 7, 16))
    put(tmp_path / junk, cell(0, 8, 16))
    listing = load_folder(tmp_path, 16).listing
    assert listing is not None
    assert listing.counts() == {LeftOutReason.THUMBNAIL: 3}
    assert listing.pictures == 10


def test_junk_hidden_files_tables_and_empty_folders_are_counted(tmp_path: Path) -> None:
    by_class(tmp_path, TWO)
    for name in (
        "Thumbs.db",
        "leukemia/._p0.png",
        "__MACOSX/leukemia/p0.png",
        ".DS_Store",
        ".git/x.png",
        "README",
        "a.csv",
    ):
        put_bytes(tmp_path / name, b"x")
    (tmp_path / "new folder").mkdir()
    listing = check_folder(tmp_path)
    assert listing.counts() == {
        LeftOutReason.JUNK: 4,
        LeftOutReason.HIDDEN: 1,
        LeftOutReason.SIDE: 2,
        LeftOutReason.EMPTY_FOLDER: 1,
    }
    assert listing.refusals == ()


def put_bytes(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@pytest.mark.parametrize(
    "parts", [("train", "val", "test"), ("Training", "Validation", "Testing"), ("train_data", "x", "TEST SET")]
)
@pytest.mark.parametrize("order", ["parts first", "classes first"])
def test_split_folders_are_parts_not_classes(tmp_path: Path, parts: tuple[str, ...], order: str) -> None:
    for index, part in enumerate(part for part in parts if part != "x"):
        for number, (name, kind) in enumerate({"NORMAL": 0, "PNEUMONIA": 1}.items()):
            folder = tmp_path / part / name if order == "parts first" else tmp_path / name / part
            for image in range(4):
                put(folder / f"{image}.png", cell(kind, 1000 * index + 100 * number + image))
    dataset = load_folder(tmp_path, 16)
    assert dataset.class_names == ("NORMAL", "PNEUMONIA")
    assert _counts(dataset, TEST) == {"NORMAL": 4, "PNEUMONIA": 4}
    assert len(np.unique(dataset.groups)) == len(dataset)


def test_a_person_in_training_and_in_test_is_left_out_of_the_test(tmp_path: Path) -> None:
    seed = 0
    for part, persons in (("train", "abc"), ("test", "cde")):
        for name, kind in TWO.items():
            for person in persons:
                put(tmp_path / part / name / f"{name}-{person}" / "1.png", cell(kind, seed := seed + 1))
    dataset = load_folder(tmp_path, 16)
    assert _counts(dataset, TEST) == {"healthy": 2, "leukemia": 2}
    assert len(_reason(tmp_path, LeftOutReason.PERSON_BOTH_SIDES)) == 2


def test_a_folder_beside_split_folders_is_refused(tmp_path: Path) -> None:
    for part in ("train", "test", "extra"):
        by_class(tmp_path / part, TWO, start=len(part) * 10)
    with pytest.raises(DatasetUnusable, match="other folders beside the split folders test, train: extra; accepted"):
        load_folder(tmp_path, 16)


@pytest.mark.parametrize("around", ["dataset", "Blood cell images", "run-7/data"])
def test_a_folder_around_the_class_folders_is_entered(tmp_path: Path, around: str) -> None:
    by_class(tmp_path / around, TWO)
    assert load_folder(tmp_path, 16).class_names == ("healthy", "leukemia")


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["leukemia/patient-1", "leukemia/patient-2"], "one class folder, leukemia"),
        (["patient-1", "patient-2", "patient-3"], "look like persons"),
        (["alpha/healthy", "alpha/leukemia", "beta/healthy", "beta/leukemia"], "look like the classes"),
        (["leukemia/train", "leukemia", "healthy/train"], "are not in one"),
    ],
)
def test_folders_never_become_classes_by_accident(tmp_path: Path, names: list[str], why: str) -> None:
    for order, name in enumerate(names):
        for image in range(3):
            put(tmp_path / name / f"{image}.png", cell(order % 2, 10 * order + image))
    with pytest.raises(DatasetUnusable, match=why):
        load_folder(tmp_path, 16)
    assert check_folder(tmp_path).refusals


def test_folds_are_not_classes(tmp_path: Path) -> None:
    for fold in range(3):
        by_class(tmp_path / f"fold_{fold}", TWO, start=fold * 10)
    dataset = load_folder(tmp_path, 16)
    assert dataset.class_names == ("healthy", "leukemia")
    assert len(dataset) == 30


def test_loose_pictures_are_counted(tmp_path: Path) -> None:
    put(by_class(tmp_path, TWO) / "overview.png", cell(0, 77))
    assert len(load_folder(tmp_path, 16)) == 10
    assert _reason(tmp_path, LeftOutReason.LOOSE) == ["overview.png"]


def test_the_same_picture_in_two_classes_is_left_out_of_both_whatever_its_container(tmp_path: Path) -> None:
    by_class(tmp_path, TWO)
    for index in range(2):
        Image.open(tmp_path / f"healthy/p{index}.png").save(tmp_path / f"leukemia/copy{index}.bmp")
    dataset = load_folder(tmp_path, 16)
    assert dataset.class_counts().tolist() == [3, 5]
    assert len(_reason(tmp_path, LeftOutReason.TWO_CLASSES)) == 4


def test_a_copy_in_its_class_counts_once_and_joins_the_persons(tmp_path: Path) -> None:
    for person in range(4):
        for name, kind in TWO.items():
            put(tmp_path / name / f"{name}{person}" / "1.png", cell(kind, person))
    shutil.copy(tmp_path / "healthy/healthy0/1.png", tmp_path / "healthy/healthy3/2.png")
    listing = check_folder(tmp_path)
    assert listing.pictures == 8
    assert listing.persons == 7
    assert _reason(tmp_path, LeftOutReason.COPY) == ["healthy/healthy3/2.png"]
    assert "share pictures" in listing.notes[0]


def test_the_same_picture_on_both_sides_of_the_split_is_left_out(tmp_path: Path) -> None:
    by_class(tmp_path / "train", TWO)
    by_class(tmp_path / "test", TWO, start=50)
    shutil.copy(tmp_path / "train/healthy/p0.png", tmp_path / "test/healthy/again.png")
    assert _counts(load_folder(tmp_path, 16), TRAIN) == {"healthy": 4, "leukemia": 5}
    assert len(_reason(tmp_path, LeftOutReason.BOTH_SIDES)) == 2


def test_damaged_files_stop_the_loading_and_are_all_listed(tmp_path: Path) -> None:
    by_class(tmp_path, TWO)
    whole = (tmp_path / "healthy/p0.png").read_bytes()
    put_bytes(tmp_path / "healthy/cut.png", whole[:60])
    put_bytes(tmp_path / "leukemia/empty.png", b"")
    put(tmp_path / "leukemia/tiny.png", cell(1, 1, 4))
    with (tmp_path / "leukemia/huge.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ImageUnreadable, match=r"3 more files cannot be used.*--skip-damaged"):
        load_folder(tmp_path, 16)
    listing = check_folder(tmp_path)
    assert listing.counts() == {LeftOutReason.DAMAGED: 2, LeftOutReason.EMPTY: 1, LeftOutReason.TOO_LARGE: 1}
    text = "\n".join(listing.lines())
    assert all(
        name in text for name in ("healthy/cut.png", "leukemia/empty.png", "leukemia/tiny.png", "leukemia/huge.png")
    )
    assert len(load_folder(tmp_path, 16, reading=SourceReading(skip_damaged=True))) == 10


@pytest.mark.parametrize("nested", [False, True])
def test_the_download_of_c_nmc_takes_labels_from_its_table(tmp_path: Path, nested: bool) -> None:
    c_nmc(tmp_path / "C-NMC_training_data")
    phase = tmp_path / "C-NMC_test_prelim_phase_data"
    rows = c_nmc_test(phase / phase.name if nested else phase)
    table(
        (phase if nested else tmp_path) / "C-NMC_test_prelim_phase_data_labels.csv",
        [*rows[1:], ("UID_9_1_1_all.bmp", "99.bmp", 1)],
    )
    c_nmc_test(tmp_path / "C-NMC_test_final_phase_data", 3)
    dataset = load_folder(tmp_path, 16)
    assert set(dataset.class_names) == {"all", "hem"}
    assert _counts(dataset, TRAIN) == {"hem": 10, "all": 10}
    assert _counts(dataset, TEST) == {"hem": 2, "all": 3}
    listing = check_folder(tmp_path)
    assert [note for note in listing.notes if "no picture (99.bmp)" in note]
    _account(listing, tmp_path)


def test_the_label_of_the_table_counts_and_the_person_of_its_name(tmp_path: Path) -> None:
    c_nmc(tmp_path / "C-NMC_training_data")
    rows = [(f"UID_{60 + int(name[:-4])}_1_1_all.bmp", name, label) for _, name, label in c_nmc_test(tmp_path / "x_y")]
    table(tmp_path / "x_y_labels.csv", rows)
    dataset = load_folder(tmp_path, 16)
    assert _counts(dataset, TEST) == {"hem": 3, "all": 3}
    assert {f"A{61 + index}" for index in range(6)} <= set(dataset.groups)
    assert dataset.listing is not None
    assert "3 rows of" in dataset.listing.notes[0]


@pytest.mark.parametrize("name", ["UID_30_1_1_all - Copy.bmp", "cell.bmp", "UID_H30_9_9_all.bmp"])
def test_one_odd_name_among_c_nmc_is_counted_and_the_folds_stay_folds(tmp_path: Path, name: str) -> None:
    c_nmc(tmp_path)
    copied = "Copy" in name
    odd = tmp_path / "fold_0" / "all" / name
    odd.write_bytes((tmp_path / "fold_0/all/UID_30_1_1_all.bmp").read_bytes()) if copied else put(odd, cell(1, 999))
    dataset = load_folder(tmp_path, 16)
    assert dataset.class_names == ("hem", "all")
    assert dataset.class_counts().tolist() == [10, 10]
    assert _reason(tmp_path, LeftOutReason.COPY if copied else LeftOutReason.ODD_NAME) == [f"fold_0/all/{name}"]


def test_c_nmc_mixed_with_many_other_pictures_is_refused(tmp_path: Path) -> None:
    by_class(c_nmc(tmp_path), TWO, 4)
    with pytest.raises(DatasetUnusable, match="20 of its pictures have C-NMC names, but 8 do not"):
        load_folder(tmp_path, 16)


def test_a_name_with_control_codes_is_never_printed_raw(tmp_path: Path) -> None:
    by_class(tmp_path, TWO)
    put_bytes(tmp_path / "healthy" / "\x1b[2Jgone\n.png", b"no picture")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/healthy/\xff.png"))).write_bytes(b"x")
    listing = check_folder(tmp_path)
    text = "\n".join(listing.lines())
    assert text.count("\n") == len(list(listing.lines())) - 1
    assert "\x1b" not in text
    assert listing.counts() == {LeftOutReason.DAMAGED: 1, LeftOutReason.BAD_NAME: 1}
    assert text.encode()
    assert shown("\u202eevil") == "\\u202eevil"


def test_a_file_that_changes_while_it_is_read_is_counted() -> None:
    pretended = Path("/proc/self/status")  # its size is said to be 0, and there is more
    assert isinstance(folders._decode(walk.FoundFile(pretended, "status.png", ("a", "status.png"), 5)), walk.FoundFile)
    assert folders._decode(walk.FoundFile(pretended, "s.png", ("a", "s.png"), 5)).reason == LeftOutReason.CHANGED  # type: ignore[union-attr]


def test_a_folder_too_deep_is_named(tmp_path: Path) -> None:
    by_class(tmp_path, TWO)
    put(tmp_path.joinpath("healthy", *["d"] * walk.MAX_DEPTH, "x.png"), cell(0, 5))
    assert len(_reason(tmp_path, LeftOutReason.TOO_DEEP)) == 1
    with pytest.raises(ImageUnreadable):
        load_folder(tmp_path, 16)


def test_more_files_than_are_looked_at_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_class(tmp_path, TWO)
    monkeypatch.setattr(walk, "MAX_ENTRIES", 8)
    with pytest.raises(DatasetUnusable, match="more than 8 files"):
        check_folder(tmp_path)


def test_more_memory_than_is_used_is_refused_before_it_is_taken(tmp_path: Path) -> None:
    with pytest.raises(DatasetUnusable, match="the limit is"):
        load_folder(by_class(tmp_path, TWO), 100_000)


@pytest.mark.skipif(os.getuid() != 0, reason="another user is needed, for whom the folder is closed")
def test_a_folder_that_may_not_be_read_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_class(tmp_path, TWO)
    put(tmp_path / "leukemia" / "closed" / "1.png", cell(1, 600))
    (tmp_path / "leukemia" / "closed").chmod(0)
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    os.seteuid(65534)
    try:
        listing = check_folder(Path())
    finally:
        os.seteuid(0)
    assert listing.counts() == {LeftOutReason.UNREADABLE: 1}
    assert listing.stopping


def test_the_command_lists_every_file_and_ends_with_65(tmp_path: Path) -> None:
    by_class(tmp_path, FOUR)
    for file in list((tmp_path / "Early").iterdir()):
        file.rename(file.with_suffix(".gif"))
    command = [sys.executable, "-m", "scripts.cli", "data", "check", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 65
    assert "5: a type that is not read" in done.stdout
    assert "no picture of Early can be used" in done.stderr
    shutil.rmtree(tmp_path / "Early")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
