"""Answers for programs: errors as problem details or, under /fhir, as an OperationOutcome; no cookies.

Invariant: on the paths of `is_machine` no cookie is read or set. So a browser cannot be made to use them for its
owner, and they need no CSRF token.

Source: RFC 9457 (problem details); HL7 FHIR R4, OperationOutcome; OWASP CSRF Prevention Cheat Sheet.
"""

from __future__ import annotations

import json
import re
from typing import Any

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

PROBLEM, FHIR = "application/problem+json", "application/fhir+json"
MEANINGS = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    409: "conflict",
    413: "too-long",
    429: "throttled",
}
"""FHIR's code of an issue by HTTP status; every other one is an exception."""


def is_machine(path: str) -> bool:
    """Return whether programs use this path, with a token."""
    return path == "/fhir" or path.startswith(("/api/", "/fhir/", "/metrics"))


class PageSessions(SecureCookieSessionInterface):
    """Sessions of pages; a path for programs has none."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the session of a page; an empty one on a path for programs."""
        return SecureCookieSession() if is_machine(request.path) else super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Set the cookie of a page, and no other."""
        if not is_machine(request.path):
            super().save_session(app, session, response)


def error_for_program(status: int, code: str, title: str, detail: str) -> Response:
    """Return an error; `code` is stable, title and detail are for people."""
    if request.path.startswith("/fhir"):
        return Response(json.dumps(outcome(status, detail or title)), status, content_type=FHIR)
    body = {"type": f"urn:hemaledger:problem:{code}", "title": title, "status": status, "detail": detail}
    return Response(json.dumps(body), status, content_type=PROBLEM)


def outcome(status: int, text: str) -> dict[str, Any]:
    issue = {"severity": "error", "code": MEANINGS.get(status, "exception"), "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def code_of(name: str) -> str:
    """Return the stable code of an error: `SlotTaken` becomes `slot-taken`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower()
