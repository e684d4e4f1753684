"""Reads what people type or upload about a person, by a table's schema.

Invariant: a value is in its column's range, or not known where the schema has a word for that; nothing is guessed. A
problem names its column and never repeats the value. The cost of a file is bounded before it is parsed.

Source: fl/training/tables/rows.py (the same words and ranges); RFC 4180 (CSV); OWASP, CSV Injection.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from fl.protocol.codec import JsonValue
from fl.protocol.errors import Why
from fl.training.tables.rows import read_value
from fl.training.tables.schema import Column, Kind, Schema, plain
from webui.errors import TableFileUnusable

MAX_FILE_BYTES, MAX_FILE_ROWS, MAX_LINE = 1 << 20, 1000, 1 << 14
MAX_NAME = 80
"""Characters of the name of a row that are repeated."""
NAMES = ("id", "patient", "row")
"""A column with one of these names says which row is whose; the model does not get it."""
EMAILS = ("email", "e-mail")
"""A column with one of these names says in whose records an answer may be saved; the model does not get it."""
SEPARATORS = (";", "\t", ",")
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}([.,][0-9]{1,12})?", re.ASCII)
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these may run as a formula in a spreadsheet."""
Reals = npt.NDArray[np.float64]


class Problem(StrEnum):
    """What is wrong with one value."""

    NEEDED = "needed"
    """It is missing, and the model needs it."""
    NO_NUMBER = "no number"
    RANGE = "range"
    """It is a number outside the column's range."""
    WORD = "word"
    """It is none of the column's words."""
    CELLS = "cells"
    """The row has more or fewer cells than the first line."""
    FEW = "few"
    """Fewer values are known than `known_needed`."""


@dataclass(frozen=True)
class RowProblem:
    """A cell that cannot be used."""

    column: Column | None
    """None: it is about the whole row."""
    problem: Problem


@dataclass(frozen=True)
class FileRow:
    """One row of an uploaded file."""

    line: int
    name: str
    """What the file calls it; may be empty."""
    email: str
    """Of the patient; empty if the file does not say it."""
    values: Reals | None
    """float64 [columns], NaN = not known; None if there are problems."""
    problems: tuple[RowProblem, ...]


@dataclass(frozen=True)
class RowsFile:
    """An uploaded file."""

    rows: tuple[FileRow, ...]
    separator: str
    unused: tuple[str, ...]
    """Columns that the model does not use."""


def known_needed(columns: int) -> int:
    """Return how many of a table's values must be known: half of them.

    A model puts the mean in place of a value that is not known, so with fewer the answer says more about its means than
    about the person.
    """
    return (columns + 1) // 2


def known_in(values: Sequence[float] | Reals) -> int:
    """Return how many values are known."""
    return sum(not math.isnan(value) for value in values)


def read_typed(text: str, column: Column) -> float | Problem:
    """Return the number of a form's field, NaN if it is empty and may be; a decimal comma is accepted.

    Only an empty field means "not known": a typed 0 is a 0, although some hospitals write that for missing values.
    """
    word = text.strip()
    if not word:
        return math.nan if column.missing else Problem.NEEDED
    return _read(word, column)


def read_given(value: JsonValue, column: Column) -> float | Problem:
    """Return the number of a program's value: a JSON number or text as in a form, null if it is not known."""
    if value is None:
        return read_typed("", column)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return Problem.NO_NUMBER if column.kind is Kind.NUMBER else Problem.WORD
    return read_typed(value if isinstance(value, str) else _written(value), column)


def _written(value: float) -> str:
    """Return a JSON number as people write it, without an exponent."""
    return str(value) if isinstance(value, int) else f"{value:.12f}".rstrip("0").rstrip(".")


def read_cell(text: str, column: Column) -> float | Problem:
    """Return the number of a file's cell; the schema's words for "not known" count, too."""
    word = text.strip()
    if not word or word in column.missing or plain(word) in column.missing:
        return math.nan if column.missing else Problem.NEEDED
    return _read(word, column)


def _read(word: str, column: Column) -> float | Problem:
    if column.kind is not Kind.NUMBER:
        return float(column.categories.index(word)) if word in column.categories else _worded(word, column)
    word = word.replace("\N{MINUS SIGN}", "-")
    if not _NUMBER.fullmatch(word):
        return Problem.NO_NUMBER
    value = float(word.replace(",", "."))
    return value if column.low <= value <= column.high else Problem.RANGE


def _worded(word: str, column: Column) -> float | Problem:
    """Return the place of a word that the engine reads alike, such as ` 1.0` for `1`."""
    value = read_value(word, column)
    return Problem.WORD if value is None or math.isnan(value) else value


