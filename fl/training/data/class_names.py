"""Converts the labels in a file to class names.

Invariant: a class exists only if a picture has it or the file's own list names it. The numbers and the order of the
names have no meaning.

Source: MedMNIST and segmentation masks (255 as "no label").
Not here: what a class means (labels.py).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable
from fl.training.data.layouts import MAX_CLASSES
from fl.training.data.listing import shown
from fl.training.data.marks import Marks, marks_of, strata

NO_LABEL = 255
"""The number that many files use for "no label"."""
_NAME_LENGTH = 200

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Classes:
    """Class names, and for every row the index of its name; -1 for a row that is not used."""

    names: tuple[str, ...]
    index: npt.NDArray[np.int64]
    marks: Marks | None = None
    """bool [n, names] where a picture may have several labels; `index` is then the stratum (marks.py)."""


def read_classes(labels: Array, names: Array | None, ignored: Collection[str], source: str) -> Classes:
    """Return the classes of `labels` [n].

    Args:
        labels: Whole numbers, booleans, or texts; or [n, k] of 0 and 1 where a picture may have several of k labels.
        names: The file's own list of class names, indexed by whole numbers; None if it has none.
        ignored: Labels, as text, whose rows are not used.
        source: The file's name in errors.

    Raises:
        DatasetUnusable: a label is negative, too large, empty, unnamed, or 255 without an explanation.
    """
    if (marks := marks_of(labels)) is not None:
        return _marked(marks, names, ignored, source)
    values, back = np.unique(_plain(labels, source), return_inverse=True)
    if len(values) > MAX_CLASSES + len(ignored):
        raise DatasetUnusable(source, f"it has {len(values)} different labels; at most {MAX_CLASSES} are accepted")
    shown_values = [_text(value) for value in values]
    kept = [text for text in shown_values if text not in ignored]
    if not kept:
        raise DatasetUnusable(source, "the labels of all rows are ignored")
    own = None if names is None else read_names(names, source)
    chosen = _by_number(kept, own, source) if values.dtype.kind != "U" else _by_text(kept, own, source)
    order = own or tuple(dict.fromkeys(chosen[text] for text in kept))
    places = {name: place for place, name in enumerate(order)}
    to_place = [places[chosen[text]] if text in chosen else -1 for text in shown_values]
    return Classes(order, np.array(to_place, np.int64)[back.reshape(-1)])


def _marked(marks: Marks, names: Array | None, ignored: Collection[str], source: str) -> Classes:
    """Return the labels of pictures that may have several; without names they are called "0", "1", ..."""
    labels = marks.shape[1]
    if labels > MAX_CLASSES or ignored:
        why = (
            f"its pictures may have several of {labels} labels; at most {MAX_CLASSES} are accepted, and none to ignore"
        )
        raise DatasetUnusable(source, why)
    own = tuple(map(str, range(labels))) if names is None else read_names(names, source)
    if len(own) != labels:
        raise DatasetUnusable(source, f"it has {len(own)} class_names for {labels} columns of labels")
    return Classes(own, strata(marks), marks)


def read_names(names: Array, source: str) -> tuple[str, ...]:
    """Return a file's own class names.

    Raises:
        DatasetUnusable: they are not a list of different texts, or too many.
    """
    flat = _plain(names.reshape(-1), source)
    if flat.dtype.kind != "U" or not 1 <= len(flat) <= MAX_CLASSES:
        raise DatasetUnusable(
            source, f"its class_names are {names.dtype} {list(names.shape)}, not 1 to {MAX_CLASSES} names"
        )
    texts = tuple(unicodedata.normalize("NFC", str(name)) for name in flat)
    if len(set(texts)) != len(texts):
        raise DatasetUnusable(source, "a name occurs twice among its class_names")
    for name in texts:
        _check_name(name, source)
    return texts


def as_texts(values: Array, what: str, source: str) -> npt.NDArray[np.str_]:
    """Return whole numbers or texts, [n] or [n, 1], as texts [n].

    Raises:
        DatasetUnusable: they have another type or shape.
    """
    flat = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values  # noqa: PLR2004  # [n, 1]
    if flat.ndim != 1 or flat.dtype.kind not in "iuSU":
        raise DatasetUnusable(source, f"its {what} are {values.dtype} {list(values.shape)}, not texts or numbers [n]")
    return _decoded(flat, source).astype(np.str_)


def _plain(labels: Array, source: str) -> Array:
    """Return labels as int64, uint64 or text [n]."""
    flat = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels  # noqa: PLR2004  # [n, 1]
    if flat.ndim != 1 or flat.dtype.kind not in "biuSU" or not flat.size:
        advice = ""
        if labels.ndim == 2 and labels.shape[1] > 1:  # noqa: PLR2004  # one-hot, or several labels
            advice = _advice_on_rows(labels)
        elif flat.dtype.kind == "f":
            advice = "; if they are whole numbers, save labels.astype(int)"
        why = f"its labels are {labels.dtype} {list(labels.shape)}, not whole numbers or texts [n]{advice}"
        raise DatasetUnusable(source, why)
    return flat.astype(np.uint8) if flat.dtype.kind == "b" else _decoded(flat, source)


def _advice_on_rows(labels: Array) -> str:
    """Return what to do with labels [n, k]."""
    if labels.dtype.kind in "biu" and np.isin(labels, (0, 1)).all():
        return "; every row has exactly one 1, so take labels.argmax(axis=1): one class per picture"
    return "; where a picture may have several labels, each column holds 0 or 1"


def _decoded(values: Array, source: str) -> Array:
    if values.dtype.kind != "S":
        return values
    try:
        return np.char.decode(values.astype(np.bytes_), "utf-8")
    except UnicodeDecodeError as error:
        raise DatasetUnusable(source, "a text in it is not in UTF-8") from error


def _text(value: np.generic) -> str:
    return unicodedata.normalize("NFC", str(value))


def _by_number(kept: list[str], own: tuple[str, ...] | None, source: str) -> dict[str, str]:
    limit = MAX_CLASSES if own is None else len(own)
    for text in kept:
        if not 0 <= int(text) < limit:
            advice = f'; if it means "no label", add --ignore-label {text}'
            raise DatasetUnusable(source, f"a row has the label {text}; labels are 0 to {limit - 1}{advice}")
    if own is None and str(NO_LABEL) in kept and str(NO_LABEL - 1) not in kept:
        why = f'rows have the label {NO_LABEL}, which often means "no label": add --ignore-label {NO_LABEL}'
        raise DatasetUnusable(source, f"{why}, or number the classes from 0")
    return {text: own[int(text)] if own else text for text in kept}


def _by_text(kept: list[str], own: tuple[str, ...] | None, source: str) -> dict[str, str]:
    """Return the class name of each text: itself."""
    for text in kept:
        _check_name(text, source)
        if own is not None and text not in own:
            raise DatasetUnusable(source, f"a row has the label {shown(text)}, which is not among its class_names")
    return {text: text for text in kept}


def _check_name(name: str, source: str) -> None:
    if not name.strip() or len(name) > _NAME_LENGTH or any(ord(each) < ord(" ") for each in name):
        raise DatasetUnusable(source, f"the class name {shown(name)!r} is empty, too long, or has control characters")
