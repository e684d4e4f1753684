"""Tables of facts that a person can search, filter, sort and page through, and that export as CSV and JSON.

Invariant: page and export use the same query, so a file has exactly the rows that the page counts. The work for one
query is bounded by the number of rows, whatever the query says.

Source: RFC 4180 (CSV); OWASP, "CSV Injection".
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property

Value = str | int | float | None
PAGE_ROWS = 50
MAX_WORDS = 8
MAX_QUERY_CHARS = 200
MAX_CHOICES = 40
"""A column with more different values than this offers no list of them."""
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet may run a cell that begins with one of these."""


class Kind(StrEnum):
    """How a page shows the values of a column."""

    TEXT = "text"
    NUMBER = "number"
    MOMENT = "moment"
    """Seconds since 1970."""
    DIGEST = "digest"
    """Hexadecimal, without 0x."""
    ACCOUNT = "account"
    """Hexadecimal, without 0x."""
    STATE = "state"


@dataclass(frozen=True)
class Column:
    """One column."""

    name: str
    kind: Kind = Kind.TEXT
    filtered: bool = False
    """Whether a person can choose one of its values."""
    shown: bool = True
    """Whether the page of the table shows it; an export and the page of the row always have it."""


@dataclass(frozen=True)
class Row:
    """One row; `key` is the end of its permanent address, the same for ever."""

    key: str
    values: Mapping[str, Value]

    @cached_property
    def searched(self) -> str:
        """Return all its values as lower-case text."""
        return "\n".join(str(value) for value in self.values.values() if value is not None).casefold()


@dataclass(frozen=True)
class Table:
    """Columns and rows; the rows are in the usual order, the newest or most important first."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[Row]

    def row(self, key: str) -> Row | None:
        return self._by_key.get(key)

    @cached_property
    def _by_key(self) -> Mapping[str, Row]:
        return {row.key: row for row in self.rows}

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    @cached_property
    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return, for each filtered column, its different values in order; long lists are left out."""
        found = {}
        for column in self.columns:
            if column.filtered:
                values = {str(row.values[column.name]) for row in self.rows if row.values[column.name] is not None}
                if len(values) <= MAX_CHOICES:
                    found[column.name] = sorted(values, key=_natural)
        return found


@dataclass(frozen=True)
class Query:
    """What a person asked for; unknown names in it change nothing."""

    words: tuple[str, ...] = ()
    """Each must occur in the row."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """Column -> the value that it must have."""
    since: int | None = None
    until: int | None = None
    """Seconds since 1970: bounds of the table's first column of moments; `until` is not included."""
    sort: str = ""
    descending: bool = False
    page: int = 0

    @classmethod
    def parse(cls, arguments: Mapping[str, str], page: int = 0) -> Query:
        """Return the query in the arguments of an address."""
        text = arguments.get("q", "")[:MAX_QUERY_CHARS]
        filters = {name: value for name, value in arguments.items() if value and name not in RESERVED}
        sort = arguments.get("sort", "")
        return cls(
            tuple(word.removeprefix("0x") for word in text.casefold().split()[:MAX_WORDS]),
            filters,
            _day(arguments.get("since", ""), 0),
            _day(arguments.get("until", ""), 1),
            sort.removeprefix("-"),
            sort.startswith("-"),
            page,
        )


RESERVED = {"q", "since", "until", "sort", "page"}
DAY_S = 24 * 3600


def _day(text: str, later: int) -> int | None:
    """Return the start of a day in UTC, `later` days after it; None if the text is no day."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) + later * DAY_S
    except ValueError:
        return None


@dataclass(frozen=True)
class Selection:
    """The rows that fit a query."""

    table: Table
    query: Query
    rows: Sequence[Row]
    """All of them, sorted."""

    @property
    def page(self) -> Sequence[Row]:
        first = self.query.page * PAGE_ROWS
        return self.rows[first : first + PAGE_ROWS]

    @property
    def pages(self) -> int:
        return max(-(-len(self.rows) // PAGE_ROWS), 1)


def select(table: Table, query: Query) -> Selection:
    rows = [row for row in table.rows if _fits(table, row, query)]
    column = table.column(query.sort)
    if column is not None:
        known = [row for row in rows if row.values[column.name] is not None]
        unknown = [row for row in rows if row.values[column.name] is None]
        known.sort(key=lambda row: _natural(row.values[column.name]), reverse=query.descending)
        rows = known + unknown
    return Selection(table, query, rows)


def _fits(table: Table, row: Row, query: Query) -> bool:
    if any(word not in row.searched for word in query.words):
        return False
    for name, wanted in query.filters.items():
        if name in row.values and str(row.values[name]) != wanted:
            return False
    return _in_time(table, row, query)


def _in_time(table: Table, row: Row, query: Query) -> bool:
    moments = (column.name for column in table.columns if column.kind == Kind.MOMENT)
    moment = row.values.get(next(moments, ""))
    if query.since is None and query.until is None:
        return True
    if not isinstance(moment, int):
        return False
    return (query.since is None or moment >= query.since) and (query.until is None or moment < query.until)


def _natural(value: Value) -> tuple[int, float, str]:
    """Return a key that sorts numbers, also those written as text, before words."""
    if isinstance(value, int | float):
        return 0, float(value), ""
    text = str(value)
    return (0, float(text), "") if text.isdecimal() and len(text) < 16 else (1, 0.0, text.casefold())  # noqa: PLR2004 exact in binary64


def to_json(selection: Selection) -> str:
    """Return the rows as a JSON array of objects, each with its `key`."""
    rows = [{"key": row.key, **row.values} for row in selection.rows]
    return json.dumps({"table": selection.table.name, "rows": rows}, indent=1, ensure_ascii=False) + "\n"


def to_csv(selection: Selection) -> str:
    """Return the rows as CSV with a head line; moments are ISO 8601 in UTC, and no cell is a formula."""
    names = [column.name for column in selection.table.columns]
    moments = {column.name for column in selection.table.columns if column.kind == Kind.MOMENT}
    return csv_text(
        names, ([_cell(row.values[name], moment=name in moments) for name in names] for row in selection.rows)
    )


def csv_text(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return CSV text whose cells no spreadsheet runs."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(head)
    writer.writerows([harmless(cell) for cell in line] for line in lines)
    return buffer.getvalue()


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; negative numbers stay numbers."""
    if not cell.startswith(FORMULA_SIGNS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _cell(value: Value, *, moment: bool) -> str:
    if value is None:
        return ""
    if moment and isinstance(value, int):
        return datetime.fromtimestamp(min(value, LATEST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


LATEST = 253_402_214_400
"""A day before the year 10000, where calendars end."""