def read_file(data: bytes, schema: Schema) -> RowsFile:
    """Read a CSV file with one person a row.

    The first line names the columns, in any order; `;`, tab or `,` separates them. Columns that the schema does not
    have are not used, and one of `NAMES` names the rows.

    Raises:
        TableFileUnusable: it is not UTF-8, too large, no CSV, or a column is missing.
    """
    lines = _lines(data)
    separator = _separator(lines, schema)
    cells = _cells(lines, separator)
    header = [word.strip() for word in next(cells, (0, []))[1]]
    places = _places(header, schema)
    layout = _Layout(places, _beside(header, NAMES, schema), _beside(header, EMAILS, schema), len(header))
    rows = tuple(_row(line, row, layout, schema) for line, row in cells)
    if not rows:
        raise TableFileUnusable("it has no row below the names of the columns")
    known = {*schema.names, schema.label}
    used = {layout.name, layout.email}
    unused = tuple(word for place, word in enumerate(header) if word not in known and place not in used)
    return RowsFile(rows, separator, unused)


def _lines(data: bytes) -> str:
    if len(data) > MAX_FILE_BYTES:
        raise TableFileUnusable("it is larger than 1 MB; divide it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableFileUnusable("it is not UTF-8 text; save it as CSV UTF-8") from error
    if "\0" in text or any(len(line) > MAX_LINE for line in text.splitlines()):
        raise TableFileUnusable("it is no CSV file")
    return text


def _separator(text: str, schema: Schema) -> str:
    """Return what separates the columns: the sign that splits the first line into most of the schema's names."""
    first = next(iter(text.splitlines()), "")

    def known(sign: str) -> int:
        return len({word.strip().strip('"') for word in first.split(sign)} & set(schema.names))

    return max(SEPARATORS, key=known)


def _cells(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield line number and cells of every line that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    count = 0
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            count += 1
            if count > MAX_FILE_ROWS + 1:
                raise TableFileUnusable(Why("it has more than {rows} rows; divide it", rows=MAX_FILE_ROWS))
            yield reader.line_num, row
    except csv.Error as error:
        raise TableFileUnusable(Why("line {line} is not CSV", line=reader.line_num)) from error


def _places(header: Sequence[str], schema: Schema) -> dict[str, int]:
    if len(set(header)) != len(header):
        raise TableFileUnusable("two columns have the same name")
    if absent := [name for name in schema.names if name not in header]:
        raise TableFileUnusable(
            Why("the column {column} is missing; the first line must name all columns", column=absent[0])
        )
    return {name: header.index(name) for name in schema.names}


@dataclass(frozen=True)
class _Layout:
    """Where the cells of a row are."""

    values: dict[str, int]
    """By column of the schema."""
    name: int | None
    email: int | None
    width: int


def _beside(header: Sequence[str], names: Sequence[str], schema: Schema) -> int | None:
    """Return the place of the first column with one of these names that is no column of the schema."""
    ours = {*schema.names, schema.label}
    return next((place for place, word in enumerate(header) if word.lower() in names and word not in ours), None)


def _row(line: int, cells: Sequence[str], layout: _Layout, schema: Schema) -> FileRow:
    if len(cells) != layout.width:
        return FileRow(line, "", "", None, (RowProblem(None, Problem.CELLS),))
    read = [(column, read_cell(cells[layout.values[column.name]], column)) for column in schema.columns]
    problems = tuple(RowProblem(column, found) for column, found in read if isinstance(found, Problem))
    known = [found for _, found in read if not isinstance(found, Problem)]
    if not problems and known_in(known) < known_needed(len(known)):
        problems = (RowProblem(None, Problem.FEW),)
    name = "" if layout.name is None else "".join(sign for sign in cells[layout.name].strip() if sign.isprintable())
    email = "" if layout.email is None else cells[layout.email].strip()
    values = None if problems else np.array([found for _, found in read], np.float64)
    return FileRow(line, name[:MAX_NAME], email, values, problems)


def write_file(header: Sequence[str], rows: Iterable[Sequence[str]], separator: str) -> bytes:
    """Return a CSV file in UTF-8 that spreadsheets read as text and numbers, never as formulas."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator="\r\n")
    writer.writerow([harmless(word) for word in header])
    writer.writerows([[harmless(cell) for cell in row] for row in rows])
    return text.getvalue().encode("utf-8-sig")


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet runs as a formula (OWASP: a quotation mark before the first sign)."""
    return f"'{cell}" if cell.lstrip().startswith(_DANGEROUS) or cell.startswith(_DANGEROUS) else cell
