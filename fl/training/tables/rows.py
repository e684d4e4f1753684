"""Reads a table of patients by its schema.

Invariant: every value of a `Table` is in its column's range, or NaN where it is missing; every row has a label. Rows
with equal inputs share a group, so a division by groups has no patient on both sides. An error names lines and columns,
never a patient's value.

Source: RFC 4180 (CSV). Repeats: 269 of the 520 rows of Early Stage Diabetes repeat others, so a random division leaks.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable
from fl.protocol.names import shown
from fl.training.tables.schema import Column, Kind, Schema, plain

Reals = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64] | npt.NDArray[np.bool_]

MAX_BYTES, MAX_ROWS, MAX_CELLS = 1 << 26, 1 << 20, 1 << 24
"""Of one file: 64 MiB, about a million rows, and 16 million cells."""
MAX_LINE = 1 << 16
SHOWN = 3
"""How many places an error names."""


@dataclass(frozen=True, eq=False)
class Table:
    """One hospital's patients.

    Attributes:
        schema: The meaning of the columns.
        values: float64 [n, columns]: a number in its unit, 0 or 1, or the index of a category; NaN = missing.
        labels: int64 [n], 1 = disease.
        groups: text [n]; equal rows share a group.
        source: The name of the data in errors.
    """

    schema: Schema
    values: Reals
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.str_]
    source: str

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Index) -> Table:
        """Return the rows at `index` (positions or a mask)."""
        return replace(self, values=self.values[index], labels=self.labels[index], groups=self.groups[index])


def joined(tables: Sequence[Table]) -> Table:
    """Return the rows of all tables as one; they share a schema."""
    return replace(
        tables[0],
        values=np.concatenate([table.values for table in tables]),
        labels=np.concatenate([table.labels for table in tables]),
        groups=np.concatenate([table.groups for table in tables]),
        source=" and ".join(table.source for table in tables),
    )


def read_table(path: Path, schema: Schema) -> Table:
    """Read a CSV file in UTF-8.

    Raises:
        DatasetUnusable: the file is missing, too large or no CSV; a column is missing or unknown; or a value is not
            what the schema says, with its line and column.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DatasetUnusable(path.name, error.strerror or "it cannot be read") from error
    return parse_table(data, schema, path.name)


def parse_table(data: bytes, schema: Schema, source: str) -> Table:
    """Parse what `read_table` reads; `source` names it in errors."""
    if len(data) > MAX_BYTES:
        raise DatasetUnusable(source, f"it has more than {MAX_BYTES} bytes")
    lines = list(_lines(data, source))
    header = list(schema.ordered)
    if schema.header:
        if not lines:
            raise DatasetUnusable(source, "it is empty")
        header = [word.strip() for word in lines.pop(0)[1]]
    places = _places(header, schema, source)
    if not lines:
        raise DatasetUnusable(source, "it has no rows")
    return _table(lines, places, len(header), schema, source)


