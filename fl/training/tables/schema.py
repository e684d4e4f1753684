"""What the columns of a table mean: names, units, ranges, categories, missing values, and what is the disease.

Invariant: a parsed schema describes at least one column and one label, every range and category list is usable, and two
equal schemas have equal bytes. Hospitals that share a schema read the same numbers from the same text.

Source: the shipped schemas (schemas/*.json) name the source of each data set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import cast

from fl.protocol import strict_json
from fl.protocol.codec import Fields, JsonValue, sha256, write_document
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.names import Digest, shown

SHIPPED = Path(__file__).with_name("schemas")
CAP = 1 << 18
"""Bytes of a schema document."""
MAX_COLUMNS, MAX_CATEGORIES, MAX_TEXT = 256, 64, 200
LARGEST = 1e9
"""The largest magnitude of a limit of a range."""
_WHAT = "table schema"
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_COLUMN_FIELDS = ("categories", "high", "kind", "low", "missing", "name", "text", "unit")
_SCHEMA_FIELDS = (
    "population",
    "columns",
    "disease",
    "drawn",
    "header",
    "healthy",
    "label",
    "licence",
    "name",
    "ordered",
    "reported",
    "source",
)


class Kind(StrEnum):
    """How a column is read."""

    NUMBER = "number"
    """A number in `unit`, from `low` to `high`."""
    BINARY = "binary"
    """One of two words; the second one counts 1."""
    CATEGORY = "category"
    """One of several words without order; the first one is the reference."""


@dataclass(frozen=True)
class Column:
    """One input.

    Attributes:
        name: As in the table's header.
        text: For people.
        kind: See `Kind`.
        unit: Of a number, e.g. `mm Hg`; empty for the others.
        low, high: The range of a number, both ends included; 0 and 1 for the others.
        categories: The words of a binary or category column, in the order of their numbers; empty for numbers.
        missing: The words that mean "not known"; an empty cell always does.
    """

    name: str
    text: str
    kind: Kind
    unit: str = ""
    low: float = 0.0
    high: float = 1.0
    categories: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise EncodingError if a field does not fit the others."""
        _text(self.name, "the name of a column")
        _text(self.text, f"the text of {self.name}")
        if self.kind is Kind.NUMBER:
            if not -LARGEST <= self.low < self.high <= LARGEST or self.categories:
                _refuse(f"the number {self.name} needs low < high within ±1e9, and no categories")
        elif not _enough(self) or len(set(self.categories)) != len(self.categories):
            _refuse(f"{self.name} needs two categories if binary, else 2 to {MAX_CATEGORIES}, all different")
        for word in (*self.categories, *self.missing, self.unit):
            _text(word, f"a word of {self.name}", empty=True)
        if both := set(self.categories) & set(self.missing):
            _refuse(f"{shown(min(both))!r} is a category of {self.name} and a missing value")

    def to_dict(self) -> dict[str, JsonValue]:
        ends: dict[str, JsonValue] = {"low": self.low, "high": self.high} if self.kind is Kind.NUMBER else {}
        return {
            **ends,
            "categories": list(self.categories),
            "kind": self.kind.value,
            "missing": list(self.missing),
            "name": self.name,
            "text": self.text,
            "unit": self.unit,
        }

    @classmethod
    def from_dict(cls, raw: JsonValue) -> Column:
        """Parse what `to_dict` wrote; unit, range, categories and missing values may be absent."""
        if not isinstance(raw, dict):
            _refuse("a column is not an object")
        raw = cast("dict[str, JsonValue]", raw)
        fields = Fields(raw, _WHAT)
        fields.only(*_COLUMN_FIELDS)
        kind = fields.text("kind")
        if kind not in tuple(Kind):
            _refuse(f"the kind {shown(kind[:40])!r} is not number, binary or category")
        ends = (fields.number("low"), fields.number("high")) if kind == Kind.NUMBER else (0.0, 1.0)
        unit = fields.text("unit") if "unit" in raw else ""
        return cls(
            fields.text("name"),
            fields.text("text"),
            Kind(kind),
            unit,
            *ends,
            _words(raw, "categories"),
            _words(raw, "missing"),
        )


