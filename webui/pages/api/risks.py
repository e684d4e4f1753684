"""The API of risks from tables: which tables there are, ask one, and read what was saved.

Invariant: the rules, limits and doors are those of the page (usecases/risks.py); an answer is always saved as a record.
"""

from __future__ import annotations

import numpy as np
from flask import request
from flask.typing import ResponseReturnValue

from fl.protocol.codec import JsonValue
from fl.protocol.errors import HemaledgerError, TamperedError
from fl.training.tables.schema import Column, Schema
from webui.errors import NotFound
from webui.http.bearer import body, caller, page_asked, whole
from webui.http.headers import MAX_INTEGER
from webui.pages.api.operations import PAGE, Operation, answer, serves
from webui.ports.api_errors import FieldRefused
from webui.ports.tables import Reals, TableModel
from webui.presentation.api_views import listed, ref
from webui.presentation.risk_views import risk_json, table_json
from webui.presentation.risk_wording import problem_words
from webui.site import site
from webui.store.models import SiteRole
from webui.store.records import PAGE_ROWS
from webui.store.tokens import Scope
from webui.usecases.patient_records import Shown
from webui.usecases.risk_rows import Problem, read_given

READERS = (SiteRole.PATIENT, SiteRole.DOCTOR)
READ, WRITE = Scope.RISKS_READ, Scope.RISKS_WRITE
NAME_CHARS = 40
"""Of a wrong column's name that is repeated."""


@serves(Operation("GET", "/tables", "tables", "The tables for which a risk can be computed.", "Tables", READERS, READ))
def tables() -> ResponseReturnValue:
    offered = site().risks.offered_to(caller())
    keys = site().services.tables.keys() if offered else ()
    return answer({"tables": [table_json(key, _model(key)) for key in keys]})


@serves(
    Operation(
        "GET",
        "/risks",
        "risks",
        "Saved risks that this hospital can open, the newest first. A page may have fewer than the next.",
        "Risks",
        READERS,
        READ,
        query=(PAGE, "patient"),
    )
)
def risks() -> ResponseReturnValue:
    running, page, asked = site(), page_asked(), request.args.get("patient")
    patient_id = _patient(whole(asked, "patient", MAX_INTEGER) if asked is not None else None)
    rows = running.record_store.of_patient(patient_id, page)
    opened = running.patient_records.glance(caller(), [row.id for row in rows])
    found = [risk_json(each) for each in opened if each.risk is not None]
    return answer(listed("risks", found, page, more=len(rows) == PAGE_ROWS))


@serves(
    Operation(
        "POST",
        "/risks",
        "ask_risk",
        "Compute a risk and save it. At least half of the values must be known; null is a value that is not.",
        "Risk",
        READERS,
        WRITE,
        201,
        body={"application/json": ref("NewRisk")},
    )
)
def ask_risk() -> ResponseReturnValue:
    sent, user = body("table", "values", "patient"), caller()
    key, given = sent.text("table"), sent.mapping("values")
    patient_id = _patient(sent.integer("patient") if "patient" in sent.value else None)
    schema = site().risks.model(user, key).schema
    row = site().risks.answer(user, key, patient_id, _values(given, schema))
    return answer(risk_json(_shown(row)), 201)


@serves(Operation("GET", "/risks/<int:check_id>", "one_risk", "One saved risk.", "Risk", READERS, READ))
def one_risk(check_id: int) -> ResponseReturnValue:
    return answer(risk_json(_shown(check_id)))


def _model(key: str) -> TableModel | None:
    """Return a model, or None while it does not answer; a page says why, and a contradiction is an error here."""
    try:
        return site().services.tables.model(key)
    except TamperedError:
        raise
    except HemaledgerError:
        return None


def _shown(row_id: int) -> Shown:
    """Return a saved risk; a check of a picture is none. Of a closed record nobody knows what it is."""
    reader, running = caller(), site()
    shown = running.patient_records.show(reader, running.record_store.visible(reader, row_id))
    if shown.check is not None:
        raise NotFound
    return shown


def _patient(asked: int | None) -> int:
    """Return whose risk it is: the patient alone, or a patient in the doctor's care, whom the doctor must name."""
    reader = caller()
    if reader.role is SiteRole.DOCTOR and asked is None:
        raise FieldRefused("patient", "say whose risk it is")
    wanted = reader.id if asked is None else asked
    if not 0 <= wanted <= MAX_INTEGER:
        raise NotFound
    return site().risks.patient(reader, wanted).account_id


def _values(given: dict[str, JsonValue], schema: Schema) -> Reals:
    """Return float64 [columns], NaN = not known; raise FieldRefused at the first column that is not right."""
    unknown = next((name for name in given if name not in schema.names), None)
    if unknown is not None:
        raise FieldRefused(unknown[:NAME_CHARS], "this table has no such column")
    return np.array([_value(given.get(column.name), column) for column in schema.columns], np.float64)


def _value(given: JsonValue, column: Column) -> float:
    found = read_given(given, column)
    if isinstance(found, Problem):
        raise FieldRefused(column.name, problem_words(found, column).rstrip("."))
    return found
