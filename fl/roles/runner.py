"""Runs an agent: act while there is something to do, else wait for the next record.

Invariant: only a passing fault of the world (UnavailableError) is retried; everything else ends the agent. A file that
is not in the vault, or a vault that is not there, is waited for without end: it is the ledger's deadlines that count,
and others write there. So is somebody who sets this machine's clock.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fl.events import Event, Notify
from fl.protocol.errors import ClockWrong, UnavailableError, VaultMissing, VaultUnavailable
from fl.replay.ledger_view import LedgerView

MIN_IDLE_S, MAX_IDLE_S, IDLE_GROWTH = 0.02, 0.4, 1.5
"""Seconds between looks at what is not on the ledger (files in the vault, deadlines, the own training): short while
things happen, longer while nothing does, so that waiting takes no processor from training."""
MIN_BACKOFF_S, MAX_BACKOFF_S = 0.05, 5.0


class Agent(Protocol):
    """What can be run."""

    @property
    def view(self) -> LedgerView:
        """Return what the agent sees of the ledger."""

    def step(self) -> bool:
        """Do the next thing; False when there is none."""

    def finish(self) -> None:
        """Put things in order before the process ends."""


@dataclass(frozen=True)
class Run:
    """How long and how loudly an agent runs."""

    stop: threading.Event
    notify: Notify
    patience_s: float = 60.0
    """How long the world may stay silent before UnavailableError ends the agent."""
    done: Callable[[], bool] = lambda: False


def run(agent: Agent, how: Run) -> None:
    """Run until `how.stop` is set or `how.done()` holds, or raise what ended the agent."""
    silent_s, backoff_s, idle_s, told = 0.0, MIN_BACKOFF_S, MIN_IDLE_S, ""
    while not how.stop.is_set():
        try:
            acted = agent.step()
            silent_s, backoff_s = 0.0, MIN_BACKOFF_S
            if how.done():
                break
            news = acted or agent.view.wait(idle_s)
            idle_s = MIN_IDLE_S if news else min(idle_s * IDLE_GROWTH, MAX_IDLE_S)
        except UnavailableError as error:
            missing = isinstance(error, VaultMissing | VaultUnavailable | ClockWrong)
            if silent_s >= how.patience_s and not missing:
                raise
            if not missing or str(error) != told:
                how.notify(Event.WAITING, {"reason": str(error)})
            told = str(error)
            how.stop.wait(backoff_s)
            silent_s += backoff_s
            backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)
    with contextlib.suppress(UnavailableError):
        agent.finish()
