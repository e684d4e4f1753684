"""Writes the access log: one line for every page that shows somebody's data, every download and every change.

What a program reads or changes with a token gets a line, too, in the name of the token's owner.

Invariant: for a page about one thing (its address has a number) the line is written before the answer leaves; if it
cannot be written, the person gets an error page instead. A code from a mail never gets into the log.

Source: OWASP Logging Cheat Sheet; EHDS (EU) 2025/327, Art. 9.
"""

from __future__ import annotations

from flask import Flask, Response, g, request, session

from webui.errors import DatabaseUnavailable
from webui.http.error_pages import error_response
from webui.http.sessions import visitor
from webui.site import site
from webui.store.access_log import LogEvent
from webui.store.accounts import SignedInUser
from webui.store.tokens import Caller

QUIET = frozenset(
    {"static", "accounts.sign_out", "accounts.sign_in", "factors.second", "passkeys.sign_in", "passkeys.new_options"}
)
"""These write their own lines, or need none."""
SHOWN = ("text/html", "text/csv", "application/")
PROGRAM_QUIET = frozenset({"metrics.show"})
"""What a program asks for several times a minute, without anybody's data."""


def init_access_log(app: Flask) -> None:
    app.after_request(_log)


def _log(response: Response) -> Response:
    if request.endpoint is None or request.endpoint in QUIET or response.status_code >= 400:  # noqa: PLR2004
        return response
    caller = g.get("caller")
    user = caller.user if isinstance(caller, Caller) else _person()
    if user is None:
        return response
    event = _program_event(user) if isinstance(caller, Caller) else _event(response, user)
    if event is None:
        return response
    try:
        _write(user, event)
    except DatabaseUnavailable as error:
        return error_response(error) if request.view_args else response
    return response


def _person() -> SignedInUser | None:
    return visitor() if "_user_id" in session else None


def _program_event(user: SignedInUser) -> LogEvent | None:
    """Return what a program's request is in the log; a picture alone counts, because no page was opened before."""
    if request.endpoint in PROGRAM_QUIET:
        return None
    if request.method not in {"GET", "HEAD"}:
        return LogEvent.PROGRAM_CHANGED
    return LogEvent.PROGRAM_READ if user.staff or request.view_args else None


def _event(response: Response, user: SignedInUser) -> LogEvent | None:
    """Return what the request is in the log; None if it needs no line."""
    if request.method == "POST":
        return LogEvent.CHANGED if response.status_code in {200, 302, 303} else None
    if request.method != "GET" or response.status_code != 200 or not (response.mimetype or "").startswith(SHOWN):  # noqa: PLR2004
        return None
    if "attachment" in response.headers.get("Content-Disposition", ""):
        return LogEvent.DOWNLOADED
    return LogEvent.OPENED if user.staff or request.view_args else None


def _write(user: SignedInUser, event: LogEvent) -> None:
    numbers = {name: value for name, value in (request.view_args or {}).items() if isinstance(value, int)}
    about = " ".join(f"{name}={value}" for name, value in numbers.items())
    running = site()
    made = running.line(user, event, request.endpoint or "", request.remote_addr, about)
    if event in {LogEvent.CHANGED, LogEvent.PROGRAM_CHANGED}:
        running.access_log.write(made)
    else:
        running.access_log.write_once(made)
