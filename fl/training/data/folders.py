"""Reads data sets from folders of image files.

Invariant: every file below the folder is either used or listed with a reason. If no picture of a class can be used, the
folder is refused; a class never disappears silently.

Source: walk.py (the files), layouts.py and cnmc.py (what their places and names mean), duplicates.py.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable, ImageUnreadable
from fl.training.data import cnmc
from fl.training.data.all_idb import arrange_all_idb
from fl.training.data.dataset import TEST, TRAIN, Dataset, check_trainable
from fl.training.data.duplicates import Seen, sort_out
from fl.training.data.frames import Sight, Verdict, fit_cell, judge, look, sentences
from fl.training.data.layouts import arrange_by_class
from fl.training.data.listing import LeftOut, LeftOutReason, Listing, Part, Used, shown, some
from fl.training.data.look_alikes import MOST, Face, Look, face_of, look_alikes
from fl.training.data.marks import JOINT, Marks, strata, told
from fl.training.data.partition import split_holdout
from fl.training.data.placing import Arrangement, Placed
from fl.training.data.reading import STRICT, SourceReading
from fl.training.data.tables import arrange_by_table
from fl.training.data.walk import FoundFile, open_regular, walk
from fl.training.pictures.images import MAX_BYTES, Pixels, decode_image
from fl.training.pictures.kinds import READ_TYPES

MAX_ARRAY_BYTES = 4 * 2**30
"""Memory for the fitted pictures of one folder."""
Keep = Callable[[int, Pixels, Sight | None], None]
"""(row, pixels, what they say about their scale): called for every decoded picture."""
_ONE_CLASS = "all images are of one class"


@dataclass(frozen=True)
class _Survey:
    """The result of decoding all pictures of a folder."""

    listing: Listing
    used: tuple[Seen, ...]
    several: tuple[str, ...] | None
    sights: Mapping[int, Sight]
    """By row, for pictures of cells on black."""
    verdicts: tuple[Verdict, ...]


def check_folder(folder: Path, reading: SourceReading = STRICT) -> Listing:
    """Return the list of a folder's files; every picture is decoded, but no pixels are kept.

    Raises:
        DatasetUnusable: there is no such folder, or it contains too many files.
    """
    return _survey(folder, _arranged(folder), reading, lambda _row, _pixels, _sight: None).listing


def load_folder(folder: Path, size_px: int, seed: int = 0, reading: SourceReading = STRICT) -> Dataset:
    """Read a folder of images in one of the layouts that docs/data.md shows.

    The class names are the folders' names (or "hem" and "all" of C-NMC), in an order without meaning. A split into
    training and test folders is kept; otherwise about a fifth of the persons is held out.

    Args:
        folder: The folder.
        size_px: Side of the resulting images.
        seed: For the choice of the test part.
        reading: What the user allows or states about the folder.

    Raises:
        DatasetUnusable: there is no such folder, its layout is unknown, a class has no usable picture, or there is only
            one class.
        ImageUnreadable: a picture is damaged; the message names the first one and the number of others.
    """
    arrangement = _arranged(folder)
    images = _room(folder, sum(each.entry.reason is None for each in arrangement.placed), size_px)

    def keep(row: int, pixels: Pixels, sight: Sight | None) -> None:
        images[row] = fit_cell(pixels, size_px, sight, reading.frame)

    survey = _survey(folder, arrangement, reading, keep)
    check_listing(survey.listing, skip_damaged=reading.skip_damaged, one_class=reading.one_class)
    _fit_again(survey, reading, images)
    dataset = _dataset(survey, images, seed)
    return dataset if reading.one_class else check_trainable(dataset)


def _arranged(folder: Path) -> Arrangement:
    """Return the files of `folder`, each with its place or with a reason."""
    if not folder.is_dir():
        raise DatasetUnusable(shown(folder.name), "there is no such folder")
    entries = walk(folder)
    meant = [entry for entry in entries if entry.reason is None or entry.reason.picture]
    others = [entry for entry in entries if entry.reason is not None and not entry.reason.picture]
    if not any(entry.reason is None for entry in meant):
        refusal = f"the folder holds no {READ_TYPES.replace(' and ', ' or ')} images"
        return Arrangement("no pictures", left_out=tuple(entries), refusals=(refusal,))
    sides = [entry for entry in others if entry.reason == LeftOutReason.SIDE]
    known = cnmc.arrange_c_nmc(meant, sides) or arrange_by_table(meant, sides) or arrange_all_idb(meant)
    arrangement = known or arrange_by_class(meant)
    return replace(arrangement, left_out=(*arrangement.left_out, *others))


def _survey(folder: Path, arrangement: Arrangement, reading: SourceReading, keep: Keep) -> _Survey:
    """Decode every placed picture, one at a time, and call `keep` for it."""
    left = [each for each in arrangement.left_out if each.reason is not None]
    left += [each.entry for each in arrangement.placed if each.entry.reason is not None]
    pictures: list[Seen] = []
    sights: dict[int, Sight] = {}
    faces: dict[int, Face] = {}
    for placed in arrangement.placed:
        if placed.entry.reason is not None:
            continue
        pixels = _decode(placed.entry, reading)
        if isinstance(pixels, FoundFile):
            left.append(pixels)
            continue
        row, sight = len(pictures), look(pixels)
        keep(row, pixels, sight)
        if sight:
            sights[row] = sight
        pictures.append(Seen(placed, _digest(pixels), row, plain=bool(pixels.min() == pixels.max())))
        if reading.look_alikes and row <= MOST and not pictures[-1].plain:
            faces[row] = face_of(pixels)
    used, duplicates, joined = sort_out(pictures)
    verdicts = judge([sights[seen.row] for seen in used if seen.row in sights], reading.frame)
    notes = (
        *arrangement.notes,
        *([f"{joined} persons share pictures with another person; they count as one person"] if joined else ()),
        *sentences(verdicts),
        *look_alikes([_look(seen, faces[seen.row]) for seen in used if seen.row in faces]),
    )
    listing = _listing(folder, arrangement, used, [*left, *duplicates])
    notes = (*listing.notes, *notes)
    return _Survey(replace(listing, notes=notes), tuple(used), arrangement.several, sights, verdicts)


def _look(seen: Seen, face: Face) -> Look:
    placed = seen.placed
    test = placed.part == Part.TEST
    return Look(face, seen.digest, placed.entry.name, placed.class_name or "", test, placed.group)


def _fit_again(survey: _Survey, reading: SourceReading, images: npt.NDArray[np.uint8]) -> None:
    """Fit pictures again if their own cell suggested another frame than all cells together."""
    frames = {verdict.size: verdict.frame for verdict in survey.verdicts}
    for seen in survey.used:
        sight = survey.sights.get(seen.row)
        if sight is None or sight.side(reading.frame) == sight.side(frames[sight.size]):
            continue
        pixels = _decode(seen.placed.entry, reading)
        if isinstance(pixels, FoundFile) or _digest(pixels) != seen.digest:
            raise ImageUnreadable(shown(seen.placed.entry.name), "it changed while it was being read")
        images[seen.row] = fit_cell(pixels, images.shape[1], sight, frames[sight.size])


def _decode(entry: FoundFile, reading: SourceReading = STRICT) -> Pixels | FoundFile:
    """Return the pixels of a picture, or the entry with the reason why it cannot be read."""
    try:
        return decode_image(_read(entry), shown(entry.name), reading.picture)
    except ImageUnreadable as error:
        flag = "; here: --page" if error.pages else "; here: --bits" if error.bits else ""
        return entry.out(LeftOutReason.DAMAGED, error.why + flag)
    except _Changed:
        return entry.out(LeftOutReason.CHANGED)
    except OSError as error:
        return entry.out(LeftOutReason.UNREADABLE, error.strerror or str(error))


class _Changed(Exception):
    """The length of a file changed while it was read."""


def _read(entry: FoundFile) -> bytes:
    with open_regular(entry.path) as file:
        data = file.read(min(entry.size, MAX_BYTES) + 1)
    if len(data) != entry.size:
        raise _Changed
    return data


def _digest(pixels: Pixels) -> bytes:
    digest = hashlib.sha256(str(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def _listing(folder: Path, arrangement: Arrangement, used: Sequence[Seen], left: Sequence[FoundFile]) -> Listing:
    rows = Counter((name, seen.placed.part) for seen in used for name in _labels(arrangement, seen.placed))
    counted = tuple(Used(name, part, count) for (name, part), count in sorted(rows.items()))
    persons = len({seen.placed.group for seen in used if seen.placed.is_person})
    gone = tuple(sorted((entry.left_out() for entry in left), key=lambda item: (item.reason, item.name)))
    refusals = arrangement.refusals or tuple(_refusals(arrangement, counted, gone))
    source, images = folder.resolve().name or str(folder), len(used) if arrangement.several else 0
    listing = Listing(source, arrangement.layout, counted, persons, gone, (), refusals, images, arrangement.named)
    marks = _marks(arrangement.several, used)
    return listing if marks is None else replace(listing, notes=tuple(told(marks)))


def _labels(arrangement: Arrangement, placed: Placed) -> list[str]:
    """Return the labels of one picture."""
    name = placed.class_name or ""
    return [name] if arrangement.several is None else [part for part in name.split(JOINT) if part]


def _marks(names: tuple[str, ...] | None, used: Sequence[Seen]) -> Marks | None:
    """Return bool [n, names] where a picture may have several labels."""
    if names is None:
        return None
    own = [set((seen.placed.class_name or "").split(JOINT)) for seen in used]
    return np.array([[name in each for name in names] for each in own], np.bool_).reshape(len(own), len(names))


def _refusals(arrangement: Arrangement, used: Sequence[Used], left: Sequence[LeftOut]) -> Iterator[str]:
    """Yield why placed pictures are not a data set: a class or side without pictures, or only one class."""
    gone = {item.name: item for item in left}
    placed = [each for each in arrangement.placed if each.class_name is not None]
    meant = {(name, each.part == Part.TEST) for each in placed for name in _labels(arrangement, each)}
    kept = {(row.class_name, row.part == Part.TEST) for row in used}
    lost = {name for name, _test in meant - kept}
    if lost:
        where = " on one side of the split" if lost & _names(used) else ""
        names = [each.entry.name for each in placed if lost & set(_labels(arrangement, each))]
        files = some(str(gone[name]) for name in names if name in gone)
        yield f"no picture of {some(lost)} can be used{where}: {files}"
    elif len(_names(used)) == 1 and arrangement.several is None:
        yield f"{_ONE_CLASS} ({some(_names(used))})"


def _names(used: Sequence[Used]) -> set[str]:
    return {row.class_name for row in used}


def check_listing(listing: Listing, *, skip_damaged: bool = False, one_class: bool = False) -> None:
    """Check that a folder with this list can be used.

    Raises:
        DatasetUnusable: the list contains a refusal.
        ImageUnreadable: files are damaged, and `skip_damaged` is false.
    """
    if listing.stopping and not skip_damaged:
        first, more = listing.stopping[0], len(listing.stopping) - 1
        why = f"{first.detail or first.reason}{f' (and {more} more files cannot be used)' if more else ''}"
        hint = "`hemaledger data check` lists all such files; --skip-damaged continues without them"
        raise ImageUnreadable(shown(first.name), f"{shown(why)}. {hint}")
    refusals = [why for why in listing.refusals if not (one_class and why.startswith(_ONE_CLASS))]
    if refusals:
        raise DatasetUnusable(shown(listing.source), ". ".join(refusals))


def _room(folder: Path, pictures: int, size_px: int) -> npt.NDArray[np.uint8]:
    """Return memory for this many pictures, or raise DatasetUnusable."""
    wanted = pictures * size_px * size_px * 3
    if wanted > MAX_ARRAY_BYTES:
        why = f"{pictures} pictures of {size_px} x {size_px} pixels need {wanted} bytes; the limit is {MAX_ARRAY_BYTES}"
        raise DatasetUnusable(shown(folder.name), why)
    try:
        return np.empty((pictures, size_px, size_px, 3), np.uint8)
    except MemoryError as error:
        raise DatasetUnusable(shown(folder.name), f"this machine does not have {wanted} bytes of memory") from error


def _dataset(survey: _Survey, images: npt.NDArray[np.uint8], seed: int) -> Dataset:
    """Return the used pictures (moved together in place) with their labels, groups and split."""
    listing, used = survey.listing, survey.used
    for position, seen in enumerate(used):
        images[position] = images[seen.row]
    marks = _marks(survey.several, used)
    names, labels = _classes(used) if marks is None else (survey.several or (), strata(marks))
    groups = np.array([seen.placed.group for seen in used])
    split = np.array([TEST if seen.placed.part == Part.TEST else TRAIN for seen in used], np.uint8)
    dataset = Dataset(images[: len(used)], labels, groups, split, names, listing.source, listing, marks=marks)
    return dataset if dataset.has(TEST) else split_holdout(dataset, seed=seed)


def _classes(used: Sequence[Seen]) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return the names of classes, and the class of each picture, int64 [n]."""
    present = {seen.placed.class_name or "" for seen in used}
    names = cnmc.CLASSES if present == set(cnmc.CLASSES) else tuple(sorted(present))
    return names, np.array([names.index(seen.placed.class_name or "") for seen in used], np.int64)
