"""C-NMC 2019: the names of its files, and the label tables of its test data.

Invariant: class and person of a file come from its name or from a table; the folders around it are never classes.

Source: the data's README (names, linked subjects); the download of the Cancer Imaging Archive and its copies.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fl.training.data.layouts import UNDERSTOOD, part_of
from fl.training.data.listing import LeftOutReason, Part, some
from fl.training.data.placing import Arrangement, Placed
from fl.training.data.walk import FoundFile, open_regular

CLASSES = ("hem", "all")
"""The names of the source for label 0 (healthy) and 1 (leukemia)."""
NAME = re.compile(r"UID_(H?)(\d+)_(\d+)_(\d+)_(all|hem)\.\w+", re.IGNORECASE)
"""Groups: mark of a healthy person, subject, microscope field, cell, class."""
LINKED = {"A75": "A51", "A78": "A51", "A21": "A20", "H03": "H10", "H04": "H02", "H05": "H02", "H06": "H02"}
"""Subjects that the official data cannot tell apart (the data's README), and the subject that replaces each."""
_COLUMNS = ("patient_id", "new_names", "labels")
_ODD_SHARE = 4
"""If there is more than one odd name per this many C-NMC names, the folder also holds other data."""
_TABLE_CAP = 4 * 2**20
_TABLES = 64
"""The most tables that are read."""
_TEST_PHASE = re.compile(r"cnmctest(prelim|final)", re.IGNORECASE)


@dataclass(frozen=True)
class _Row:
    """A table's row about one file."""

    label: int
    subject: str
    agrees: bool
    """Whether the name in the row means the same class as the label."""


@dataclass(frozen=True)
class _Table:
    """One label table: the place of its pictures, and its rows by file name."""

    entry: FoundFile
    rows: dict[str, _Row]
    bad_rows: int
    folder: str | None = None
    """The folder (lower case) that the table is named after; None if there is no such folder."""

    def covers(self, entry: FoundFile) -> bool:
        """Return whether this table is about a picture."""
        around = self.entry.parts[:-1]
        if entry.parts[: len(around)] != around:
            return False
        if self.folder is None:
            return entry.parts[-1].casefold() in self.rows
        return self.folder in {part.casefold() for part in entry.parts[:-1]}

    def among(self, entries: Sequence[FoundFile]) -> _Table:
        """Return the table with the folder that it is named after, if one of `entries` is in such a folder."""
        stem = re.sub(r"[-_ ]?labels?$", "", self.entry.parts[-1].rsplit(".", 1)[0], flags=re.IGNORECASE).casefold()
        there = any(part.casefold() == stem for entry in entries for part in entry.parts[:-1])
        return replace(self, folder=stem) if there else self


def parse_name(name: str) -> tuple[str, int] | None:
    """Return subject group and label (1 = leukemia) of a C-NMC file name, or None for any other name.

    The subject has the form of the prepared arrays: A or H and at least two digits. Linked subjects share a group.
    """
    match = NAME.fullmatch(name)
    if match is None:
        return None
    label = int(match[5].lower() == "all")
    if bool(match[1]) == bool(label):
        return None  # the mark of a healthy person contradicts the class, or the reverse
    return _subject("A" if label else "H", match[2]), label


def _subject(mark: str, number: str) -> str:
    digits = number.lstrip("0") or "0"
    subject = f"{mark}{digits:0>2}"
    return LINKED.get(subject, subject)


def arrange_c_nmc(entries: Sequence[FoundFile], sides: Sequence[FoundFile]) -> Arrangement | None:
    """Return the entries arranged as C-NMC, or None if they are not C-NMC.

    They are C-NMC if names or tables of C-NMC identify more than half of the pictures.

    Args:
        entries: Pictures, and files that may be meant as pictures.
        sides: Tables and texts in the same folders.
    """
    csvs = [entry for entry in sides if entry.parts[-1].casefold().endswith(".csv")][:_TABLES]
    tables = [table.among(entries) for entry in csvs if (table := _read_table(entry))]
    outcomes = [_place(entry, tables) for entry in entries]
    named = sum(1 for each in outcomes if isinstance(each, Placed) and each.class_name and each.entry.reason is None)
    odd = sum(1 for each in outcomes if isinstance(each, Placed) and not each.class_name)
    if named == 0 or named <= odd:
        return None
    if odd * _ODD_SHARE > named:
        why = f"{named} of its pictures have C-NMC names, but {odd} do not. Give only the folder of C-NMC"
        return Arrangement("not understood", refusals=(f"{why}; {UNDERSTOOD}",))
    placed = [each for each in outcomes if isinstance(each, Placed)]
    left = [each for each in outcomes if isinstance(each, FoundFile)]
    notes = [note for table in tables for note in _table_notes(table, placed)]
    return Arrangement("C-NMC, classes and persons by the names of its files", tuple(placed), tuple(left), tuple(notes))


def _place(entry: FoundFile, tables: Sequence[_Table]) -> Placed | FoundFile:
    """Return the place of one file, or the file with the reason why it has none."""
    name = entry.parts[-1]
    parsed = parse_name(name)
    if parsed:
        return _named(entry, *parsed)
    table = next((each for each in tables if each.covers(entry)), None)
    row = table.rows.get(name.casefold()) if table else None
    if row:
        return Placed(entry, CLASSES[row.label], Part.TEST, row.subject, is_person=True)
    if entry.reason is not None:
        return entry
    if table or any(_TEST_PHASE.search(re.sub(r"[^A-Za-z]", "", part)) for part in entry.parts[:-1]):
        return entry.out(
            LeftOutReason.NO_LABEL, "no row of the table" if table else "test data of C-NMC without a table"
        )
    return Placed(entry, None, Part.UNSPLIT, "/".join(entry.parts), is_person=False)


def _named(entry: FoundFile, subject: str, label: int) -> Placed | FoundFile:
    """Place a file by its C-NMC name, unless a folder around it is named after the other class."""
    folders = {part.casefold() for part in entry.parts[:-1]}
    if CLASSES[1 - label] in folders and entry.reason is None:
        return entry.out(LeftOutReason.ODD_NAME, f"its name says {CLASSES[label]}, its folder {CLASSES[1 - label]}")
    parts = {part_of(part) for part in entry.parts[:-1]} - {None}
    part = Part.TEST if Part.TEST in parts else Part.TRAIN if parts else Part.UNSPLIT
    return Placed(entry, CLASSES[label], part, subject, is_person=True)


def _read_table(entry: FoundFile) -> _Table | None:
    """Return a label table, or None if the file is not one."""
    if not 0 < entry.size <= _TABLE_CAP:
        return None
    try:
        with open_regular(entry.path) as file:
            text = file.read(_TABLE_CAP).decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text)))
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    header = [column.strip().casefold() for column in lines[0]] if lines else []
    if not set(_COLUMNS) <= set(header):
        return None
    at = tuple(header.index(column) for column in _COLUMNS)
    body = [line for line in lines[1:] if any(cell.strip() for cell in line)]
    rows = [_row(line, at) for line in body]
    seen = Counter(name for name, _ in rows)
    kept = {name: row for name, row in rows if row and seen[name] == 1}
    return _Table(entry, kept, len(body) - len(kept))


