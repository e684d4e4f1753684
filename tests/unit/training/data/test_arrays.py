from __future__ import annotations

import io
import resource
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl.protocol.errors import DatasetUnusable
from fl.training.data.arrays import load_npz
from fl.training.data.dataset import TEST, TRAIN, load_dataset, save_dataset
from fl.training.data.load import load_source
from fl.training.data.npz import open_npz
from fl.training.data.reading import SourceReading
from scripts.commands.data import parts_of
from scripts.wiring.home import Home
from scripts.wiring.options import DataOptions
from scripts.wiring.training import import_images
from tests.support.folders_of_cells import cell

COUNT = 24
IMAGES = np.stack([cell(index % 2, index, 28) for index in range(COUNT)])
LABELS = np.arange(COUNT) % 2
PEOPLE = np.array([f"p{index // 2}-{index % 2}" for index in range(COUNT)])


def _medmnist(path: Path, labels: Any, **more: Any) -> Path:
    labels = np.asarray(labels)
    np.savez_compressed(
        path,
        train_images=IMAGES,
        train_labels=labels[:, None],
        test_images=255 - IMAGES[:8],
        test_labels=labels[:8, None],
        **more,
    )
    return path


def _cnmc(path: Path, labels: Any = LABELS, **more: Any) -> Path:
    np.savez(path, images=IMAGES, labels=labels, **{"subjects": PEOPLE, **more})
    return path


