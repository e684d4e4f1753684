from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner, Result

from fl.protocol.errors import DatasetUnusable, ImageUnreadable
from fl.training.data.cnmc import parse_name
from fl.training.data.dataset import TEST, TRAIN, Dataset
from fl.training.data.load import SourceReading, load_source
from fl.training.pictures.decode import PictureReading
from fl.training.pictures.images import encode_png
from scripts.commands.data import check
from tests.support.folders_of_cells import by_class

RNG = np.random.default_rng(3)


def _picture() -> bytes:
    return encode_png(RNG.integers(0, 256, (20, 20, 3), dtype=np.uint8))


def _folder(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_picture())
    return root


def _npz(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]  # hostile values too
    return path


def _pixels(count: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, 256, (count, *shape), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("UID_2_31_6_all.bmp", ("A02", 1)),
        ("UID_H10_190_3_hem.bmp", ("H10", 0)),
        ("UID_h3_4_1_hem.bmp", ("H10", 0)),
        ("UID_78_1_1_all.png", ("A51", 1)),
        ("UID_2_31_6_hem.bmp", None),
        ("UID_H2_31_6_all.bmp", None),
        ("UID_2_31_all.bmp", None),
        ("cell.bmp", None),
    ],
)
def test_c_nmc_names_tell_subject_group_and_class(name: str, expected: tuple[str, int] | None) -> None:
    assert parse_name(name) == expected


def test_class_folders_and_subject_folders(tmp_path: Path) -> None:
    names = [f"{kind}/p{person}/{cell}.png" for kind in ("Sick", "Normal") for person in range(4) for cell in range(2)]
    names = [name.replace("p", f"p{name[0]}", 1) for name in names]
    dataset = load_source(_folder(tmp_path, *names, "Sick/.hidden/x.png"), 32)
    assert dataset.class_names == ("Normal", "Sick")
    assert dataset.images.shape == (16, 32, 32, 3)
    assert len(np.unique(dataset.groups)) == 8
    assert dataset.has(TRAIN)
    assert dataset.has(TEST)
    assert dataset.class_counts().tolist() == [8, 8]


def test_one_person_below_two_classes_is_one_group(tmp_path: Path) -> None:
    names = [f"{kind}/{person}/1.png" for kind in ("a", "b") for person in ("ann", "bob", "eve")]
    assert sorted(np.unique(load_source(_folder(tmp_path, *names), 16).groups)) == ["ann", "bob", "eve"]


def test_a_flat_folder_of_c_nmc_names_and_the_same_in_class_folders(tmp_path: Path) -> None:
    names = [f"UID_{n}_1_1_all.png" for n in (2, 3, 4)] + [f"UID_H{n}_1_1_hem.png" for n in (10, 3, 14)]
    flat = load_source(_folder(tmp_path / "flat", *names), 16)
    nested = load_source(_folder(tmp_path / "nested", *[f"{name[-7:-4]}/{name}" for name in names]), 16)
    for dataset in (flat, nested):
        assert dataset.class_names == ("hem", "all")
        assert sorted(np.unique(dataset.groups)) == ["A02", "A03", "A04", "H10", "H14"]
        assert dataset.class_counts().tolist() == [3, 3]


@pytest.mark.parametrize(
    ("names", "why"),
    [((), "no PNG"), (("a/1.png", "a/2.png"), "one class"), (("1.png", "2.png"), "in a class folder")],
)
def test_unusable_folders_say_why(tmp_path: Path, names: tuple[str, ...], why: str) -> None:
    with pytest.raises(DatasetUnusable, match=why):
        load_source(_folder(tmp_path, *names), 16)


def test_a_damaged_file_stops_the_loading_by_name(tmp_path: Path) -> None:
    _folder(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "a" / "broken.png").write_bytes(_picture()[:50])
    with pytest.raises(ImageUnreadable, match=r"broken\.png"):
        load_source(tmp_path, 16)


def test_the_real_originals_load_as_a_folder(data_folder: Path) -> None:
    dataset = load_source(data_folder / "leukemia-originals", 128)
    assert dataset.class_counts().tolist() == [12, 12]
    assert len(np.unique(dataset.groups)) == 23  # H3 and H10 are linked


def test_the_real_c_nmc_file(data_folder: Path) -> None:
    dataset = load_source(data_folder / "leukemia_cnmc_128.npz")
    assert dataset.part(TRAIN).class_counts().tolist() == [429, 1649]
    assert dataset.part(TEST).class_counts().tolist() == [392, 469]
    assert dataset.class_names == ("hem", "all")


