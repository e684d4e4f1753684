"""Runs an agent: it acts while there is something to do, else it waits for the next record.

Invariant: only a temporary fault (UnavailableError) is retried; every other error ends the agent. The agent waits
without limit for a missing file, a missing vault or a wrong clock, because others repair them and the ledger's
deadlines decide.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fl.events import Event, Notify
from fl.protocol.errors import ClockWrong, RoundBlocked, UnavailableError, VaultMissing, VaultUnavailable
from fl.replay.ledger_view import LedgerView

MIN_IDLE_S, MAX_IDLE_S, IDLE_GROWTH = 0.02, 0.4, 1.5
"""Seconds between looks at what is not on the ledger (files in the vault, deadlines, the own training). Looks become
rare while nothing happens, so that waiting does not slow the training."""
MIN_BACKOFF_S, MAX_BACKOFF_S = 0.05, 5.0


class Agent(Protocol):
    """One member's program."""

    @property
    def view(self) -> LedgerView:
        """Return what the agent has read from the ledger."""

    def step(self) -> bool:
        """Do the next thing; False when there is none."""

    def finish(self) -> None:
        """Clean up before the process ends."""


@dataclass(frozen=True)
class Run:
    """How long an agent runs, and where it reports."""

    stop: threading.Event
    notify: Notify
    patience_s: float = 60.0
    """How long chain or disk may fail before UnavailableError ends the agent."""
    done: Callable[[], bool] = lambda: False
    failed: Callable[[UnavailableError], None] = lambda _error: None
    """Gets every fault of the world, also one that is not reported again."""
    step_ended: Callable[[], None] = lambda: None
    """Called after every step that ended well."""


def run(agent: Agent, how: Run) -> None:
    """Run until `how.stop` is set or `how.done()` is true, or raise the error that ended the agent."""
    silent_s, backoff_s, idle_s, reported = 0.0, MIN_BACKOFF_S, MIN_IDLE_S, ""
    while not how.stop.is_set():
        try:
            acted = agent.step()
            silent_s, backoff_s = 0.0, MIN_BACKOFF_S
            how.step_ended()
            if how.done():
                break
            news = acted or agent.view.wait(idle_s)
            idle_s = MIN_IDLE_S if news else min(idle_s * IDLE_GROWTH, MAX_IDLE_S)
        except UnavailableError as error:
            how.failed(error)
            missing = isinstance(error, VaultMissing | VaultUnavailable | ClockWrong | RoundBlocked)
            if silent_s >= how.patience_s and not missing:
                raise
            if not missing or str(error) != reported:
                how.notify(Event.WAITING, {"reason": str(error)})
            reported = str(error)
            how.stop.wait(backoff_s)
            silent_s += backoff_s
            backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)
    with contextlib.suppress(UnavailableError):
        agent.finish()