@pytest.mark.parametrize("label", [2**40, 2**62, 10_000_000, 1024, -1])
def test_a_label_out_of_range_is_refused_by_name_before_memory_is_taken(tmp_path: Path, label: int) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DatasetUnusable, match=f"a row has the label {label}"):
        load_npz(_medmnist(tmp_path / "x.npz", np.where(np.arange(COUNT) == 3, label, LABELS)))
    with pytest.raises(DatasetUnusable, match="a row has the label"):
        load_npz(_medmnist(tmp_path / "y.npz", LABELS + (label if label > 0 else -5)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


@pytest.mark.parametrize("values", [(1, 2), (0, 7), (3, 1000)])
def test_classes_are_the_labels_that_occur(tmp_path: Path, values: tuple[int, int]) -> None:
    dataset = load_npz(_medmnist(tmp_path / "x.npz", np.array(values)[LABELS]))
    assert dataset.class_names == tuple(map(str, values))
    assert dataset.class_counts().tolist() == [16, 16]


@pytest.mark.parametrize("dtype", [np.uint8, np.dtype(">i4"), np.int64, np.uint64, np.bool_])
def test_labels_of_any_whole_type_are_read(tmp_path: Path, dtype: Any) -> None:
    assert load_npz(_medmnist(tmp_path / "x.npz", LABELS.astype(dtype))).class_names == ("0", "1")


def test_255_is_no_label_only_if_that_is_said(tmp_path: Path) -> None:
    labels = LABELS.astype(np.uint8)
    labels[[3, 9, 10]] = 255
    path = _medmnist(tmp_path / "x.npz", labels)
    with pytest.raises(DatasetUnusable, match="--ignore-label 255"):
        load_npz(path)
    dataset = load_npz(path, SourceReading(ignore_labels=frozenset({"255"})))
    assert dataset.class_names == ("0", "1")
    assert len(dataset) == 32 - 4
    assert (dataset.images[3] == IMAGES[4]).all()
    assert dataset.listing is not None
    assert "4 rows" in dataset.listing.notes[1]


@pytest.mark.parametrize("kind", ["U", "S"])
def test_texts_are_class_names(tmp_path: Path, kind: str) -> None:
    labels = np.array(["HEM", "ALL"])[LABELS].astype(kind)
    dataset = load_npz(_cnmc(tmp_path / "x.npz", labels))
    assert dataset.class_names == ("ALL", "HEM")
    assert [dataset.class_names[label] for label in dataset.labels[:2]] == ["HEM", "ALL"]


def test_class_names_of_the_file_are_kept_in_order_also_of_a_class_without_image(tmp_path: Path) -> None:
    names = np.array(["leukemia", "non-leukemia", "unsure"])
    assert load_npz(_cnmc(tmp_path / "x.npz", class_names=names)).class_names == tuple(names)
    for bad in (
        np.array(["one"]),
        np.array(["a", "a"]),
        np.array(["a", " "]),
        np.array([1, 2]),
        np.array(["a"] * 2000),
    ):
        with pytest.raises(DatasetUnusable):
            load_npz(_cnmc(tmp_path / "x.npz", class_names=bad))


@pytest.mark.parametrize("names", [("leukemia", "non-leukemia"), ("HEM", "ALL")])
def test_a_part_of_a_part_keeps_names_and_polarity(tmp_path: Path, names: tuple[str, str]) -> None:
    """Every image must still bear the name that it had at first."""
    wanted = {image.tobytes(): names[label] for image, label in zip(IMAGES, LABELS, strict=True)}
    path = _cnmc(tmp_path / "x.npz", np.array(names)[LABELS])
    for step in range(2):
        parts = parts_of(load_source(path), 2, 1)
        path = tmp_path / f"part{step}.npz"
        save_dataset(parts["alpha"], path)
        back = load_dataset(path)
        assert set(back.class_names) == set(names)
        assert all(wanted[i.tobytes()] == back.class_names[n] for i, n in zip(back.images, back.labels, strict=True))
    kept = import_images(path, Home(tmp_path), "alpha", DataOptions()).dataset
    for image, label in zip(kept.images, kept.labels, strict=True):
        assert (wanted[image.tobytes()] in ("leukemia", "ALL")) == (kept.class_names[label] == "leukemia")


@pytest.mark.parametrize("turned", [False, True])
def test_bare_labels_with_subjects_of_c_nmc_get_its_names(tmp_path: Path, turned: bool) -> None:
    subjects = np.array([f"{'HA'[label]}{10 + index}" for index, label in enumerate(LABELS)])
    dataset = load_npz(_cnmc(tmp_path / "x.npz", 1 - LABELS if turned else LABELS, subjects=subjects))
    marks = {(dataset.class_names[n], str(g)[0]) for n, g in zip(dataset.labels, dataset.groups, strict=True)}
    assert marks == {("all", "A"), ("hem", "H")}


@pytest.mark.parametrize(
    "subjects", [PEOPLE, np.array([f"A{index}" for index in range(COUNT)]), np.array(["Hans", "Anna"] * 12)]
)
def test_other_subjects_give_no_names(tmp_path: Path, subjects: Any) -> None:
    path = tmp_path / "x.npz"
    split = np.zeros(COUNT, np.uint8)
    assert load_npz(_cnmc(path, subjects=subjects, split=split)).class_names == ("0", "1")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"labels": np.eye(2, dtype=int)[LABELS]}, "argmax"),
        ({"labels": LABELS.astype(float)}, "astype"),
        ({"labels": np.arange(3)}, "24 pictures, but labels holds 3 labels"),
        ({"labels": np.array("HEM")}, "0 labels"),
        ({"labels": np.array([" "] * COUNT)}, "class name"),
        ({"labels": np.array([f"n{index}" for index in range(COUNT)], object)}, "never read"),
        ({"labels": np.zeros(COUNT, [("a", int)])}, "records"),
        ({"images": IMAGES.astype(np.float32)}, "float32"),
        ({"images": IMAGES[:, :20]}, "not uint8"),
        ({"images": IMAGES.transpose(0, 3, 1, 2)}, "not uint8"),
        ({"subjects": np.arange(5)}, "do not have 24 values"),
        ({"split": np.full(COUNT, 256)}, "split is '256'"),
        ({"split": np.full(COUNT, 2)}, "split is '2'"),
    ],
)
def test_other_arrays_are_refused_by_name(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    arrays = {"images": IMAGES, "labels": LABELS, "subjects": PEOPLE, **change}
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DatasetUnusable, match=why):
        load_npz(tmp_path / "x.npz")


def test_several_labels_per_picture_are_read_and_counted(tmp_path: Path) -> None:
    marks = np.zeros((COUNT, 14), np.uint8)
    marks[::2, 3], marks[::4, 7] = 1, 1
    parts: dict[str, Any] = {
        f"{part}_{what}": values
        for part in ("train", "test")
        for what, values in (("images", IMAGES), ("labels", marks))
    }
    np.savez(tmp_path / "chestmnist.npz", **parts)
    dataset = load_npz(tmp_path / "chestmnist.npz")
    assert dataset.class_names == tuple(map(str, range(14)))
    assert dataset.class_counts().sum() == 2 * marks.sum()
    assert dataset.listing is not None
    assert "a picture may have several labels: 12 have several, 24 have none" in dataset.listing.notes


