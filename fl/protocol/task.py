"""A task: the classes that a federation learns, by stable code, and which of them are the disease.

Invariant: every `Task` is valid: its classes have different codes, a reported probability has a disease class, and
every text is short and printable. Two parties train the same task exactly when their documents are equal.

Source: PROTOCOL.md 5 (the round's configuration, whose digest is on the ledger).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError

CODE = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?")
"""A code for machines: at most 40 lower-case letters and digits, with hyphens and underscores inside."""
IGNORE = "ignore"
"""In a label map, this code excludes images; no class has it."""
MAX_CLASSES = 100
MAX_NAME = 80
"""Characters of a name; names are for people."""
MAX_UNITS = 200
HALF = 0.5
_WHAT = "task"
_FIELDS = ("classes", "code", "domain", "kind", "name", "origin", "reported", "units")

E = TypeVar("E", bound=StrEnum)


class TaskKind(StrEnum):
    """How the classes relate to each other."""

    BINARY = "binary"
    """Two classes, one of them the disease."""
    CLASSES = "classes"
    """An image has exactly one of several classes; any number of them are disease, but not all."""
    LABELS = "labels"
    """An image may have several labels at once, or none."""


class Domain(StrEnum):
    """The kind of one input."""

    STAINED_CELL = "stained single cell"
    XRAY = "X-ray"
    TABLE = "table"


class Origin(StrEnum):
    """The origin of the training data."""

    REAL = "real"
    DRAWN = "drawn"
    """A program drew them: the model has seen no real picture, and every page says so."""


@dataclass(frozen=True)
class TaskClass:
    """One class."""

    code: str
    """Stable, for machines."""
    name: str
    """For people, in the singular: `leukemic blast`."""
    disease: bool = False
    """Whether its probability is part of the reported one."""
    threshold: float = HALF
    """Where an image may have several labels: a larger probability is a finding. Else it has no use, and is 0.5."""

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the class; the threshold only where it is not 0.5, so that earlier documents stay as they were."""
        plain: dict[str, JsonValue] = {"code": self.code, "disease": self.disease, "name": self.name}
        return plain if self.threshold == HALF else {**plain, "threshold": self.threshold}


