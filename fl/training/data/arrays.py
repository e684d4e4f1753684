"""Reads data sets from one .npz file of arrays, in the C-NMC form or the MedMNIST form.

Invariant: a split in the file is kept; without one, whole persons are split off for testing. Only needed arrays are
read.

Source: the data's README; J. Yang et al., "MedMNIST v2", 2023 (names and shapes of the arrays).
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable
from fl.training.data import cnmc
from fl.training.data.class_names import Array, Classes, as_texts, read_classes
from fl.training.data.dataset import DRAWN_KEY, TEST, TRAIN, Dataset, check_trainable
from fl.training.data.frames import Verdict, judge, look, sentences
from fl.training.data.layouts import part_of
from fl.training.data.listing import Listing, Part, Used, shown, some
from fl.training.data.look_alikes import MOST, Look, face_of, look_alikes
from fl.training.data.marks import told
from fl.training.data.npz import MAX_PIXEL_BYTES, Npz, open_npz
from fl.training.data.partition import split_holdout
from fl.training.data.reading import STRICT, SourceReading
from fl.training.pictures.field import Frame, side_px

_MEDMNIST = ("train_images", "train_labels", "test_images", "test_labels")
_PARTS = (("train", TRAIN), ("val", TRAIN), ("test", TEST))
_CNMC = ("images", "labels", "groups", "subjects", "split", "class_names")
_GREY_DIMENSIONS, _RGB_DIMENSIONS, _CHANNELS = 3, 4, 3
_LOOKED_AT = 300
"""How many pictures, evenly spread, are measured to find what all of them show."""
_SUBJECT = re.compile(r"[AH]\d+")


@dataclass(frozen=True)
class _Form:
    """A file in one of the two forms, before its rows are read."""

    images: list[str]
    labels: list[str]
    sides: list[int]
    layout: str


def load_npz(path: Path, reading: SourceReading = STRICT) -> Dataset:
    """Read an .npz of either form; other arrays in it are not read.

    The C-NMC form: `images` uint8 [n, S, S, 3] or [n, S, S], `labels` [n], optionally `groups` (or `subjects`) and
    `split`. The MedMNIST form: `train_`, `val_` and `test_` `images` and `labels`; validation images count as train.
    Both may name their classes in `class_names`.

    Args:
        path: The file.
        reading: What the user allows or states about the file.

    Raises:
        DatasetUnusable: neither form, wrong shapes or types, labels out of range, or one class only.
    """
    with open_npz(path) as file:
        form = _form(file)
        labels = _labels(file, form, reading.ignore_labels)
        groups, split, persons = _people(file, form)
        images = _images(file, form, labels.index >= 0)
        names = _cnmc_names(labels, groups if persons else None)
        keep = labels.index >= 0
        ignored = sorted(file.names - set(form.images) - set(form.labels) - {*_CNMC, DRAWN_KEY})
        drawn = DRAWN_KEY in file.names
    side = np.zeros(len(groups), np.uint8) if split is None else split
    _check_length(path.name, len(keep), groups, side)
    verdicts = _frames(images, reading.frame)
    pixels, index = _cut(images, verdicts), labels.index[keep]
    dataset = Dataset(pixels, index, groups[keep], side[keep], names, path.name, marks=labels.marks)
    alike = look_alikes(_looks(dataset)) if reading.look_alikes else ()
    notes = (*sentences(verdicts), *_notes(dataset, int((~keep).sum()), ignored), *alike)
    listing = Listing(path.name, form.layout, _used(dataset, split is None), persons and _count(dataset), (), notes)
    if dataset.marks is not None:
        notes = (*told(dataset.marks), *notes)
        listing = replace(listing, images=len(dataset), named=False, notes=notes)
    dataset = replace(dataset, listing=listing, drawn=drawn)
    whole = split_holdout(dataset) if split is None else dataset
    return whole if reading.one_class else check_trainable(whole)


def _form(file: Npz) -> _Form:
    if set(_MEDMNIST) <= file.names:
        parts = [(part, side) for part, side in _PARTS if f"{part}_images" in file.names]
        for part, _ in parts:
            if f"{part}_labels" not in file.names:
                file.refuse(f"it holds {part}_images, but no {part}_labels")
        images, labels = [f"{part}_images" for part, _ in parts], [f"{part}_labels" for part, _ in parts]
        return _Form(images, labels, [side for _, side in parts], "arrays in the form of MedMNIST")
    if not {"images", "labels"} <= file.names:
        file.refuse(f"it holds the arrays {some(file.names) or 'none'}; images and labels are needed")
    return _Form(["images"], ["labels"], [TRAIN], "arrays in the form of C-NMC")


def _labels(file: Npz, form: _Form, ignored: Collection[str]) -> Classes:
    """Return the classes of all rows; refuse a file whose numbers of pictures and labels differ."""
    parts: list[Array] = []
    for images, labels in zip(form.images, form.labels, strict=True):
        pictures, rows = _rows(file, images), _rows(file, labels)
        if pictures != rows:
            file.refuse(f"{images} holds {pictures} pictures, but {labels} holds {rows} labels")
        array = file.read(labels)
        parts.append(array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array)  # noqa: PLR2004  # [n, 1]
    if len({(array.dtype.kind in "SU", array.shape[1:]) for array in parts}) > 1:
        file.refuse("the labels of its parts have different types")
    names = file.read("class_names") if "class_names" in file.names else None
    return read_classes(np.concatenate(parts), names, ignored, file.source)


def _rows(file: Npz, name: str) -> int:
    shape = file.header(name).shape
    return shape[0] if shape else 0


def _people(file: Npz, form: _Form) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.uint8] | None, bool]:
    """Return the groups, the split (if the file has one), and whether the groups are persons."""
    if form.images != ["images"]:
        rows = [_rows(file, name) for name in form.images]
        parts = [name.removesuffix("_images") for name in form.images]
        groups = [f"{part}-{row}" for part, count in zip(parts, rows, strict=True) for row in range(count)]
        return np.array(groups, np.str_), np.repeat(np.array(form.sides, np.uint8), rows), False
    split = _split(file) if "split" in file.names else None
    name = next((each for each in ("groups", "subjects") if each in file.names), None)
    if name is None:
        return np.array([f"image-{row}" for row in range(_rows(file, "images"))], np.str_), split, False
    return as_texts(file.read(name), name, file.source), split, True


def _split(file: Npz) -> npt.NDArray[np.uint8]:
    """Return split [n]: 0 and 1, or names of parts."""
    values = as_texts(file.read("split"), "values of split", file.source)
    sides = {"0": TRAIN, "1": TEST}
    kinds, back = np.unique(values, return_inverse=True)
    for kind in kinds:
        part = part_of(str(kind))
        if part:
            sides[str(kind)] = TEST if part == Part.TEST else TRAIN
        elif str(kind) not in sides:
            file.refuse(f"a value of split is '{shown(str(kind))}', neither 0 (train) nor 1 (test)")
    return np.array([sides[str(kind)] for kind in kinds], np.uint8)[back.reshape(-1)]


def _images(file: Npz, form: _Form, keep: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Return the pictures of the rows to keep as uint8 [n, S, S, 3]; check the sizes before reading values."""
    sides = {_side_px(file, name) for name in form.images}
    if len(sides) > 1:
        file.refuse(f"its parts have images of different sizes ({', '.join(map(str, sorted(sides)))} px)")
    side, count = sides.pop(), int(keep.sum())
    if count * side * side * _CHANNELS > MAX_PIXEL_BYTES:
        file.refuse(f"its {count} pictures need more than {MAX_PIXEL_BYTES} bytes of memory")
    try:
        images = np.empty((count, side, side, _CHANNELS), np.uint8)
        read = done = 0
        for name in form.images:
            pictures = file.read(name, MAX_PIXEL_BYTES)
            chosen = pictures[keep[read : read + len(pictures)]]
            read += len(pictures)
            images[done : done + len(chosen)] = chosen if chosen.ndim == _RGB_DIMENSIONS else chosen[..., np.newaxis]
            done += len(chosen)
    except MemoryError as error:
        raise DatasetUnusable(file.source, "this machine does not have enough memory for its pictures") from error
    return images