def _row(line: Sequence[str], at: tuple[int, ...]) -> tuple[str, _Row | None]:
    """Return a line's file name (case folded) and its row, or None if the line is not clear."""
    if len(line) <= max(at):
        return "", None
    patient, name, label = (line[index].strip() for index in at)
    match = NAME.fullmatch(patient)
    if match is None or label not in {"0", "1"}:
        return name.casefold(), None
    agrees = (match[5].casefold() == "all") == (label == "1")
    return name.casefold(), _Row(int(label), _subject("H" if match[1] else "A", match[2]), agrees)


def _table_notes(table: _Table, placed: Sequence[Placed]) -> list[str]:
    """Return notes for the user about a table: rows that are unclear, have no picture, or contradict a name."""
    found = {each.entry.parts[-1].casefold() for each in placed if table.covers(each.entry)}
    lost = set(table.rows) - found
    odd = [name for name in found & set(table.rows) if not table.rows[name].agrees]
    name = some([table.entry.name])
    notes = []
    if table.bad_rows:
        notes.append(f"{table.bad_rows} rows of {name} are not clear and are not used")
    if lost:
        notes.append(f"{len(lost)} rows of {name} have no picture ({some(lost)})")
    if odd:
        notes.append(
            f"{len(odd)} rows of {name} have a Patient_ID of another class than their label ({some(odd)}); the label is"
            " used"
        )
    return notes
