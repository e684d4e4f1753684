"""One name for each request, in its answer and in every line that the log has about it.

Invariant: a name from outside is taken only if it is short and plain; otherwise the site makes one.

Source: the usual header X-Request-ID; OWASP Logging Cheat Sheet (no line breaks from outside in a log).
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from contextvars import ContextVar

from flask import Flask, Response, g, request

from webui.http.sessions import visitor
from webui.store.tokens import Caller

HEADER = "X-Request-ID"
PLAIN = re.compile(r"[A-Za-z0-9._-]{8,64}")
REQUEST_ID: ContextVar[str] = ContextVar("the name of the request in hand", default="")
LOG = logging.getLogger("hemaledger.requests")
QUIET = frozenset({"static", "health.live", "health.ready", "health.health", "metrics.show"})
"""Endpoints that programs ask all the time; their successes would hide the rest of the log."""


def init_request_ids(app: Flask, timer: Callable[[], float]) -> None:
    """Name every request, and write one line about it; `timer` returns seconds that only grow."""

    def begin() -> None:
        given = request.headers.get(HEADER, "")
        REQUEST_ID.set(given if PLAIN.fullmatch(given) else secrets.token_hex(8))
        g.begun = timer()

    def end(response: Response) -> Response:
        response.headers[HEADER] = REQUEST_ID.get()
        loud = request.endpoint not in QUIET or response.status_code >= 400  # noqa: PLR2004
        if loud and LOG.isEnabledFor(logging.INFO):
            _write(response, timer() - g.begun)
        return response

    app.before_request(begin)
    app.after_request(end)


def _write(response: Response, seconds: float) -> None:
    """Write one line; it has the endpoint instead of the address, which may name a person's record."""
    found = g.get("caller")
    user = found.user if isinstance(found, Caller) else visitor()
    facts = {
        "method": request.method,
        "endpoint": request.endpoint or "",
        "status": response.status_code,
        "milliseconds": round(seconds * 1000, 1),
        "role": user.role.value if user is not None else "",
    }
    LOG.info("%(method)s %(endpoint)s %(status)s", facts, extra={"facts": facts})
