"""The five families of errors, grouped by who must act.

Source: sysexits.h (exit codes).
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import ClassVar


class HemaledgerError(Exception):
    """Base of all families; `str(error)` is the sentence for people."""

    exit_code: ClassVar[int] = 70
    http_status: ClassVar[int] = 500
    sentence: ClassVar[str] = "An unknown error occurred."

    def __str__(self) -> str:
        """Return the leaf's sentence with its fields filled in; bytes are shown as 0x-hex."""
        return self.sentence.format(**{name: _show(value) for name, value in self.facts().items()})

    def facts(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)} if is_dataclass(self) else {}

    @property
    def name(self) -> str:
        """Return the leaf's name as PROTOCOL.md and the contracts spell it."""
        return type(self).__name__


def _show(value: object) -> object:
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
