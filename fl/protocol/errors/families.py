"""The five families of errors, grouped by who must act.

Source: sysexits.h (exit codes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import ClassVar, Self

IN_WORDS = frozenset({"why", "what", "verdict", "wait", "weekday", "role", "problem"})
"""The fields that are words; the others are names, numbers and bytes, which no language changes."""
Words = Callable[[str], str]
"""Returns a text in another language, or the text itself."""


class Why(str):
    """A reason in English that keeps its parts, so that a page can say it in another language."""

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, **values: object) -> Self:
        """Return `template` with `values` in its {places}."""
        made = super().__new__(cls, template.format(**values))
        made.template, made.values = template, values
        return made


class HemaledgerError(Exception):
    """Base of all families; `str(error)` is the sentence for people."""

    exit_code: ClassVar[int] = 70
    http_status: ClassVar[int] = 500
    sentence: ClassVar[str] = "An unknown error occurred."

    def __str__(self) -> str:
        """Return the leaf's sentence with its fields filled in; bytes are shown as 0x-hex."""
        return self.said(str)

    def said(self, words: Words, **better: object) -> str:
        """Return the sentence with its fields filled in; `words` translates, `better` replaces fields."""
        facts = {name: _told(name, value, words) for name, value in self.facts().items()}
        return words(self.sentence).format(**facts | better)

    def facts(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)} if is_dataclass(self) else {}

    @property
    def name(self) -> str:
        """Return the leaf's name as PROTOCOL.md and the contracts spell it."""
        return type(self).__name__


def _told(name: str, value: object, words: Words) -> object:
    if isinstance(value, Why):
        return words(value.template).format(**{key: _told(key, each, words) for key, each in value.values.items()})
    if name in IN_WORDS and isinstance(value, str) and value:  # gettext("") would be the head of the catalogue
        return words(value)
    return "0x" + value.hex() if isinstance(value, bytes) else value


class MalformedError(HemaledgerError):
    """Bytes from outside do not parse."""

    exit_code = 65
    http_status = 400


class RefusedError(HemaledgerError):
    """The input is well-formed, but the rules forbid it."""

    exit_code = 77
    http_status = 403


class TamperedError(HemaledgerError):
    """The evidence contradicts itself. The program never retries."""

    exit_code = 76
    http_status = 500


class UnavailableError(HemaledgerError):
    """A node, disk or process did not answer; trying again later may help."""

    exit_code = 75
    http_status = 503


class MisconfiguredError(HemaledgerError):
    """This installation cannot work with its present settings."""

    exit_code = 78
    http_status = 500