def _frames(images: npt.NDArray[np.uint8], said: Frame | None) -> tuple[Verdict, ...]:
    """Return one verdict on what the pictures show, or none if they are not cells on black."""
    rows = np.unique(np.linspace(0, len(images) - 1, min(_LOOKED_AT, len(images))).round().astype(int))
    return judge([sight for row in rows if (sight := look(images[row]))], said)


def _cut(images: npt.NDArray[np.uint8], verdicts: Collection[Verdict]) -> npt.NDArray[np.uint8]:
    """Return the field of whole frames, and other pictures unchanged."""
    side = min((side_px(images.shape[1], each.frame) for each in verdicts if each.frame), default=images.shape[1])
    start = (images.shape[1] - side) // 2
    return np.ascontiguousarray(images[:, start : start + side, start : start + side])


def _side_px(file: Npz, name: str) -> int:
    """Return the side of an array's pictures; grey pictures are [n, S, S] or [n, S, S, 1]."""
    header = file.header(name)
    shape = header.shape
    grey = len(shape) == _GREY_DIMENSIONS
    square = len(shape) in {_GREY_DIMENSIONS, _RGB_DIMENSIONS} and shape[1] == shape[2]
    if header.dtype != np.uint8 or not square or not (grey or shape[3] in {1, _CHANNELS}):
        file.refuse(f"its {name} are {header.dtype} {list(shape)}, not uint8 [n, S, S, 3] or [n, S, S]")
    return shape[1]


