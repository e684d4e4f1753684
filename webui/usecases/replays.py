"""Rounds that were replayed here since the site started: one at a time, the newest result of each.

Invariant: never two replays at once, whoever asks; a result says when it was made.

Source: PROTOCOL.md 7.
Not here: the replay (fl/audit/rounds.py); who may start one (pages/auditor.py).
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
    """What a replay found."""

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
        """Return the newest replay of a round, None when there was none since the start."""
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
            found = ReplayOutcome(self._service.replay(number), self._clock())
        finally:
            self._turn.release()
        self._done[number] = found
        return found