def test_parts_of_different_sizes_are_named(tmp_path: Path) -> None:
    small = np.zeros((4, 14, 14), np.uint8)
    np.savez(tmp_path / "x.npz", train_images=IMAGES, train_labels=LABELS, test_images=small, test_labels=LABELS[:4])
    with pytest.raises(DatasetUnusable, match="14, 28 px"):
        load_npz(tmp_path / "x.npz")


def test_fortran_order_and_a_split_in_words_are_read(tmp_path: Path) -> None:
    split = np.array(["train", "val", "Test", "train"])[np.arange(COUNT) // 6]
    groups = np.array([f"p{index}" for index in range(COUNT)])
    np.savez(tmp_path / "x.npz", images=np.asfortranarray(IMAGES), labels=LABELS, subjects=groups, split=split)
    dataset = load_npz(tmp_path / "x.npz")
    assert (dataset.images == IMAGES).all()
    assert int((dataset.split == TEST).sum()) == 6
    assert dataset.has(TRAIN)


def _member(shape: tuple[int, ...], dtype: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"shape": shape, "fortran_order": False, "descr": dtype})
    return buffer.getvalue() + data


def _with(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)
    return path


def test_arrays_that_are_not_needed_are_not_read(tmp_path: Path) -> None:
    path = _with(_cnmc(tmp_path / "x.npz"), masks=b"no array at all", other=_member((2**40,), "|u1", b""))
    listing = load_npz(path).listing
    assert listing is not None
    assert "masks, other" in listing.notes[-1]


@pytest.mark.parametrize(
    "member",
    [
        _member((2**50,), "|u1", b"x"),
        _member((2**30, 2**30, 2**30), "|u1", b"x"),
        _member((COUNT,), "<U2000000000", b"x"),
        _member((COUNT,), "|u1", b"x"),
        _member((COUNT,), "|u1", bytes(50 * 2**20)),
        _member((-COUNT,), "|u1", bytes(COUNT)),
        b"\x93NUMPY\x03\x00",
        b"\x93NUMPY\x01\x00\xff\xff{",
        b"",
    ],
)
def test_a_header_that_lies_costs_nothing(tmp_path: Path, member: bytes) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, images=IMAGES, subjects=PEOPLE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DatasetUnusable):
        load_npz(_with(path, labels=member))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # KiB


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4,",
        "  \n {'descr'\n  : 1}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (" + "-" * 4000 + "4,)}",
        "{" + "[" * 4000 + "}",
        "{'descr': 7, 'fortran_order': False, 'shape': (4,)}",
        "{[]: 1}",
        "0x",
        "'",
    ],
)
def test_a_header_that_python_cannot_parse_is_a_damaged_array(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, images=IMAGES, subjects=PEOPLE)
    header = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()
    with pytest.raises(DatasetUnusable, match="damaged"):
        load_npz(_with(path, labels=header))


def test_what_is_no_archive_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    whole = _cnmc(tmp_path / "whole.npz").read_bytes()
    for data, why in (
        (b"hello", "not an .npz file"),
        (b"", "not an .npz file"),
        (b"PK\x03\x04", "end is missing"),
        (whole[: len(whole) // 2], "end is missing"),
        (whole[:-30], "end is missing"),
        (whole[:200] + bytes(2000) + whole[2200:], "damaged"),
    ):
        path.write_bytes(data)
        with pytest.raises(DatasetUnusable, match=why) as refused:
            load_npz(path)
        assert "pickle" not in str(refused.value)


def test_an_archive_with_more_members_than_arrays_is_refused_before_they_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(1100):
            archive.writestr(f"{index}.npy", b"")
    with pytest.raises(DatasetUnusable, match="more than 1024"):
        load_npz(path)
    data = bytearray(_cnmc(tmp_path / "y.npz").read_bytes())
    end = data.rfind(b"PK\x05\x06")
    data[end:end] = struct.pack("<4sLQL", b"PK\x06\x07", 0, 0, 1)  # a locator of a larger directory elsewhere
    path.write_bytes(data)
    with pytest.raises(DatasetUnusable, match="more than 1024"):
        load_npz(path)


def test_an_array_that_is_in_it_twice_is_refused(tmp_path: Path) -> None:
    path = _cnmc(tmp_path / "x.npz")
    with pytest.warns(UserWarning, match="Duplicate"):
        _with(path, labels=_member((COUNT,), "|u1", bytes(COUNT)))
    with pytest.raises(DatasetUnusable, match="twice"), open_npz(path):
        pass
