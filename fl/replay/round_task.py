"""Checks a round's task against the hospital's labels, and its task and suite against those of the model before.

Invariant: two tasks are the same if their documents are equal. The meaning of a model's outputs never changes from one
round to the next. A federation whose models are sealed for decades does not go back to the classical suite.

Source: PROTOCOL.md 5 (phase 0) and 7.
"""

from __future__ import annotations

from fl.protocol.errors import SuiteLowered, TaskChanged, TaskMismatch
from fl.protocol.federation import Federation
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.protocol.task import Task
from fl.replay.round_documents import read_config


def check_labels(current: Round, task: Task, own: Task | None) -> None:
    """Check that a round trains the task of this member's labels; None: this member has no labels.

    Raises:
        TaskMismatch: it trains another task.
    """
    if own is not None and own != task:
        raise TaskMismatch(current.number, _described(task, own), _described(own, task))


def check_kept(federation: Federation, current: Round, vault: Vault) -> None:
    """Check that a round trains the task of the newest final round before it, and is not sealed by an older suite.

    Raises:
        TaskChanged: it trains another task.
        SuiteLowered: its files are sealed by an older suite.
        VaultMissing, HashMismatch, EncodingError: a configuration.
    """
    before = federation.final_before(current)
    if before is not None:
        _check_config(current.number, read_config(before, vault), read_config(current, vault))


def check_next(federation: Federation, config: RoundConfig, vault: Vault) -> None:
    """Check that the next round would keep task and suite of the current model; raises as `check_kept`."""
    final = federation.final_round
    if final is not None:
        _check_config(federation.last_round + 1, read_config(final, vault), config)


def check_suite(federation: Federation, current: Round, vault: Vault) -> None:
    """Raise SuiteLowered if a round is sealed by an older suite than the newest final round before it."""
    before = federation.final_before(current)
    if before is not None and read_config(current, vault).suite < read_config(before, vault).suite:
        raise SuiteLowered(current.number)


def _check_config(number: int, before: RoundConfig, now: RoundConfig) -> None:
    check_same(number, before.task, now.task)
    if now.suite < before.suite:
        raise SuiteLowered(number)


def check_same(number: int, before: Task, now: Task) -> None:
    """Raise TaskChanged unless round `number` trains the task of the model before it."""
    if before != now:
        raise TaskChanged(number, _described(before, now), _described(now, before))


def _described(task: Task, other: Task) -> str:
    """Describe a task by what differs from `other`."""
    if task.origin != other.origin:
        return f"{task.code}, {task.origin} pictures"
    return f"{task.code}: {', '.join(task.codes)}" if task.codes != other.codes else f"{task.code}: {task.name}"