@dataclass(frozen=True)
class Task:
    """What a federation learns."""

    code: str
    name: str
    kind: TaskKind
    classes: tuple[TaskClass, ...]
    """In the order of the model's outputs, which has no other meaning."""
    reported: str
    """For people, what the reported probability is about: `leukemia`; empty if no class is a disease."""
    domain: Domain
    origin: Origin = Origin.REAL
    units: str = ""
    """The meaning of the input's numbers: `8-bit sRGB, at any scale`."""

    def __post_init__(self) -> None:
        """Check the invariant.

        Raises:
            EncodingError: the task breaks it.
        """
        _code(self.code, "code")
        _text(self.name, "name", MAX_NAME)
        for one in self.classes:
            _code(one.code, "a class's code")
            _text(one.name, f"the name of {one.code}", MAX_NAME)
            if not 0 < one.threshold < 1 or (one.threshold != HALF and not self.several):
                _refuse(f"the threshold of {one.code} is not between 0 and 1, or the task gives one class per image")
        self._check_classes()
        _text(self.reported, "reported", MAX_NAME, empty=not self.disease)
        _text(self.units, "units", MAX_UNITS, empty=True)
        if self.reported and not self.disease:
            _refuse(f"it reports {self.reported}, but none of its classes is a disease")

    def _check_classes(self) -> None:
        count, diseased = len(self.classes), sum(one.disease for one in self.classes)
        if not 2 <= count <= MAX_CLASSES:  # noqa: PLR2004  # a task needs two classes
            _refuse(f"it has {count} classes, not 2 to {MAX_CLASSES}")
        for what, values in (("code", self.codes), ("name", tuple(one.name.casefold() for one in self.classes))):
            if len(set(values)) < count:
                _refuse(f"two of its classes have the same {what}")
        if IGNORE in self.codes:
            _refuse(f"no class may have the code {IGNORE}")
        if self.kind == TaskKind.BINARY and (count, diseased) != (2, 1):
            _refuse("a binary task has two classes, and exactly one is the disease")
        if self.kind == TaskKind.CLASSES and diseased == count:
            _refuse("all of its classes are disease, so its probability would always be 1")

    @property
    def codes(self) -> tuple[str, ...]:
        """Return the classes' codes, in the order of the model's outputs."""
        return tuple(one.code for one in self.classes)

    @property
    def disease(self) -> tuple[TaskClass, ...]:
        return tuple(one for one in self.classes if one.disease)

    @property
    def drawn(self) -> bool:
        return self.origin == Origin.DRAWN

    @property
    def several(self) -> bool:
        """Return whether an image may have several labels; then each has a probability of its own."""
        return self.kind == TaskKind.LABELS

    @property
    def reports(self) -> bool:
        """Return whether an answer has one probability of disease."""
        return bool(self.disease) and not self.several

    def disease_probability(self, row: Sequence[float]) -> float | None:
        """Return the sum over the disease classes of `row` [classes], in 0..1; None if the task does not report it."""
        if len(row) != len(self.classes):
            raise ValueError(f"{len(row)} probabilities do not fit {len(self.classes)} classes")
        if not self.reports:
            return None
        total = sum(float(value) for one, value in zip(self.classes, row, strict=True) if one.disease)
        return min(max(total, 0.0), 1.0)

    def to_dict(self) -> dict[str, JsonValue]:
        return {
            "classes": [one.to_dict() for one in self.classes],
            "code": self.code,
            "domain": self.domain.value,
            "kind": self.kind.value,
            "name": self.name,
            "origin": self.origin.value,
            "reported": self.reported,
            "units": self.units,
        }

    @classmethod
    def from_dict(cls, raw: dict[str, JsonValue]) -> Task:
        """Parse the output of `to_dict`, or raise EncodingError."""
        fields = Fields(raw, _WHAT)
        fields.only(*_FIELDS)
        classes = raw.get("classes")
        if not isinstance(classes, list) or len(classes) > MAX_CLASSES:
            raise EncodingError(_WHAT, f"classes is not a list of at most {MAX_CLASSES}")
        return cls(
            code=fields.text("code"),
            name=fields.text("name"),
            kind=_one_of(TaskKind, fields.text("kind"), "kind"),
            classes=tuple(_parse_class(one) for one in classes),
            reported=fields.text("reported"),
            domain=_one_of(Domain, fields.text("domain"), "domain"),
            origin=_one_of(Origin, fields.text("origin"), "origin"),
            units=fields.text("units"),
        )


def _parse_class(raw: JsonValue) -> TaskClass:
    if not isinstance(raw, dict):
        raise EncodingError(_WHAT, "a class is not an object")
    fields = Fields(raw, _WHAT)
    fields.only("code", "disease", "name", "threshold")
    threshold = fields.number("threshold") if "threshold" in raw else HALF
    return TaskClass(fields.text("code"), fields.text("name"), fields.truth("disease"), threshold)


def _one_of(kind: type[E], value: str, name: str) -> E:
    try:
        return kind(value)
    except ValueError as error:
        known = ", ".join(kind)
        raise EncodingError(_WHAT, f"{name} is not one of: {known}") from error


def _code(value: str, what: str) -> None:
    if CODE.fullmatch(value) is None:
        _refuse(f"{what} is not 1 to 40 lower-case letters, digits, hyphens or underscores")


def _text(value: str, what: str, most: int, *, empty: bool = False) -> None:
    if not value and empty:
        return
    if not 0 < len(value) <= most or value != value.strip():
        _refuse(f"{what} does not have 1 to {most} characters, or begins or ends with a space")
    if any(unicodedata.category(letter)[0] == "C" or letter in "\u2028\u2029" for letter in value):
        _refuse(f"{what} has a character that cannot be printed")
    if unicodedata.normalize("NFC", value) != value:
        _refuse(f"{what} is not in Unicode form C")


def _refuse(why: str) -> None:
    raise EncodingError(_WHAT, why)