def _lines(data: bytes, source: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of every line that is not empty; raise DatasetUnusable if it costs too much."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetUnusable(source, "it is not UTF-8 text") from error
    reader = csv.reader(_short_lines(text, source), strict=True)
    rows = cells = 0
    try:
        for row in reader:
            if not row:
                continue
            rows, cells = rows + 1, cells + len(row)
            if rows > MAX_ROWS or cells > MAX_CELLS:
                raise DatasetUnusable(source, f"it has more than {MAX_ROWS} rows or {MAX_CELLS} cells")
            yield reader.line_num, row
    except csv.Error as error:
        raise DatasetUnusable(source, f"line {reader.line_num} is not CSV") from error


def _short_lines(text: str, source: str) -> Iterator[str]:
    for number, line in enumerate(io.StringIO(text, newline=""), 1):
        if len(line) > MAX_LINE:
            raise DatasetUnusable(source, f"line {number} has more than {MAX_LINE} characters")
        yield line


def _places(header: Sequence[str], schema: Schema, source: str) -> dict[str, int]:
    """Return the place of each column and of the label in a line."""
    if len(set(header)) != len(header):
        raise DatasetUnusable(source, "two columns have the same name")
    wanted = [*schema.names, schema.label]
    if absent := [name for name in wanted if name not in header]:
        raise DatasetUnusable(source, f"the column {absent[0]!r} is missing; the first line must name all columns")
    if not schema.ordered and (unknown := [name for name in header if name not in wanted]):
        raise DatasetUnusable(source, f"the schema has no column {shown(unknown[0][:80])!r}")
    return {name: header.index(name) for name in wanted}


def _table(
    lines: Sequence[tuple[int, list[str]]], places: Mapping[str, int], width: int, schema: Schema, source: str
) -> Table:
    wrong: list[str] = []
    values = np.full((len(lines), len(schema.columns)), np.nan)
    labels = np.zeros(len(lines), np.int64)
    for row, (number, cells) in enumerate(lines):
        if len(cells) != width:
            raise DatasetUnusable(source, f"line {number} has {len(cells)} cells, not {width}")
        for place, column in enumerate(schema.columns):
            value = read_value(cells[places[column.name]], column)
            if value is None:
                wrong.append(f"line {number}, column {column.name!r}: the value is not {expected(column)}")
            else:
                values[row, place] = value
        label = plain(cells[places[schema.label]])
        if label not in schema.disease and label not in schema.healthy:
            wrong.append(f"line {number}, column {schema.label!r}: the label is neither disease nor healthy")
        labels[row] = label in schema.disease
    if wrong:
        more = f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        raise DatasetUnusable(source, "; ".join(wrong[:SHOWN]) + more)
    return Table(schema, values, labels, groups_of(values), source)


def read_value(cell: str, column: Column) -> float | None:
    """Return a cell's number, NaN if it is missing, or None if the column cannot have it."""
    word = plain(cell)
    if not word or word in column.missing:
        return math.nan
    if column.kind is not Kind.NUMBER:
        return float(column.categories.index(word)) if word in column.categories else None
    try:
        value = float(word)
    except ValueError:
        return None
    return value if column.low <= value <= column.high else None


def parse_values(words: Mapping[str, str], schema: Schema) -> Reals:
    """Return float64 [columns] for one person's words by column; a column without word is missing.

    Raises:
        DatasetUnusable: a column is unknown, or a value is not what the schema says.
    """
    source = "this person's values"
    if unknown := [name for name in words if name not in schema.names]:
        raise DatasetUnusable(source, f"the schema has no column {shown(unknown[0][:80])!r}")
    values = np.full(len(schema.columns), np.nan)
    for place, column in enumerate(schema.columns):
        value = read_value(words.get(column.name, ""), column)
        if value is None:
            raise DatasetUnusable(source, f"{column.name!r} is not {expected(column)}")
        values[place] = value
    return values


def expected(column: Column) -> str:
    """Return what a cell of a column may be, for people."""
    if column.kind is Kind.NUMBER:
        return f"a number from {column.low:g} to {column.high:g} {column.unit}".rstrip()
    return f"one of {', '.join(column.categories)}"


def groups_of(values: Reals) -> npt.NDArray[np.str_]:
    """Return text [n]: 16 hexadecimal digits of a digest of each row, equal exactly for equal rows."""
    whole = np.where(np.isnan(values), np.nan, values + 0.0)  # one NaN, and no negative zero
    return np.array([hashlib.sha256(row.astype("<f8").tobytes()).hexdigest()[:16] for row in whole], np.str_)


def folds(table: Table, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return int64 [n], the fold 0..count-1 of each row; equal rows share a fold.

    The groups of each label (of most of a group's rows) are shuffled and dealt out, so folds have similar shares of
    disease.

    Raises:
        DatasetUnusable: there are fewer groups than folds.
    """
    names, place = np.unique(table.groups, return_inverse=True)
    if len(names) < count:
        raise DatasetUnusable(table.source, f"it has {len(names)} different rows; {count} folds need as many")
    share = np.bincount(place, table.labels) / np.bincount(place)
    draw = np.random.default_rng(seed)
    fold_of = np.zeros(len(names), np.int64)
    start = 0
    for ill in (False, True):
        chosen = draw.permutation(np.flatnonzero((share >= 0.5) == ill))  # noqa: PLR2004  # most of the rows
        fold_of[chosen] = (np.arange(len(chosen)) + start) % count
        start += len(chosen)
    result: npt.NDArray[np.int64] = fold_of[place]
    return result
