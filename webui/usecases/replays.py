"""Replays of rounds on this site: one at a time, and the newest result of each round since the start.

Invariant: never two replays at once.

Source: PROTOCOL.md 7.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from fl.audit.narrative import Results
from webui.errors import ReplayRunning
from webui.ports.federation import AuditService


@dataclass(frozen=True)
class ReplayOutcome:
    """The result of a replay."""

    results: Results
    at: int
    """Seconds since 1970."""


class Replays:
    """The replays of one running site."""

    def __init__(self, service: AuditService, clock: Callable[[], int]) -> None:
        self._service = service
        self._clock = clock
        self._turn = threading.Lock()
        self._done: dict[int, ReplayOutcome] = {}

    def of(self, number: int) -> ReplayOutcome | None:
        """Return the newest replay of a round; None if there was none since the start."""
        return self._done.get(number)

    def run(self, number: int) -> ReplayOutcome:
        """Replay a round now.

        Raises:
            ReplayRunning: another replay has not ended.
            WrongRound, UnavailableError: see AuditService.replay.
        """
        if not self._turn.acquire(blocking=False):
            raise ReplayRunning
        try:
            outcome = ReplayOutcome(self._service.replay(number), self._clock())
        finally:
            self._turn.release()
        self._done[number] = outcome
        return outcome
