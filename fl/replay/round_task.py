"""Checks a round's task against the hospital's labels and against the task of the model before.

Invariant: two tasks are the same if their documents are equal. The meaning of a model's outputs never changes from one
round to the next.

Source: PROTOCOL.md 5 (phase 0) and 7.
"""

from __future__ import annotations

from fl.protocol.errors import TaskChanged, TaskMismatch
from fl.protocol.federation import Federation
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Round
from fl.protocol.task import Task
from fl.replay.expected_files import read_config


def check_labels(current: Round, task: Task, own: Task | None) -> None:
    """Check that a round trains the task of this member's labels; None: this member has no labels.

    Raises:
        TaskMismatch: it trains another task.
    """
    if own is not None and own != task:
        raise TaskMismatch(current.number, _described(task, own), _described(own, task))


def check_kept(federation: Federation, current: Round, vault: Vault) -> None:
    """Check that a round trains the task of the newest final round before it.

    Raises:
        TaskChanged: it trains another task.
        VaultMissing, HashMismatch, EncodingError: a configuration.
    """
    before = federation.final_before(current)
    if before is not None:
        check_same(current.number, read_config(before, vault).task, read_config(current, vault).task)


def check_next(federation: Federation, task: Task, vault: Vault) -> None:
    """Check that the next round would train the task of the current model; raises as `check_kept`."""
    final = federation.final_round
    if final is not None:
        check_same(federation.last_round + 1, read_config(final, vault).task, task)


def check_same(number: int, before: Task, now: Task) -> None:
    """Raise TaskChanged unless round `number` trains the task of the model before it."""
    if before != now:
        raise TaskChanged(number, _described(before, now), _described(now, before))


def _described(task: Task, other: Task) -> str:
    """Describe a task by what differs from `other`."""
    if task.origin != other.origin:
        return f"{task.code}, {task.origin} pictures"
    return f"{task.code}: {', '.join(task.codes)}" if task.codes != other.codes else f"{task.code}: {task.name}"