def _cnmc_names(classes: Classes, groups: npt.NDArray[np.str_] | None) -> tuple[str, ...]:
    """Return the class names; labels 0 and 1 with subjects H.. and A.. of C-NMC become "hem" and "all"."""
    if groups is None or classes.names != ("0", "1") or len(groups) != len(classes.index):
        return classes.names
    marks = [{str(group)[:1] for group in np.unique(groups[classes.index == label])} for label in (0, 1)]
    named = all(_SUBJECT.fullmatch(str(group)) for group in np.unique(groups[classes.index >= 0]))
    meant = {("H", "A"): cnmc.CLASSES, ("A", "H"): cnmc.CLASSES[::-1]}
    both = tuple("".join(mark) for mark in marks)
    return meant.get((both[0], both[1]), classes.names) if named else classes.names


def _check_length(source: str, rows: int, *arrays: Array) -> None:
    if any(array.shape != (rows,) for array in arrays):
        raise DatasetUnusable(source, f"its groups or its split do not have {rows} values, one for each picture")


def _used(dataset: Dataset, undivided: bool) -> tuple[Used, ...]:
    rows = []
    for label, name in enumerate(dataset.class_names):
        for side, part in ((TRAIN, Part.UNSPLIT if undivided else Part.TRAIN), (TEST, Part.TEST)):
            mine = dataset.labels == label if dataset.marks is None else dataset.marks[:, label]
            count = int((mine & (dataset.split == side)).sum())
            rows += [Used(name, part, count)] if count else []
    return tuple(rows)


def _count(dataset: Dataset) -> int:
    return len(np.unique(dataset.groups))


def _looks(dataset: Dataset) -> list[Look]:
    """Return what is compared of each picture, without pictures of one colour."""
    looks = []
    for row, image in enumerate(dataset.images[: MOST + 1]):
        if image.min() != image.max():
            exact, name = hashlib.sha256(image).digest(), dataset.name_of(row)
            test = bool(dataset.split[row] == TEST)
            looks.append(Look(face_of(image), exact, f"row {row}", name, test, str(dataset.groups[row])))
    return looks


def _notes(dataset: Dataset, skipped: int, ignored: list[str]) -> tuple[str, ...]:
    """Return notes for the user: skipped rows, arrays that are not read, pictures that occur more than once."""
    notes = []
    if skipped:
        notes.append(f"{skipped} rows have an ignored label and are not used")
    if ignored:
        notes.append(f"{len(ignored)} arrays are not needed and were not read: {some(ignored)}")
    rows: defaultdict[bytes, list[int]] = defaultdict(list)
    for row, image in enumerate(dataset.images):
        rows[hashlib.sha256(image).digest()].append(row)
    again = [each for each in rows.values() if len(each) > 1]
    if again:
        labels = sum(len(set(map(dataset.name_of, each))) > 1 for each in again)
        sides = sum(len(set(dataset.split[each])) > 1 for each in again)
        notes.append(
            f"{len(again)} pictures occur more than once ({labels} of them in two classes, {sides} in training and in "
            "test); the file is used as it is"
        )
    return tuple(notes)
