"""How urgent a check is for a doctor: by the model's answer and by how long it has waited.

Invariant: the order is total and depends only on the check, on whether a doctor has reviewed it, and on its age.

Order of a worklist: checks that no doctor has reviewed come first. Among them: signs of disease, then *not sure*, then
checks whose answer this site cannot open, then answers without a disease, then no signs. Then the one that waits
longest. The others follow by age.

Source: usecases/doubt.py (the limits), presentation/wording.verdict (the words; a test compares both).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Protocol

from fl.protocol.task import Task
from fl.training.tables.answer import Risk
from webui.usecases.doubt import sees
from webui.usecases.record_format import Check

RISK_LIKELY, RISK_UNLIKELY = 0.66, 0.1
"""The limits of the words for risks (presentation/risk_wording.py; a test compares both)."""
LIKELY = 0.5
"""Below it, the likeliest class of a task without a disease is less likely than all others together."""


class Urgency(IntEnum):
    """A smaller number comes first."""

    HIGH = 1
    """The model sees signs of disease."""
    UNSURE = 2
    UNKNOWN = 3
    """This site cannot open the record, so nobody knows."""
    OTHER = 4
    """The model gives an answer that says nothing about a disease."""
    LOW = 5
    """The model sees no signs of disease."""


def urgency_of(check: Check | None) -> Urgency:
    """Return how urgent a check is: as its most urgent picture; None is one that the site cannot open."""
    if check is None:
        return Urgency.UNKNOWN
    task, pictures = check.model.task, check.pictures
    answered = [urgency_of_answer(task, each) for each in pictures if each.refused is None]
    return min(answered, default=Urgency.UNKNOWN)


class Answer(Protocol):
    """The model's answer about one picture: a Prediction, or a Pictured of a stored sample."""

    @property
    def label(self) -> str: ...

    @property
    def probability(self) -> float | None: ...

    @property
    def shares(self) -> Mapping[str, float]: ...

    @property
    def kept(self) -> tuple[str, ...] | None: ...


def urgency_of_answer(task: Task, answer: Answer) -> Urgency:
    """Return how urgent one picture's answer is; never UNKNOWN."""
    if task.several:
        return _of_findings(task, answer)
    if answer.probability is None:
        return _of_likeliest(answer)
    clear = sees(task, answer.probability, answer.kept)
    if clear is None:
        return Urgency.UNSURE
    return Urgency.HIGH if clear else Urgency.LOW


def urgency_of_risk(risk: Risk) -> Urgency:
    """Return how urgent an answer about a table is: by its probability, and *no signs* only by its whole interval."""
    if risk.probability >= RISK_LIKELY:
        return Urgency.HIGH
    return Urgency.LOW if risk.high < RISK_UNLIKELY else Urgency.UNSURE


def place(urgency: Urgency, created_at: int, row_id: int, *, reviewed: bool) -> tuple[bool, int, int, int]:
    """Return the sort key of a check in a worklist; the smallest comes first. After a review only age counts."""
    return reviewed, 0 if reviewed else int(urgency), created_at, row_id


def _of_findings(task: Task, answer: Answer) -> Urgency:
    found = [one for one in task.classes if answer.shares.get(one.code, 0.0) > one.threshold]
    if not found:
        return Urgency.LOW
    return Urgency.HIGH if any(one.disease for one in found) else Urgency.OTHER


def _of_likeliest(answer: Answer) -> Urgency:
    if answer.kept is not None:
        return Urgency.OTHER if len(answer.kept) == 1 else Urgency.UNSURE
    return Urgency.UNSURE if answer.shares.get(answer.label, 1.0) < LIKELY else Urgency.OTHER
