"""Measures the time of an agent's steps."""

from __future__ import annotations

from dataclasses import dataclass

from fl.replay.ledger_view import LedgerView
from fl.roles.runner import Agent
from fl.timing import Stopwatch


@dataclass(frozen=True)
class MeasuredAgent:
    """An agent whose steps a stopwatch measures."""

    inner: Agent
    watch: Stopwatch

    @property
    def view(self) -> LedgerView:
        return self.inner.view

    def step(self) -> bool:
        with self.watch.running():
            return self.inner.step()

    def finish(self) -> None:
        self.inner.finish()