@pytest.mark.parametrize(
    ("name", "classes", "counts"),
    [("bloodcells_pbc_28.npz", 8, (13671, 3421)), ("pneumoniamnist_reduced_28.npz", 2, (4406, 624))],
)
def test_the_real_medmnist_files(data_folder: Path, name: str, classes: int, counts: tuple[int, int]) -> None:
    dataset = load_source(data_folder / name)
    assert dataset.images.shape[1:] == (28, 28, 3)
    assert len(dataset.class_names) == classes
    assert (len(dataset.part(TRAIN)), len(dataset.part(TEST))) == counts


def test_arrays_without_split_are_split_by_subject(tmp_path: Path) -> None:
    subjects = np.repeat(["a", "b", "c", "d"], 5)
    path = _npz(tmp_path / "x.npz", images=_pixels(20, 8, 8), labels=np.repeat([0, 1, 0, 1], 5), subjects=subjects)
    dataset: Dataset = load_source(path)
    assert dataset.has(TEST)
    assert set(dataset.groups[dataset.split == TEST]).isdisjoint(dataset.groups[dataset.split == TRAIN])
    assert (dataset.images[..., 0] == dataset.images[..., 2]).all()


@pytest.mark.parametrize(
    "arrays",
    [
        {"images": _pixels(4, 8, 8, 3)},
        {"images": _pixels(4, 8, 8, 3), "labels": np.zeros(4, int)},
        {"images": _pixels(4, 8, 8, 3), "labels": np.array([0.0, 1.0, 0.0, 1.0])},
        {"images": _pixels(4, 8, 8, 3), "labels": np.array([0, 1, 0])},
        {"images": _pixels(4, 8, 8, 3), "labels": np.array([0, 1, 0, -1])},
        {"images": _pixels(4, 8, 8, 3).astype(np.float32), "labels": np.array([0, 1, 0, 1])},
        {"images": _pixels(4, 8, 9, 3), "labels": np.array([0, 1, 0, 1])},
        {"images": _pixels(4, 8), "labels": np.array([0, 1, 0, 1])},
        {"images": _pixels(4, 8, 8, 3), "labels": np.array([0, 1, 0, 1]), "groups": np.array([object()] * 4)},
        {"images": _pixels(4, 8, 8, 3), "labels": np.array([0, 1, 0, 1]), "split": np.array([0, 0, 1, 7])},
        {"train_images": _pixels(4, 8, 8), "train_labels": np.zeros(4, int)},
    ],
)
def test_unusable_arrays_are_refused(tmp_path: Path, arrays: dict[str, object]) -> None:
    with pytest.raises(DatasetUnusable):
        load_source(_npz(tmp_path / "x.npz", **arrays))


def test_nothing_and_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    for path in (tmp_path / "missing", tmp_path / "notes.txt"):
        with pytest.raises(DatasetUnusable, match="neither a folder"):
            load_source(path)


def _checked(source: Path, *flags: str) -> Result:
    return CliRunner().invoke(check, [str(source), *flags])


def test_data_check_says_which_flag_is_missing_and_reads_with_it(tmp_path: Path) -> None:
    for kind in ("a", "b"):
        for number in range(4):
            (tmp_path / kind).mkdir(exist_ok=True)
            grey, deep = _pixels(1, 20, 20)[0], _pixels(1, 20, 20)[0].astype(np.uint16) * 9
            pages = np.stack([np.zeros_like(grey), grey])
            tifffile.imwrite(tmp_path / kind / f"pages-{number}.tif", pages, photometric="minisblack")
            tifffile.imwrite(tmp_path / kind / f"deep-{number}.tif", deep, photometric="minisblack")
    asked = _checked(tmp_path)
    assert asked.exit_code == 65
    assert "2 pages or frames" in asked.output
    assert "here: --page" in asked.output
    assert "here: --bits" in asked.output
    done = _checked(tmp_path, "--page", "2", "--bits", "12")
    assert done.exit_code == 0, done.output
    assert "used: 16 pictures" in done.output
    dataset = load_source(tmp_path, 20, reading=SourceReading(picture=PictureReading(2, 12)))
    assert len(np.unique(dataset.images.reshape(16, -1), axis=0)) == 16
    assert _checked(tmp_path, "--page", "3", "--bits", "12").exit_code == 65


def test_data_check_says_which_frame_was_taken(tmp_path: Path) -> None:
    by_class(tmp_path, {"a": 0, "b": 1})
    assert "pictures of 32 x 32 pixels are taken as cut to the field" in _checked(tmp_path).output
    assert (
        "whole frames, and their middle is used (as you said)" in _checked(tmp_path, "--picture-frame", "whole").output
    )
