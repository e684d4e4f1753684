"""The contents of a sealed record of the kind `risk`: a person's values in a table, and the model's answer.

Invariant: a record is whole without the model: it keeps the schema, the values, the answer with its texts, and which
model answered. Values are in the ranges of the schema.

Source: record_format.py (the layout, and the parts that all kinds share).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.training.tables.answer import Risk
from fl.training.tables.schema import Column, Schema
from webui.ports.federation import ServedModel
from webui.ports.tables import TableAnswer

if TYPE_CHECKING:  # it imports this module
    from webui.usecases.record_format import Subject

FIELDS = (
    "answer",
    "answered_at",
    "entered_by",
    "measured",
    "measured_on",
    "model",
    "schema",
    "table",
    "unlike",
    "values",
)
MAX_FIGURES = 64
_WHAT = "patient record"


@dataclass(frozen=True)
class RiskRecord:
    """One answer of a model of a table."""

    patient: Subject
    answered_at: int
    """Seconds since 1970."""
    entered_by: str
    """The name of who filled in the form: the patient, or a doctor."""
    table: str
    """The site's name for the model, as in addresses."""
    schema: Schema
    values: tuple[float | None, ...]
    """In the schema's order, as in a row of a table; None = not known."""
    answer: Risk
    unlike: tuple[str, ...]
    """The columns whose values are far from those of the patients that the model learned from."""
    model: ServedModel
    measured: Mapping[str, float]
    """An auditor's figures of the model on rows that no hospital trained on, by name; empty if there are none."""
    measured_on: int
    """How many rows these were; 0 if the auditor does not say it."""
    software: str = ""
    """The version of this program that answered; empty in answers of earlier versions."""


@dataclass(frozen=True)
class NewRisk:
    """An answer about a table, before it is a record."""

    patient_id: int
    found: TableAnswer
    values: Sequence[float | None]
    """In the schema's order; None = not known."""


def risk_record(patient: Subject, answered_at: int, entered_by: str, new: NewRisk, software: str) -> RiskRecord:
    """Return the record of an answer; `answered_at` in seconds since 1970, `software` the version that answered."""
    found, report = new.found, new.found.model.report
    return RiskRecord(
        patient=patient,
        answered_at=answered_at,
        entered_by=entered_by,
        table=found.model.key,
        schema=found.model.schema,
        values=tuple(new.values),
        answer=found.risk,
        unlike=found.unlike,
        model=found.model.served,
        measured=report.metrics or {},
        measured_on=report.data.images if report.data else 0,
        software=software,
    )


def risk_document(record: RiskRecord) -> dict[str, JsonValue]:
    """Return the fields that only this kind has."""
    return {
        "answer": record.answer.to_dict(),
        "answered_at": record.answered_at,
        "entered_by": record.entered_by,
        "measured": {name: float(value) for name, value in record.measured.items()},
        "measured_on": record.measured_on,
        "schema": record.schema.to_dict(),
        "table": record.table,
        "unlike": list(record.unlike),
        "values": list(record.values),
        **({"software": record.software} if record.software else {}),
    }


def parse_risk(fields: Fields, patient: Subject, model: ServedModel) -> RiskRecord:
    """Return the record of a document whose shared parts are parsed; raise EncodingError."""
    schema = Schema.from_dict(fields.mapping("schema"))
    answer, unlike = Risk.from_dict(fields.mapping("answer")), _texts(fields)
    named = [factor.column for factor in answer.factors]
    if sorted(named) != sorted(schema.names) or not set(unlike) <= set(schema.names):
        raise EncodingError(_WHAT, "its answer is not about the columns of its schema")
    return RiskRecord(
        patient=patient,
        answered_at=fields.integer("answered_at"),
        entered_by=fields.text("entered_by"),
        table=fields.text("table"),
        schema=schema,
        values=_values(fields, schema),
        answer=answer,
        unlike=unlike,
        model=model,
        measured=_figures(fields),
        measured_on=fields.integer("measured_on"),
        software=fields.text("software") if "software" in fields.value else "",
    )


def _figures(fields: Fields) -> dict[str, float]:
    figures = Fields(fields.mapping("measured"), _WHAT)
    if len(figures.value) > MAX_FIGURES:
        raise EncodingError(_WHAT, f"it has more than {MAX_FIGURES} figures")
    return {name: figures.number(name) for name in figures.value}


def _values(fields: Fields, schema: Schema) -> tuple[float | None, ...]:
    raw = fields.value.get("values")
    if not isinstance(raw, list) or len(raw) != len(schema.columns):
        raise EncodingError(_WHAT, "it has not one value for each column")
    return tuple(_value(each, column) for each, column in zip(raw, schema.columns, strict=True))


def _value(raw: JsonValue, column: Column) -> float | None:
    if raw is None:
        return None
    value = Fields({column.name: raw}, _WHAT).number(column.name)
    top = len(column.categories) - 1 if column.categories else column.high
    bottom = 0 if column.categories else column.low
    whole = not column.categories or math.floor(value) == value
    if not bottom <= value <= top or not whole:
        raise EncodingError(_WHAT, f"{column.name} is not in its range")
    return value


def _texts(fields: Fields) -> tuple[str, ...]:
    raw = fields.value.get("unlike")
    if not isinstance(raw, list) or not all(isinstance(each, str) for each in raw):
        raise EncodingError(_WHAT, "unlike is not a list of texts")
    return tuple(str(each) for each in raw)
