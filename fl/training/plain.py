"""Strict parsing of plain dictionaries into frozen dataclasses.

Invariant: `parse_fields(cls, asdict(value)) == value`; a missing, unknown or wrongly typed field is an error. Each
dataclass checks its ranges in `__post_init__`.

Source: A. King, "Parse, don't validate".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

from fl.protocol.errors import EncodingError

T = TypeVar("T")


def parse_fields(cls: type[T], raw: Mapping[str, object], what: str) -> T:
    """Build the dataclass `cls` from `raw`; every field must exist with its exact type (an int may fill a float).

    Raises:
        EncodingError: a field is missing, unknown or has the wrong type; `what` names the document.
    """
    hints = get_type_hints(cls)
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]  # every caller passes a dataclass
    if unknown := sorted(set(raw) - set(names)):
        raise EncodingError(what, f"the field {unknown[0]!r} is unknown")
    if missing := [name for name in names if name not in raw]:
        raise EncodingError(what, f"the field {missing[0]!r} is missing")
    values: dict[str, Any] = {}
    for name in names:
        value, wanted = raw[name], hints[name]
        if wanted is float and type(value) is int:
            value = float(value)
        if type(value) is not wanted:
            raise EncodingError(what, f"the field {name!r} is {value!r}, not a value of type {wanted.__name__}")
        values[name] = value
    return cls(**values)
