"""What programs get of tables and risks: each value as JSON, and the schema of that JSON.

Invariant: as in api_views.py. A value that is not known is null; one of a category is its word.
"""

from __future__ import annotations

from typing import Any

from fl.training.tables.answer import Risk
from fl.training.tables.schema import Column, Kind
from webui.ports.tables import TableModel
from webui.presentation.api_views import (
    NUMBER,
    SHARE,
    TEXT,
    TIME,
    TRUTH,
    Json,
    list_of,
    model_json,
    moment,
    object_of,
    or_null,
    page_of,
    ref,
)
from webui.usecases.patient_records import Shown
from webui.usecases.risk_format import RiskRecord

REAL: Json = {"type": "number"}
VALUE: Json = {"anyOf": [REAL, TEXT, {"type": "null"}]}
VALUES: Json = {"type": "object", "additionalProperties": VALUE}


def table_json(key: str, model: TableModel | None) -> Json:
    """Return one table; without its model, because it does not answer now, only the name is known."""
    if model is None:
        return {"table": key, "ready": False, "about": None, "columns": [], "model": None}
    columns = [_column_json(each) for each in model.schema.columns]
    about = model.schema.reported
    return {"table": key, "ready": True, "about": about, "columns": columns, "model": model_json(model.served, key)}


def risk_json(shown: Shown) -> Json:
    """Return one risk; what cannot be opened has `state` other than `open` and no result."""
    row, record = shown.row, shown.risk
    return {
        "id": row.id,
        "patient": row.patient_id,
        "number": row.number,
        "state": shown.state,
        "created_at": moment(row.created_at),
        "table": record.table if record is not None else None,
        "about": record.schema.reported if record is not None else None,
        "entered_by": record.entered_by if record is not None else None,
        "values": _values_json(record) if record is not None else None,
        "result": _result_json(record.answer, record.unlike) if record is not None else None,
        "model": model_json(record.model, record.table) if record is not None else None,
    }


def _column_json(column: Column) -> Json:
    """Return how a column is filled in; a number has its range and unit, the others have their words."""
    number = column.kind is Kind.NUMBER
    return {
        "name": column.name,
        "text": column.text,
        "kind": column.kind.value,
        "unit": column.unit,
        "low": column.low if number else None,
        "high": column.high if number else None,
        "words": list(column.categories),
        "may_be_unknown": bool(column.missing),
    }


def _values_json(record: RiskRecord) -> dict[str, Any]:
    pairs = zip(record.schema.columns, record.values, strict=True)
    return {column.name: _value(column, value) for column, value in pairs}


def _value(column: Column, value: float | None) -> float | str | None:
    if value is None or column.kind is Kind.NUMBER:
        return value
    return column.categories[int(value)]


def _result_json(risk: Risk, unlike: tuple[str, ...]) -> Json:
    step = risk.next_step
    return {
        "probability": risk.probability,
        "low": risk.low,
        "high": risk.high,
        "doubt": risk.doubt,
        "warning": risk.warning,
        "unlike_training": list(unlike),
        "factors": [
            {"column": each.column, "log_odds": each.log_odds, "known": not each.missing} for each in risk.factors
        ],
        "next_step": step.text if step is not None else None,
    }


RISK_SCHEMAS: dict[str, Json] = {
    "Column": object_of(
        name=TEXT,
        text=TEXT,
        kind={"enum": [each.value for each in Kind]},
        unit=TEXT,
        low=or_null(REAL),
        high=or_null(REAL),
        words=list_of(TEXT),
        may_be_unknown=TRUTH,
    ),
    "Table": object_of(
        table=TEXT, ready=TRUTH, about=or_null(TEXT), columns=list_of(ref("Column")), model=or_null(ref("Model"))
    ),
    "Tables": object_of(tables=list_of(ref("Table"))),
    "NewRisk": {
        "type": "object",
        "properties": {"table": TEXT, "values": VALUES, "patient": NUMBER},
        "required": ["table", "values"],
        "additionalProperties": False,
    },
    "RiskResult": object_of(
        probability=SHARE,
        low=SHARE,
        high=SHARE,
        doubt=TEXT,
        warning=TEXT,
        unlike_training=list_of(TEXT),
        factors=list_of(object_of(column=TEXT, log_odds=REAL, known=TRUTH)),
        next_step=or_null(TEXT),
    ),
    "Risk": object_of(
        id=NUMBER,
        patient=NUMBER,
        number=or_null(TEXT),
        state={"enum": ["open", "waiting", "erased", "damaged"]},
        created_at=TIME,
        table=or_null(TEXT),
        about=or_null(TEXT),
        entered_by=or_null(TEXT),
        values=or_null(VALUES),
        result=or_null(ref("RiskResult")),
        model=or_null(ref("Model")),
    ),
    "Risks": page_of("risks", "Risk"),
}
