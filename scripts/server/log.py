"""Limits the server's warnings about its queue to one line a minute with a count, so that alarms stay visible.

Source: waitress, `waitress.queue` (one warning per queued request).
"""

from __future__ import annotations

import logging
from collections.abc import Callable

QUEUE = "waitress.queue"
EVERY_S = 60.0


class OncePerMinute(logging.Filter):
    """Passes one line of a logger per minute, and writes into it how many lines it represents."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` returns seconds that only grow."""
        super().__init__()
        self._clock = clock
        self._next = 0.0
        self._count = 0

    def filter(self, record: logging.LogRecord) -> bool:
        self._count += 1
        now = self._clock()
        if now < self._next:
            return False
        record.msg, record.args = "Requests that had to wait for a worker since the last such line: %d", (self._count,)
        self._next, self._count = now + EVERY_S, 0
        return True


def quieten(clock: Callable[[], float]) -> None:
    """Install the filter on the server's queue logger, once."""
    logger = logging.getLogger(QUEUE)
    for old in [each for each in logger.filters if isinstance(each, OncePerMinute)]:
        logger.removeFilter(old)
    logger.addFilter(OncePerMinute(clock))
