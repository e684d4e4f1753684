"""What every answer of the site carries, and how much every request may bring.

Invariant: no page runs a script or a style that is not a file of this site; no personal page stays in a cache.

Source: OWASP Secure Headers Project; W3C Content Security Policy Level 3.
Not here: sessions (login.py), CSRF (app.py, by Flask-WTF).
"""

from __future__ import annotations

from flask import Flask, Response, request

from webui.config import KIBIBYTE
from webui.login import visitor
from webui.site import site
from webui.store.models import SiteRole

FORM_OVERHEAD = 64 * KIBIBYTE
"""Bytes of a form around the file in it."""
FILE_ENDPOINTS = {"auditor.file"}
AUDITING_ROLES = {SiteRole.AUDITOR, SiteRole.OPERATOR}
TWO_YEARS_S = 2 * 365 * 24 * 3600

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",  # data: Bootstrap's own icons in its style sheet; blob: the preview of an upload
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
CALCULATION = {"worker-src": "'self'", "connect-src": "'self'"}
"""What the page of an approval needs beside: a thread for its secrets, and to send what that thread sealed.
The thread's own file comes with the policy of every other file, which lets it connect to nothing."""


def policy_text(policy: dict[str, str]) -> str:
    """Return a policy as its header has it."""
    return "; ".join(f"{name} {sources}" for name, sources in policy.items())


HEADERS = {
    "Content-Security-Policy": policy_text(POLICY),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def init_security(app: Flask) -> None:
    """Set size limits before anything reads a form, and headers after everything else."""
    app.before_request(_limit_request)
    app.after_request(_add_headers)


def allow_calculation(response: Response) -> Response:
    """Let this one page start a thread of the site's own script and call the site (templates/_approval.html)."""
    response.headers["Content-Security-Policy"] = policy_text(POLICY | CALCULATION)
    return response


def _limit_request() -> None:
    if request.endpoint in FILE_ENDPOINTS:
        found = visitor()
        if found is not None and found.role in AUDITING_ROLES:
            request.max_content_length = site().config.file_cap + FORM_OVERHEAD


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if site().config.secure_cookies:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={TWO_YEARS_S}")
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response
