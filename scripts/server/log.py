"""Keeps the server's own noise out of the way of alarms: at most one line a minute, with a count.

Source: waitress, `waitress.queue` (one warning per queued request).
Not here: the site's own lines.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

QUEUE = "waitress.queue"
EVERY_S = 60.0


class OncePerMinute(logging.Filter):
    """Lets one line of a logger through per minute, and says how many it stands for."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Count; `clock` gives seconds that only grow."""
        super().__init__()
        self._clock = clock
        self._next = 0.0
        self._held = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the line goes out."""
        self._held += 1
        now = self._clock()
        if now < self._next:
            return False
        record.msg, record.args = "Requests that had to wait for a worker since the last such line: %d", (self._held,)
        self._next, self._held = now + EVERY_S, 0
        return True


def quieten(clock: Callable[[], float]) -> None:
    """Bound what the server says of its queue."""
    logger = logging.getLogger(QUEUE)
    for old in [each for each in logger.filters if isinstance(each, OncePerMinute)]:
        logger.removeFilter(old)
    logger.addFilter(OncePerMinute(clock))
