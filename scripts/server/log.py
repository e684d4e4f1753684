"""Limits the server's warnings about its queue to one line a minute with a count, so that alarms stay visible.

Source: waitress, `waitress.queue` (one warning per queued request).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime

from webui.http.request_ids import REQUEST_ID

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


class JsonLines(logging.Formatter):
    """One JSON object per line: time, level, logger, message, the request's id, and the facts about a request."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if REQUEST_ID.get():
            line["request_id"] = REQUEST_ID.get()
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps({**line, **getattr(record, "facts", {})}, ensure_ascii=False)


def log_as_json() -> None:
    """Write the log as JSON lines on standard error, with one line per request."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.getLogger().handlers = [handler]
    logging.getLogger("hemaledger").setLevel(logging.INFO)
