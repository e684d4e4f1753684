"""Pictures with a table of labels beside them: `file,label` and, if known, `subject` and `split`.

Where a picture may have several labels, `label` joins them (`Effusion|Nodule`), or each has a column of 0 and 1.

Invariant: the table alone gives class, person and part; the folders around a picture mean nothing. A picture without a
clear row is left out with a reason, and rows without a picture are counted.

Source: the tables that data sets on Kaggle and in archives bring; RFC 4180 (CSV).
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from fl.protocol.errors import DatasetUnusable
from fl.training.data.layouts import MAX_CLASSES, UNDERSTOOD, part_of
from fl.training.data.listing import LeftOutReason, Part, shown, some
from fl.training.data.marks import CELLS, JOINT, read_joined
from fl.training.data.placing import Arrangement, Placed
from fl.training.data.walk import MAX_PICTURES, FoundFile, open_regular

COLUMNS = {
    "file": ("file", "filename", "file_name", "image", "image_name", "image index", "path"),
    "label": ("label", "labels", "finding labels", "findings", "class", "class_name", "diagnosis"),
    "subject": ("subject", "subject_id", "patient", "patient_id", "patient id", "person"),
    "split": ("split", "part", "set"),
}
"""Names of columns, in any case."""
TABLE_CAP = 32 * 2**20
"""The largest table, in bytes."""
TABLES = 16
"""The most tables that are read."""
_NAME_LENGTH = 200
_SIDES = {"0": Part.TRAIN, "1": Part.TEST, "": Part.UNSPLIT}


@dataclass(frozen=True)
class _Row:
    label: str
    subject: str
    part: Part | None
    """None: the value is unknown."""


@dataclass(frozen=True)
class _Table:
    """One table: its place, its rows by the parts of the path from its folder, and how many rows are not clear."""

    entry: FoundFile
    rows: Mapping[tuple[str, ...], _Row]
    unclear: frozenset[tuple[str, ...]]
    columns: tuple[str, ...] = ()
    """The names of columns of 0 and 1, if it has them instead of a column of labels."""

    @property
    def several(self) -> tuple[str, ...] | None:
        """Return the names of all labels if a picture may have several."""
        if self.columns:
            return self.columns
        texts = [row.label for row in self.rows.values()]
        return read_joined(texts)[0] if any(JOINT in text for text in texts) else None

    @property
    def around(self) -> tuple[str, ...]:
        return self.entry.parts[:-1]


def arrange_by_table(entries: Sequence[FoundFile], sides: Sequence[FoundFile]) -> Arrangement | None:
    """Return the entries arranged by a table of labels, or None if no table has rows about most of them.

    Args:
        entries: Pictures, and files that may be meant as pictures.
        sides: Tables and texts in the same folders.

    Raises:
        DatasetUnusable: a table is too long.
    """
    names = Counter(entry.parts[-1] for entry in entries)
    csvs = [entry for entry in sides if entry.parts[-1].casefold().endswith(".csv")][:TABLES]
    tables = [table for entry in csvs if (table := _read(entry))]
    pictures = [entry for entry in entries if entry.reason is None]
    used = [
        table for table in tables if 2 * sum(_find(table, each, names) is not None for each in pictures) > len(pictures)
    ]
    if not used:
        return None
    if len(used) > 1:
        several = some(table.entry.name for table in used)
        return _refused(f"several tables have labels of its pictures: {several}. Keep one of them")
    return _arranged(used[0], entries, names)


def _arranged(table: _Table, entries: Sequence[FoundFile], names: Mapping[str, int]) -> Arrangement:
    placed: list[Placed] = []
    left: list[FoundFile] = []
    found: set[tuple[str, ...]] = set()
    for entry in entries:
        key = _find(table, entry, names)
        row = table.rows.get(key) if key else None
        if key and row:
            found.add(key)
            group = row.subject or "/".join(entry.parts)
            placed.append(Placed(entry, row.label, row.part or Part.UNSPLIT, group, bool(row.subject)))
        else:
            why = "its row is not clear" if key in table.unclear else "no row of the table"
            left.append(entry if entry.reason else entry.out(LeftOutReason.NO_LABEL, why))
    layout = f"pictures with labels from the table {shown(table.entry.name)}"
    plain = Arrangement(layout, tuple(placed), tuple(left), tuple(_notes(table, found)), tuple(_refusals(table)))
    return replace(plain, several=table.several, named=not table.columns)


def _refusals(table: _Table) -> list[str]:
    labels = set(table.several or (row.label for row in table.rows.values()))
    if len(labels) > MAX_CLASSES:
        return [f"its table has {len(labels)} different labels; at most {MAX_CLASSES} are accepted"]
    lost = sum(row.part is None for row in table.rows.values())
    if lost:
        return [f"{lost} rows of its table have a split that is neither train, val, test nor empty"]
    parts = {row.part for row in table.rows.values()}
    if Part.UNSPLIT in parts and len(parts) > 1:
        return ["some rows of its table have a split, and others have none"]
    return []


def _notes(table: _Table, found: set[tuple[str, ...]]) -> list[str]:
    name = shown(table.entry.name)
    lost = ["/".join(key) for key in table.rows if key not in found]
    notes = []
    if table.unclear:
        files = some("/".join(key) for key in table.unclear)
        notes.append(f"{len(table.unclear)} rows of {name} are not clear and are not used ({files})")
    if lost:
        notes.append(f"{len(lost)} rows of {name} have no picture ({some(lost)})")
    return notes


def _find(table: _Table, entry: FoundFile, names: Mapping[str, int]) -> tuple[str, ...] | None:
    """Return the key of the row about a picture: its path from the table's folder, or else its name if it is unique."""
    depth = len(table.around)
    if entry.parts[:depth] != table.around:
        return None
    path = entry.parts[depth:]
    keys = (path, path[-1:]) if names[entry.parts[-1]] == 1 else (path,)
    known = (key for key in keys if key in table.rows or key in table.unclear)
    return next(known, None)


