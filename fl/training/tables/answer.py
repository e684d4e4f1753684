"""An answer for one person as a value that can cross a process or be stored: numbers, parts, and reviewed texts.

Invariant: an answer has one document, and parsing it gives an equal answer; a probability is within 0..1 and inside its
interval. This module needs no torch, so a process that only shows answers need not load it.

Not here: how an answer is computed (risk.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import cast

import numpy as np
import numpy.typing as npt

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.training.tables.design import Design
from fl.training.tables.statistics import measured
from fl.training.tables.suggestions import Suggestion

FAR = 3.0
"""Standard deviations from the mean of the training rows, beyond which a value is unlike them."""
MAX_FACTORS, MAX_TEXTS = 256, 16
_WHAT = "answer"
_FACTOR = ("column", "log_odds", "missing", "text")
_SUGGESTION = tuple(sorted(field.name for field in fields(Suggestion)))


@dataclass(frozen=True)
class Factor:
    """What one input adds to the log-odds, compared with the mean person."""

    column: str
    text: str
    log_odds: float
    missing: bool
    """Whether the person's value is not known."""


@dataclass(frozen=True)
class Risk:
    """The answer for one person.

    Attributes:
        probability: In 0..1.
        low, high: The interval of `risk.LEVEL`.
        doubt: What the interval is about, for people.
        factors: One per input, the largest effect first.
        method: How the factors were computed.
        people: "About N of 100 people like you ...", and among whom.
        suggestions: Reviewed texts for the inputs that raise the risk.
        next_step: One; None if the table of suggestions has none for this schema.
        warning: That only a test decides.
    """

    probability: float
    low: float
    high: float
    doubt: str
    factors: tuple[Factor, ...]
    method: str
    people: str
    suggestions: tuple[Suggestion, ...]
    next_step: Suggestion | None
    warning: str

    def to_dict(self) -> dict[str, JsonValue]:
        document = cast("dict[str, JsonValue]", asdict(self))
        document["factors"] = [cast("JsonValue", asdict(each)) for each in self.factors]
        document["suggestions"] = [_suggestion_document(each) for each in self.suggestions]
        document["next_step"] = _suggestion_document(self.next_step) if self.next_step else None
        return document

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> Risk:
        """Parse what `to_dict` wrote, or raise EncodingError."""
        document = Fields(dict(raw), _WHAT)
        document.only(*(field.name for field in fields(cls)))
        chance, low, high = (document.number(name) for name in ("probability", "low", "high"))
        if not 0.0 <= low <= chance <= high <= 1.0:
            raise EncodingError(_WHAT, "its probability is not inside its interval")
        step = document.value.get("next_step")
        return cls(
            chance,
            low,
            high,
            document.text("doubt"),
            tuple(_factor(each) for each in _list(raw, "factors", MAX_FACTORS)),
            document.text("method"),
            document.text("people"),
            tuple(_suggestion(each) for each in _list(raw, "suggestions", MAX_TEXTS)),
            None if step is None else _suggestion(step),
            document.text("warning"),
        )


def unlike(design: Design, values: npt.NDArray[np.float64]) -> tuple[str, ...]:
    """Return the names of the numbers in float64 [columns] that are far from those of the training rows."""
    statistics, far = design.statistics, []
    for (place, column), mean, spread in zip(
        measured(design.schema), statistics.means, statistics.spreads, strict=True
    ):
        if not column.categories and abs(values[place] - mean) > FAR * spread:  # False for NaN
            far.append(column.name)
    return tuple(far)


def _suggestion_document(each: Suggestion) -> JsonValue:
    return {**cast("dict[str, JsonValue]", asdict(each)), "columns": list(each.columns)}


def _suggestion(raw: JsonValue) -> Suggestion:
    inner = _mapping(raw)
    inner.only(*_SUGGESTION)
    texts = {name: inner.text(name) for name in _SUGGESTION if name != "columns"}
    columns = _list(inner.value, "columns", MAX_FACTORS)
    if not all(isinstance(each, str) for each in columns):
        raise EncodingError(_WHAT, "columns is not a list of texts")
    return Suggestion(columns=tuple(str(each) for each in columns), **texts)


def _factor(raw: JsonValue) -> Factor:
    inner = _mapping(raw)
    inner.only(*_FACTOR)
    return Factor(inner.text("column"), inner.text("text"), inner.number("log_odds"), inner.truth("missing"))


def _mapping(raw: JsonValue) -> Fields:
    if not isinstance(raw, dict):
        raise EncodingError(_WHAT, "a part is not an object")
    return Fields(raw, _WHAT)


def _list(raw: Mapping[str, JsonValue], name: str, most: int) -> list[JsonValue]:
    values = raw.get(name)
    if not isinstance(values, list) or len(values) > most:
        raise EncodingError(_WHAT, f"{name} is not a list of at most {most} entries")
    return values
