"""Which task a round trains: that of the hospital's labels, and that of the model it starts from.

Invariant: two tasks are the same when their documents are; a model's outputs never change their meaning from one round
to the next.

Source: PROTOCOL.md 5 (phase 0) and 7.
"""

from __future__ import annotations

from fl.protocol.errors import TaskChanged, TaskMismatch
from fl.protocol.federation import Federation
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.task import Task
from fl.replay.expected_files import read_config


def check_labels(current: Round, task: Task, own: Task | None) -> None:
    """Check that a round trains what the own images are labelled for; None: this member has no labels.

    Raises:
        TaskMismatch: it trains another task.
    """
    if own is not None and own != task:
        raise TaskMismatch(current.number, _told(task, own), _told(own, task))


def check_kept(federation: Federation, current: Round, vault: Vault) -> None:
    """Check that a round trains the task of the newest final round before it.

    Raises:
        TaskChanged: it trains another one.
        VaultMissing, HashMismatch, EncodingError: a configuration.
    """
    before = _final_before(federation, current.number)
    if before is not None:
        check_same(current.number, read_config(before, vault).task, read_config(current, vault).task)


def check_next(federation: Federation, task: Task, vault: Vault) -> None:
    """Check that a round about to be opened would train the task of the model in force; raises as `check_kept`."""
    final = federation.final_round
    if final is not None:
        check_same(federation.last_round + 1, read_config(final, vault).task, task)


def check_same(number: int, before: Task, now: Task) -> None:
    """Raise TaskChanged unless round `number` trains the task that the model before it was trained for."""
    if before != now:
        raise TaskChanged(number, _told(before, now), _told(now, before))


def _final_before(federation: Federation, number: int) -> Round | None:
    rounds = (found for found in reversed(federation.rounds) if found.number < number)
    return next((found for found in rounds if found.phase == Phase.FINAL), None)


def _told(task: Task, other: Task) -> str:
    """Return a task in words that tell it from `other`."""
    if task.origin != other.origin:
        return f"{task.code}, {task.origin} pictures"
    return f"{task.code}: {', '.join(task.codes)}" if task.codes != other.codes else f"{task.code}: {task.name}"