def _read(entry: FoundFile) -> _Table | None:
    """Return a table, or None if the file is not one with files and labels."""
    if not 0 < entry.size <= TABLE_CAP:
        return None
    try:
        with open_regular(entry.path) as file:
            text = file.read(TABLE_CAP).decode("utf-8-sig")
        lines = csv.reader(io.StringIO(text, newline=""))
        header = next(lines, [])
        body = [line for line in islice(lines, MAX_PICTURES + 1) if any(cell.strip() for cell in line)]
        at = _columns(header)
        if at is None:
            return None
        columns = {} if "label" in at else _marks(header, body, at)
        if not columns and "label" not in at:
            return None
        rows = [_row(line, at, columns) for line in body]
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
    if len(rows) > MAX_PICTURES:
        raise DatasetUnusable(shown(entry.name), f"the table has more than {MAX_PICTURES} rows")
    seen = Counter(key for key, _ in rows)
    clear = {key: row for key, row in rows if row and seen[key] == 1}
    return _Table(entry, clear, frozenset(seen) - frozenset(clear), tuple(sorted(columns)))


def _columns(header: Sequence[str]) -> dict[str, int] | None:
    """Return the places of the columns, or None if there is not exactly one of files, or several of one kind."""
    names = [name.strip().casefold() for name in header]
    at: dict[str, int] = {}
    for column, spellings in COLUMNS.items():
        places = [place for place, name in enumerate(names) if name in spellings]
        if len(places) == 1:
            at[column] = places[0]
        elif places or column == "file":
            return None
    return at


def _marks(header: Sequence[str], body: Sequence[Sequence[str]], at: Mapping[str, int]) -> dict[str, int]:
    """Return the names and places of the columns that hold 0 and 1 alone, if there are at least two."""
    found: dict[str, int] = {}
    for place, text in enumerate(header):
        name = unicodedata.normalize("NFC", text.strip())
        cells = {line[place].strip() for line in body if place < len(line)}
        usable = name and name.isprintable() and JOINT not in name and name not in found and len(name) <= _NAME_LENGTH
        if place not in at.values() and usable and cells and cells <= CELLS.keys():
            found[name] = place
    return found if len(found) > 1 else {}


def _row(line: Sequence[str], at: Mapping[str, int], columns: Mapping[str, int]) -> tuple[tuple[str, ...], _Row | None]:
    """Return a line's path and its row, or None if the line is not clear."""
    cells = {column: line[place].strip() if place < len(line) else "" for column, place in at.items()}
    path = unicodedata.normalize("NFC", cells["file"]).replace("\\", "/")
    key = tuple(part for part in path.split("/") if part not in {"", "."})
    label = _label(unicodedata.normalize("NFC", cells.get("label", "")))
    if columns and max(columns.values()) < len(line):
        label = JOINT.join(sorted(name for name, place in columns.items() if CELLS[line[place].strip()]))
    elif columns:
        return key or ("",), None
    if not key or not (label or columns) or not label.isprintable():
        return key or ("",), None
    if any(len(part) > _NAME_LENGTH for part in label.split(JOINT)):
        return key, None
    split = cells.get("split", "")
    part = _SIDES.get(split, part_of(split))
    return key, _Row(label, cells.get("subject", ""), part)


def _label(text: str) -> str:
    """Return a label; the order of joined ones has no meaning."""
    return JOINT.join(sorted({part.strip() for part in text.split(JOINT)} - {""})) if JOINT in text else text


def _refused(why: str) -> Arrangement:
    return Arrangement("not understood", refusals=(f"{why}; {UNDERSTOOD}",))
