"""An agent whose work is measured: a decorator around it, and nothing else changes."""

from __future__ import annotations

from dataclasses import dataclass

from fl.replay.ledger_view import LedgerView
from fl.roles.runner import Agent
from fl.timing import Stopwatch


@dataclass(frozen=True)
class MeasuredAgent:
    """An agent whose steps count for a stopwatch."""

    inner: Agent
    watch: Stopwatch

    @property
    def view(self) -> LedgerView:
        """Return what the agent sees of the ledger."""
        return self.inner.view

    def step(self) -> bool:
        """Do the agent's next thing."""
        with self.watch.running():
            return self.inner.step()

    def finish(self) -> None:
        """Let the agent put things in order."""
        self.inner.finish()
