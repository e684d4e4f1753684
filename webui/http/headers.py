"""Response headers and limits on the size of requests.

Invariant: no page runs a script or a style that is not a file of this site; no personal page is cached.

Source: OWASP Secure Headers Project; W3C Content Security Policy Level 3.
"""

from __future__ import annotations

from io import BytesIO
from typing import IO

from flask import Flask, Request, Response, request
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge
from werkzeug.routing import IntegerConverter, Map, ValidationError

from webui.config import FORM_OVERHEAD
from webui.errors import NotFound
from webui.http.sessions import visitor
from webui.site import site
from webui.store.models import SiteRole

FILE_ENDPOINTS = {"auditor.file"}
AUDITING_ROLES = {SiteRole.AUDITOR, SiteRole.OPERATOR}
MAX_INTEGER = 2**63 - 1
"""The largest row number in every database."""
MAX_PAGE = 10**6
TWO_YEARS_S = 2 * 365 * 24 * 3600

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",  # data: Bootstrap's own icons in its style sheet; blob: the preview of an upload
    "font-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
CALCULATION = {"worker-src": "'self'", "connect-src": "'self'"}
"""The page of an approval also needs a worker thread for its secrets, and one request to send the sealed answer.
The worker's own file has the usual policy, so the worker cannot connect to anything."""


def policy_text(policy: dict[str, str]) -> str:
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


class SiteRequest(Request):
    """A request that keeps patients' uploads in memory, never in a temporary file."""

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if self.endpoint in FILE_ENDPOINTS:
            return super()._get_file_stream(total_content_length, content_type, filename, content_length)
        return BytesIO()


class BoundedInteger(IntegerConverter):
    """An integer in a path; one that a database cannot hold is a 404."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=MAX_INTEGER)

    def to_python(self, value: str) -> int:
        """Return the integer, or raise ValidationError."""
        if len(value) > len(str(MAX_INTEGER)):
            raise ValidationError
        return int(super().to_python(value))


def page_number() -> int:
    """Return the requested page of a list, from 0; raise NotFound above `MAX_PAGE`."""
    page = max(request.args.get("page", 0, int), 0)
    if page > MAX_PAGE:
        raise NotFound
    return page


def init_security(app: Flask) -> None:
    """Bound the numbers in paths and the size of requests, and add the headers to every response."""
    app.request_class = SiteRequest
    app.url_map.converters["int"] = BoundedInteger
    app.before_request(_limit_request)
    app.before_request(_read_form)
    app.after_request(_add_headers)


def allow_calculation(response: Response) -> Response:
    """Let this page start a worker from the site's script and send requests to the site (templates/_approval.html)."""
    response.headers["Content-Security-Policy"] = policy_text(POLICY | CALCULATION)
    return response


def _limit_request() -> None:
    if request.endpoint in FILE_ENDPOINTS:
        user = visitor()
        if user is not None and user.role in AUDITING_ROLES:
            request.max_content_length = site().config.file_cap + FORM_OVERHEAD


def _read_form() -> None:
    """Read the whole form before anything works with it.

    Raises:
        RequestEntityTooLarge: it is larger than this page accepts.
        BadRequest: it is not a form, a part has no name, or a field has a zero byte.
    """
    limit = request.max_content_length
    if limit is not None and (request.content_length or 0) > limit:
        raise RequestEntityTooLarge  # also on pages that never read it
    if request.method in {"GET", "HEAD"}:
        return
    try:
        fields, files = list(request.form.items(multi=True)), list(request.files)
    except HTTPException:
        raise
    except Exception as error:
        raise BadRequest from error
    names = [*(name for name, _ in fields), *files]
    if not all(names) or any("\0" in text for pair in fields for text in pair):
        raise BadRequest


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if site().config.secure_cookies:
        response.headers.setdefault("Strict-Transport-Security", f"max-age={TWO_YEARS_S}")
    if request.endpoint != "static" or response.status_code >= 400:  # noqa: PLR2004
        response.headers["Cache-Control"] = "no-store"
    return response
