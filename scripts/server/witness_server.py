"""A witness's server: C2SP tlog-witness 1.0.0, and the newest checkpoint that it cosigned.

    POST /add-checkpoint                    200, 400, 403, 404, 409, 422, 503
    GET  /SHA256(origin) in hex/checkpoint  the newest one, for monitors

Source: C2SP tlog-witness 1.0.0; its draft of 1.1 for the second address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from fl.protocol.tlog.witness_call import ADD, monitoring_path
from fl.roles.witness import Answer, WitnessDesk
from scripts.server.log_pages import NOT_FOUND, LogApplication


@dataclass(frozen=True)
class WitnessPages:
    """Answers the requests to a witness."""

    desk: WitnessDesk

    def __call__(self, method: str, path: str, body: Callable[[], bytes]) -> Answer:
        """Answer one request."""
        if method == "POST" and path == ADD:
            return self.desk.add(body())
        if method == "GET" and path == monitoring_path(self.desk.replayed.log.origin):
            note = self.desk.newest()
            return NOT_FOUND if note is None else Answer(HTTPStatus.OK, note.encoded())
        return NOT_FOUND


def witness_application(desk: WitnessDesk) -> LogApplication:
    """Return the witness's WSGI application."""
    return LogApplication(WitnessPages(desk))