@dataclass(frozen=True)
class Schema:
    """A table's meaning.

    Attributes:
        name: Lower-case name, such as `heart-disease`.
        source: Where the data are from, for people.
        licence: Of the data.
        header: Whether the first line of a file names the columns; else `ordered` does.
        ordered: Names of all columns of a file without header, in order; empty with a header.
        columns: The inputs.
        label: The name of the label's column.
        disease, healthy: The label's words that mean disease, and the others.
        reported: For people, what the probability is about: `heart disease`.
        population: For people, whose rows these are; a probability means nothing for anybody else.
        drawn: Whether a program invented the rows.
    """

    name: str
    source: str
    licence: str
    header: bool
    ordered: tuple[str, ...]
    columns: tuple[Column, ...]
    label: str
    disease: tuple[str, ...]
    healthy: tuple[str, ...]
    reported: str
    population: str
    drawn: bool = False

    def __post_init__(self) -> None:
        """Raise EncodingError if the parts do not fit."""
        if not _NAME.fullmatch(self.name):
            _refuse(f"{shown(self.name[:40])!r} is no name: use lower-case letters, digits and hyphens")
        for what in ("source", "licence", "label", "reported", "population"):
            _text(getattr(self, what), what)
        names = [*self.names, self.label]
        if not 2 <= len(names) <= MAX_COLUMNS or len(set(names)) != len(names):  # noqa: PLR2004  # an input and the label
            _refuse(f"it needs 1 to {MAX_COLUMNS - 1} columns with different names, and the label beside them")
        if self.header is bool(self.ordered) or len(set(self.ordered)) != len(self.ordered):
            _refuse("either the file has a header, or `ordered` names all its columns once")
        if self.ordered and (absent := set(names) - set(self.ordered)):
            _refuse(f"`ordered` lacks {min(absent)}")
        if not self.disease or not self.healthy or set(self.disease) & set(self.healthy):
            _refuse("disease and healthy need one word each, and none in common")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def without(self, *names: str) -> Schema:
        """Return the schema with fewer inputs."""
        kept = tuple(column for column in self.columns if column.name not in names)
        ordered = self.ordered or ()
        return Schema(**{**self.__dict__, "columns": kept, "ordered": ordered})

    def to_dict(self) -> dict[str, JsonValue]:
        return {
            "columns": [column.to_dict() for column in self.columns],
            "disease": list(self.disease),
            "header": self.header,
            "healthy": list(self.healthy),
            "label": self.label,
            "licence": self.licence,
            "name": self.name,
            "ordered": list(self.ordered),
            "population": self.population,
            "reported": self.reported,
            "source": self.source,
            **({"drawn": True} if self.drawn else {}),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> Schema:
        """Parse what `to_dict` wrote, or raise EncodingError."""
        fields = Fields(dict(raw), _WHAT)
        if "classes" in raw:
            _refuse("an outcome is `disease` or `healthy`; list each word of the label under one of them")
        fields.only(*_SCHEMA_FIELDS)
        columns = raw.get("columns")
        if not isinstance(columns, list) or len(columns) >= MAX_COLUMNS:
            _refuse(f"columns is not a list of at most {MAX_COLUMNS - 1}")
        return cls(
            fields.text("name"),
            fields.text("source"),
            fields.text("licence"),
            fields.truth("header"),
            _words(raw, "ordered"),
            tuple(Column.from_dict(each) for each in cast("list[JsonValue]", columns)),
            fields.text("label"),
            _words(raw, "disease"),
            _words(raw, "healthy"),
            fields.text("reported"),
            fields.text("population"),
            "drawn" in raw and fields.truth("drawn"),
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Schema:
        """Parse a schema's JSON in any layout, or raise EncodingError."""
        value = strict_json.loads(data, _WHAT, CAP)
        if not isinstance(value, dict):
            _refuse("it is not an object")
        return cls.from_dict(cast("dict[str, JsonValue]", value))

    @property
    def digest(self) -> Digest:
        """Return the SHA-256 of the canonical document."""
        return sha256(write_document(self.to_dict()))


def shipped() -> tuple[str, ...]:
    """Return the names of the schemas that come with Hemaledger."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.json")))


def load_schema(name_or_file: str) -> Schema:
    """Return a shipped schema by its name, or the one in a file.

    Raises:
        SettingInvalid: there is neither.
        EncodingError: the file is no schema.
    """
    path = SHIPPED / f"{name_or_file}.json" if name_or_file in shipped() else Path(name_or_file)
    try:
        with path.open("rb") as file:
            data = file.read(CAP + 1)
    except OSError as error:
        why = f"there is no file {name_or_file}, and the schemas that come along are {', '.join(shipped())}"
        raise SettingInvalid("schema", why) from error
    return Schema.from_bytes(data)


def plain(word: str) -> str:
    """Return a cell's text without spaces around it, and whole numbers without decimals: ` 1.0` is `1`."""
    word = word.strip()
    try:
        value = float(word)
    except ValueError:
        return word
    return str(int(value)) if value.is_integer() and abs(value) < LARGEST else word


def _enough(column: Column) -> bool:
    least, most = (2, 2) if column.kind is Kind.BINARY else (2, MAX_CATEGORIES)
    return least <= len(column.categories) <= most


def _words(raw: Mapping[str, JsonValue], name: str) -> tuple[str, ...]:
    words = raw.get(name, [])
    if not isinstance(words, list) or len(words) > MAX_COLUMNS or not all(isinstance(word, str) for word in words):
        _refuse(f"{name} is not a list of at most {MAX_COLUMNS} texts")
    return tuple(str(word) for word in cast("list[JsonValue]", words))


def _text(value: str, what: str, *, empty: bool = False) -> None:
    if len(value) > MAX_TEXT or shown(value) != value or not (value.strip() or empty):
        _refuse(f"{what} is not a text of 1 to {MAX_TEXT} printable characters")


def _refuse(why: str) -> None:
    raise EncodingError(_WHAT, why)
