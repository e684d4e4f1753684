"""Marks: which of several labels each image has, where it may have more than one, or none.

Invariant: column k is about label k. An image's stratum, the one number by which images are divided and drawn, is the
rarest of its labels, or the number of labels if it has none.

Source: K. Sechidis et al., "On the Stratification of Multi-Label Data", 2011 (the rarest label first).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Marks = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
CELLS = {"0": False, "1": True, "0.0": False, "1.0": True}
"""How a table writes that a picture does not have a label, or has it."""
JOINT = "|"
"""Between the labels of one image, as in `Effusion|Nodule`."""


def strata(marks: Marks) -> Ints:
    """Return int64 [n], the stratum of each row of `marks` [n, labels]."""
    labels = marks.shape[1]
    order = np.argsort(marks.sum(axis=0), kind="stable")  # the rarest first; of equals, the first
    first = marks[:, order].argmax(axis=1)
    return np.asarray(np.where(marks.any(axis=1), order[first], labels), np.int64)


def fits(marks: Marks, labels: Ints, names: int) -> bool:
    """Return whether `marks` [n, names] are marks, and `labels` [n] strata that they allow."""
    if marks.dtype != np.bool_ or marks.shape != (len(labels), names):
        return False
    some = labels < names
    rows = np.flatnonzero(some)
    return bool(marks[rows, labels[rows]].all() and not marks[~some].any())


def marks_of(rows: npt.NDArray[np.generic]) -> Marks | None:
    """Return labels [n, k] as marks if they are 0 and 1, and some row has several or none; else None."""
    if rows.ndim != 2 or rows.shape[1] < 2 or rows.dtype.kind not in "biu":  # noqa: PLR2004  # [n, k], two labels
        return None
    if not rows.size or not np.isin(rows, (0, 1)).all():
        return None
    marks = rows.astype(np.bool_)
    return marks if (marks.sum(axis=1) != 1).any() else None


def told(marks: Marks) -> Iterator[str]:
    """Yield how many pictures have several labels, and how many none."""
    count = marks.sum(axis=1)
    several, none = int((count > 1).sum()), int((count == 0).sum())
    yield f"a picture may have several labels: {several} have several, {none} have none"


def read_joined(texts: Sequence[str]) -> tuple[tuple[str, ...], Marks]:
    """Return the names in texts such as `A|B`, sorted, and the marks [n, names]; an empty text has no label."""
    parts = [{part.strip() for part in text.split(JOINT)} - {""} for text in texts]
    names = tuple(sorted(set().union(*parts)))
    return names, np.array([[name in own for name in names] for own in parts], np.bool_).reshape(len(parts), len(names))


def all_marks(marks: Sequence[Marks | None]) -> Marks | None:
    """Return the marks of several data sets one after the other; None where an image has one class."""
    known = [one for one in marks if one is not None]
    return np.concatenate(known) if known else None


def joined(names: Sequence[str], row: npt.NDArray[np.bool_]) -> str:
    """Return one row of marks as a text."""
    return JOINT.join(name for name, mark in zip(names, row, strict=True) if mark)
