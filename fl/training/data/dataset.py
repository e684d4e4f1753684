"""One hospital's labelled images in memory, and their file.

Invariant: every `Dataset` is consistent: its arrays have one length, every label has a class name, and no subject group
is in both train and test.

Source: the data set's README (groups and split of C-NMC); numpy's .npz without pickle.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import numpy.typing as npt

from fl.files import write_atomic
from fl.protocol.errors import DatasetUnusable
from fl.training.data.listing import Listing, shown
from fl.training.data.marks import Marks, fits, joined
from fl.training.data.npz import MAX_PIXEL_BYTES, MAX_SIDE_BYTES, open_npz
from fl.training.pictures.images import fit_square

TRAIN, TEST = 0, 1
_KEYS = frozenset({"images", "labels", "groups", "split", "class_names"})
DRAWN_KEY = "drawn"
"""A file contains this array only if a program drew its pictures; the values do not matter."""
MARKS_KEY = "marks"
_FORMS = tuple(_KEYS | more for more in (set(), {DRAWN_KEY}, {MARKS_KEY}, {DRAWN_KEY, MARKS_KEY}))

G = TypeVar("G", bound=np.generic)
Index = npt.NDArray[np.int64] | npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with labels.

    Attributes:
        images: uint8 [n, S, S, 3].
        labels: int64 [n], an index into `class_names`; with marks, the stratum (marks.py).
        groups: text [n]; images of one person, or of persons that cannot be told apart, share a group.
        split: uint8 [n], 0 = train, 1 = test.
        class_names: One name per class. After loading they are the source's own names, in an order without meaning.
        source: The name of the data in errors.
        listing: Which files of the source are used, if it was just read.
        drawn: Whether the source says that a program drew the pictures.
        marks: bool [n, classes] where an image may have several of the classes, or none; else None.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.str_]
    split: npt.NDArray[np.uint8]
    class_names: tuple[str, ...]
    source: str = "data set"
    listing: Listing | None = None
    drawn: bool = False
    marks: Marks | None = None

    def __post_init__(self) -> None:
        """Raise DatasetUnusable if an array has a wrong shape or type, a label no name, or a group is in both parts."""
        n = len(self.images)
        if n == 0:
            self._refuse("there are no images")
        shape = self.images.shape
        if self.images.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or shape[1] != shape[2]:  # noqa: PLR2004
            self._refuse(f"the images are {self.images.dtype} {list(shape)}, not uint8 [n, S, S, 3]")
        for name, values, dtype in (
            ("labels", self.labels, np.int64),
            ("groups", self.groups, np.str_),
            ("split", self.split, np.uint8),
        ):
            if values.shape != (n,) or not np.issubdtype(values.dtype, dtype):
                self._refuse(f"the {name} are {values.dtype} {list(values.shape)}, not {dtype.__name__} [{n}]")
        if self.labels.min() < 0 or self.labels.max() >= self.strata:
            self._refuse(f"a label is not in 0 to {len(self.class_names) - 1}")
        if self.marks is not None and not fits(self.marks, self.labels, len(self.class_names)):
            self._refuse("its marks are not bool [n, labels], or its labels contradict them")
        if self.split.max() > TEST:
            self._refuse("a value of split is neither 0 (train) nor 1 (test)")
        both = np.intersect1d(self.groups[self.split == TRAIN], self.groups[self.split == TEST])
        if both.size:
            self._refuse(f"{both.size} subject groups are in train and in test")

    def _refuse(self, why: str) -> None:
        raise DatasetUnusable(self.source, why)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def strata(self) -> int:
        """Return how many kinds of images `labels` tells apart: the classes, and with marks also "none of them"."""
        return len(self.class_names) + (self.marks is not None)

    def name_of(self, row: int) -> str:
        """Return the class of one image, or its labels, as text."""
        if self.marks is None:
            return self.class_names[int(self.labels[row])]
        return joined(self.class_names, self.marks[row])

    @property
    def size_px(self) -> int:
        """Return the side of every image in pixels."""
        return int(self.images.shape[1])

    def take(self, index: Index) -> Dataset:
        """Return the images at `index` (positions or a mask)."""
        return replace(
            self,
            images=self.images[index],
            labels=self.labels[index],
            groups=self.groups[index],
            split=self.split[index],
            marks=None if self.marks is None else self.marks[index],
            listing=None,
        )

    def part(self, split: int) -> Dataset:
        """Return the train (0) or the test (1) images.

        Raises:
            DatasetUnusable: there are none.
        """
        if not self.has(split):
            self._refuse(f"there are no {'test' if split else 'training'} images")
        return self.take(self.split == split)

    def has(self, split: int) -> bool:
        """Return whether there are train (0) or test (1) images."""
        return bool((self.split == split).any())

    def fitted(self, size_px: int) -> Dataset:
        """Return the images scaled to `size_px` (images.fit_square)."""
        if self.size_px == size_px:
            return self
        return replace(self, images=np.stack([fit_square(image, size_px) for image in self.images]))

    def for_model(self, size_px: int, classes: int) -> Dataset:
        """Return the images in the size of a model.

        Raises:
            DatasetUnusable: there are more classes than the model has outputs.
        """
        if len(self.class_names) > classes:
            self._refuse(f"it has {len(self.class_names)} classes, but the model knows only {classes}")
        return self.fitted(size_px)

    def class_counts(self) -> npt.NDArray[np.int64]:
        """Return int64 [classes], the number of images of each class, or with each label."""
        if self.marks is not None:
            return np.asarray(self.marks.sum(axis=0), np.int64)
        return np.bincount(self.labels, minlength=len(self.class_names)).astype(np.int64)


def check_trainable(dataset: Dataset) -> Dataset:
    """Return `dataset` if a classifier can be learned from it.

    Raises:
        DatasetUnusable: it has only one class, or no training images.
    """
    train = dataset.part(TRAIN)
    counts = train.class_counts()
    if train.marks is not None:
        return _check_marks(dataset, counts, len(train))
    if np.count_nonzero(counts) < 2:  # noqa: PLR2004  # two classes are what "classify" means
        name = dataset.class_names[int(counts.argmax())]
        raise DatasetUnusable(dataset.source, f"all training images have one class ({name})")
    return dataset


def _check_marks(dataset: Dataset, counts: npt.NDArray[np.int64], images: int) -> Dataset:
    if ((counts == 0) | (counts == images)).all():
        raise DatasetUnusable(dataset.source, "none of its labels is on some training images and missing on others")
    return dataset


def save_dataset(dataset: Dataset, path: Path) -> None:
    """Write `dataset` to one .npz file, whole or not at all.

    Raises:
        StorageFull: it could not be written.
    """
    buffer = io.BytesIO()
    said: dict[str, Any] = {DRAWN_KEY: np.ones((), np.bool_)} if dataset.drawn else {}
    said |= {} if dataset.marks is None else {MARKS_KEY: dataset.marks}
    np.savez_compressed(
        buffer,
        images=dataset.images,
        labels=dataset.labels,
        groups=dataset.groups,
        split=dataset.split,
        class_names=np.array(dataset.class_names),
        **said,
    )
    write_atomic(path, buffer.getvalue())


def load_dataset(path: Path) -> Dataset:
    """Read what `save_dataset` wrote.

    Raises:
        DatasetUnusable: the file is missing or damaged, or has other content.
    """
    with open_npz(path) as file:
        if file.names not in _FORMS:
            file.refuse(f"it holds {sorted(map(shown, file.names))}, not {sorted(_KEYS)}")
        drawn = DRAWN_KEY in file.names
        arrays = {name: file.read(name, MAX_PIXEL_BYTES if name == "images" else MAX_SIDE_BYTES) for name in _KEYS}
        marks = _typed(file.read(MARKS_KEY), np.bool_, path) if MARKS_KEY in file.names else None
    names = tuple(str(name) for name in arrays["class_names"].reshape(-1))
    images, labels = _typed(arrays["images"], np.uint8, path), _typed(arrays["labels"], np.int64, path)
    groups, split = _typed(arrays["groups"], np.str_, path), _typed(arrays["split"], np.uint8, path)
    return Dataset(images, labels, groups, split, names, path.name, drawn=drawn, marks=marks)


def is_stored(path: Path) -> bool:
    """Return whether `save_dataset` wrote a file; only its list of arrays is read.

    Raises:
        DatasetUnusable: it is not an .npz file.
    """
    with open_npz(path) as file:
        return file.names in _FORMS


def _typed(array: npt.NDArray[np.generic], kind: type[G], path: Path) -> npt.NDArray[G]:
    """Return `array` if its values have the type `kind`."""
    if not issubclass(array.dtype.type, kind):
        raise DatasetUnusable(path.name, f"an array is {array.dtype}, not {kind.__name__}")
    return cast("npt.NDArray[G]", array)
