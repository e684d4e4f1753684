"""What a task may be, and that its document is the only one of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fl.protocol.errors import EncodingError
from fl.protocol.task import Domain, Origin, Task, TaskClass, TaskKind
from fl.protocol.task_catalogue import CELL_DISEASE, LEUKEMIA, LEUKEMIA_STAGES, TASKS

CELLS = Task(
    "blood-cells",
    "Kinds of white cells",
    TaskKind.CLASSES,
    (TaskClass("basophil", "basophil"), TaskClass("eosinophil", "eosinophil"), TaskClass("ig", "immature cell")),
    reported="",
    domain=Domain.STAINED_CELL,
)


@pytest.mark.parametrize("task", [*TASKS.values(), CELLS, replace(LEUKEMIA, origin=Origin.DRAWN)])
def test_a_task_survives_its_document(task: Task) -> None:
    assert Task.from_dict(task.to_dict()) == task


def test_the_disease_is_what_the_task_says_wherever_it_lies_in_the_order() -> None:
    assert LEUKEMIA.disease_probability([0.1, 0.9]) == 0.9
    turned = replace(LEUKEMIA, classes=LEUKEMIA.classes[::-1])
    assert turned.disease_probability([0.1, 0.9]) == 0.1


def test_the_probability_of_disease_is_the_sum_over_the_disease_classes() -> None:
    assert LEUKEMIA_STAGES.disease_probability([0.25, 0.25, 0.375, 0.125]) == 0.75
    assert LEUKEMIA_STAGES.disease_probability([0.0, 0.5, 0.5, 0.000001]) == 1.0
    assert CELLS.disease_probability([0.2, 0.3, 0.5]) is None


def test_a_row_of_another_length_is_nobodys_probability() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        LEUKEMIA.disease_probability([0.1, 0.2, 0.7])


WRONG: dict[str, dict[str, Any]] = {
    "one class": {"classes": LEUKEMIA.classes[:1]},
    "same code": {"classes": (TaskClass("a", "one"), TaskClass("a", "two", disease=True))},
    "same name": {"classes": (TaskClass("a", "Same"), TaskClass("b", "same", disease=True))},
    "no disease": {"classes": (TaskClass("a", "one"), TaskClass("b", "two"))},
    "two diseases": {"classes": (TaskClass("a", "one", disease=True), TaskClass("b", "two", disease=True))},
    "three classes of two": {"classes": (*LEUKEMIA.classes, TaskClass("third", "third"))},
    "ignore": {"classes": (TaskClass("ignore", "one"), TaskClass("b", "two", disease=True))},
    "upper case": {"classes": (TaskClass("ALL", "one", disease=True), TaskClass("hem", "two"))},
    "empty code": {"code": ""},
    "long code": {"code": "x" * 41},
    "path as a code": {"code": "../../etc"},
    "empty name": {"name": ""},
    "long name": {"name": "x" * 81},
    "terminal codes": {"name": "\x1b[31mred"},
    "line end": {"name": "two\nlines"},
    "right to left": {"name": "a\u202eb"},
    "line separator": {"name": "a\u2028b"},
    "decomposed": {"name": "le\u0301ucemie"},
    "spaces around": {"name": " name "},
    "nothing reported": {"reported": ""},
    "long units": {"units": "x" * 201},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_what_breaks_the_invariant_is_no_task(change: dict[str, Any]) -> None:
    with pytest.raises(EncodingError):
        replace(LEUKEMIA, **change)


def test_what_is_reported_has_a_disease_class_behind_it() -> None:
    with pytest.raises(EncodingError, match="none of its classes"):
        replace(CELLS, reported="leukemia")
    with pytest.raises(EncodingError, match="always be 1"):
        replace(LEUKEMIA_STAGES, classes=LEUKEMIA_STAGES.classes[1:])


DAMAGED: dict[str, dict[str, Any]] = {
    "unknown field": {"more": 1},
    "unknown kind": {"kind": "regression"},
    "unknown domain": {"domain": "leaf"},
    "unknown origin": {"origin": "bought"},
    "classes is a text": {"classes": "healthy"},
    "a class is a text": {"classes": ["healthy", "leukemia"]},
    "disease is a number": {"classes": [{"code": "a", "name": "a", "disease": 1}, {"code": "b", "name": "b"}]},
    "a class has more": {"classes": [{"code": "a", "name": "a", "disease": True, "weight": 2}]},
    "too many": {"classes": [{"code": f"c{n}", "name": f"c{n}", "disease": False} for n in range(101)]},
    "a number": {"name": 7},
}


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_document_of_another_form_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EncodingError):
        Task.from_dict({**LEUKEMIA.to_dict(), **change})


@pytest.mark.parametrize("field", list(LEUKEMIA.to_dict()))
def test_a_document_without_a_field_is_refused(field: str) -> None:
    document = CELL_DISEASE.to_dict()
    del document[field]
    with pytest.raises(EncodingError):
        Task.from_dict(document)
