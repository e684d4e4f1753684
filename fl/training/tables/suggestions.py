"""Reviewed texts that a person may see beside a risk: suggestions per input, one next step, one warning.

Invariant: every text has its source, address, licence, date and reviewer; nothing is made up when an answer is given. A
hospital replaces the file and writes its own reviewer. The shipped texts are our own wording of what the named public
pages say, and of nothing else; they say that the hospital has not reviewed them yet.

Source: suggestions.json.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from fl.protocol import strict_json
from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.names import shown

SHIPPED = Path(__file__).with_name("suggestions.json")
CAP, MAX_TEXTS, MAX_CHARACTERS = 1 << 20, 1000, 500
_WHAT = "table of suggestions"
_OF_A_TEXT = ("date", "licence", "schema", "source", "text", "url")


@dataclass(frozen=True)
class Suggestion:
    """One text with its origin.

    Attributes:
        schema: The name of the table's schema.
        columns: The inputs it is about; empty for a next step.
        text: For the person.
        source, url, licence: Of the public page it follows.
        date: When the text was written or last compared with its source, as 2026-11-27.
        reviewer: Who reviewed it.
    """

    schema: str
    columns: tuple[str, ...]
    text: str
    source: str
    url: str
    licence: str
    date: str
    reviewer: str


@dataclass(frozen=True)
class Suggestions:
    """All texts of one installation."""

    warning: str
    next_steps: tuple[Suggestion, ...]
    suggestions: tuple[Suggestion, ...]

    def for_columns(self, schema: str, columns: Sequence[str], most: int) -> tuple[Suggestion, ...]:
        """Return at most `most` different texts for inputs, in the order of the inputs."""
        found: list[Suggestion] = []
        for column in columns:
            fitting = (each for each in self.suggestions if each.schema == schema and column in each.columns)
            found += [each for each in fitting if each not in found]
        return tuple(found[:most])

    def check(self, schema: str, columns: Sequence[str]) -> None:
        """Raise EncodingError if a text for a schema names a column that the schema does not have."""
        for each in self.suggestions:
            unknown = set(each.columns) - set(columns) if each.schema == schema else ()
            if unknown:
                raise EncodingError(_WHAT, f"the schema {schema} has no column {shown(min(unknown)[:80])!r}")

    def next_step(self, schema: str) -> Suggestion | None:
        """Return the one next step for a schema; None if the file has none."""
        return next((each for each in self.next_steps if each.schema == schema), None)

    @classmethod
    def from_bytes(cls, data: bytes) -> Suggestions:
        """Parse a file.

        Raises:
            EncodingError: it is too large, no JSON, or a text lacks its source, licence, date or reviewer.
        """
        value = strict_json.loads(data, _WHAT, CAP)
        if not isinstance(value, dict):
            raise EncodingError(_WHAT, "it is not an object")
        fields = Fields(value, _WHAT)
        fields.only("next_steps", "reviewer", "suggestions", "warning")
        reviewer = _text(fields, "reviewer")
        steps = tuple(_suggestion(each, reviewer, with_columns=False) for each in _list(value, "next_steps"))
        if len({each.schema for each in steps}) != len(steps):
            raise EncodingError(_WHAT, "a schema has two next steps")
        texts = tuple(_suggestion(each, reviewer, with_columns=True) for each in _list(value, "suggestions"))
        return cls(_text(fields, "warning"), steps, texts)


def load_suggestions(path: Path = SHIPPED) -> Suggestions:
    """Read a hospital's file, or the shipped one.

    Raises:
        SettingInvalid: it cannot be read.
        EncodingError: see `Suggestions.from_bytes`.
    """
    try:
        with path.open("rb") as file:
            return Suggestions.from_bytes(file.read(CAP + 1))
    except OSError as error:
        raise SettingInvalid("suggestions", f"{path} cannot be read") from error


def _suggestion(raw: JsonValue, reviewer: str, *, with_columns: bool) -> Suggestion:
    """Parse one text; its own `reviewer`, if it has one, replaces the file's."""
    if not isinstance(raw, dict):
        raise EncodingError(_WHAT, "a text is not an object")
    fields = Fields(raw, _WHAT)
    fields.only(*_OF_A_TEXT, "reviewer", *(["columns"] if with_columns else []))
    values = {name: _text(fields, name) for name in _OF_A_TEXT}
    try:
        date.fromisoformat(values["date"])
    except ValueError as error:
        raise EncodingError(_WHAT, "a date is not of the form 2026-11-27") from error
    if not values["url"].startswith("https://"):
        raise EncodingError(_WHAT, "an address does not begin with https://")
    columns = tuple(str(each) for each in _list(raw, "columns")) if with_columns else ()
    return Suggestion(columns=columns, reviewer=_text(fields, "reviewer") if "reviewer" in raw else reviewer, **values)


def _list(raw: Mapping[str, JsonValue], name: str) -> list[JsonValue]:
    values = raw.get(name)
    if not isinstance(values, list) or len(values) > MAX_TEXTS:
        raise EncodingError(_WHAT, f"{name} is not a list of at most {MAX_TEXTS} entries")
    return values


def _text(fields: Fields, name: str) -> str:
    text = fields.text(name)
    if not text.strip() or len(text) > MAX_CHARACTERS or shown(text) != text:
        raise EncodingError(_WHAT, f"{name} is not a text of 1 to {MAX_CHARACTERS} printable characters")
    return text
