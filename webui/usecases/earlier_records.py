"""What a record of the first format means today: class names and one positive class become a task.

Invariant: nothing is added that the record does not say; its label keeps its meaning.

Source: record_format.py of that version.
Not here: reading and checking the result (record_format.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.task import MAX_NAME, Domain, Task, TaskClass, TaskKind
from fl.roles.serving.model_facts import State

_WHAT = "patient record"


def modernised(document: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return a document of the first format with the fields of today, or raise EncodingError."""
    fields = Fields(document, _WHAT)
    if fields.text("kind") != "check":
        return document
    model, prediction = fields.mapping("model"), Fields(fields.mapping("prediction"), _WHAT)
    names, positive = model.get("class_names"), model.get("positive_class")
    if not isinstance(names, list) or not isinstance(positive, str):
        raise EncodingError(_WHAT, "class_names or positive_class is missing")
    label = prediction.text("label")
    task = task_of_names([*(str(name) for name in names), label], positive)
    gone = ("class_names", "positive_class", "verified", "verified_at")
    kept = {name: value for name, value in model.items() if name not in gone}
    told: dict[str, JsonValue] = {
        "label": code_of(label),
        "probability": prediction.number("probability"),
        "shares": {},
    }
    return {
        **document,
        "model": {**kept, "task": task.to_dict(), "verification": _verification(model)},
        "prediction": told,
    }


def _verification(model: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return what the first format kept of a verification: what the ledger said, and when it last said so."""
    verified, fields = model.get("verified"), Fields(dict(model), _WHAT)
    if not isinstance(verified, bool):
        raise EncodingError(_WHAT, "verified is neither true nor false")
    state = State.CHECKED if verified else State.UNKNOWN
    ledger: dict[str, JsonValue] = {"state": state.value, "at": fields.integer("verified_at"), "why": ""}
    return {"ledger": ledger, "file": None, "memory": None, "block": 0}


def task_of_names(names: Sequence[str], positive: str) -> Task:
    """Return the task of a model that was known by some names of its classes; `positive` alone has its absence."""
    known = list(dict.fromkeys([*names, positive]))
    if len(known) == 1:
        known.append("healthy")
    return Task(
        code="earlier",
        name="Blood cell, as an earlier version judged it",
        kind=TaskKind.BINARY if len(known) == 2 else TaskKind.CLASSES,  # noqa: PLR2004  # a finding and its absence
        classes=tuple(TaskClass(code_of(name), name[:MAX_NAME], name == positive) for name in known),
        reported=positive[:MAX_NAME],
        domain=Domain.STAINED_CELL,
    )


def code_of(name: str) -> str:
    """Return a code for a class name of an earlier version."""
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-")[:40].strip("-") or "class"
