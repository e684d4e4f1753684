"""A layer around the application: it checks the Host header, and answers even if Flask fails.

Invariant: Flask does not run for an unknown Host, and every error has a page.

Source: RFC 9110, 7.2 (Host); OWASP, Host Header Injection.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webui.http.plain_pages import HEADERS, plain_page

OWN_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
HOST = re.compile(r"(?P<name>\[[0-9a-f:.]{2,45}\]|[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?)(?P<port>:[0-9]{1,5})?")
UNKNOWN = "This is not the address of the site. Use the address that the hospital gave you."
LOG = logging.getLogger("hemaledger.site")


def host_name(host: str) -> str | None:
    """Return the name in a Host header in small letters; None if it is not a valid host."""
    match = HOST.fullmatch(host.lower())
    return match["name"] if match is not None else None


def rimmed(application: WSGIApplication, hosts: Iterable[str]) -> WSGIApplication:
    """Return `application` behind this layer; it answers to `hosts` and to the names of this machine."""
    known = OWN_NAMES | {name for name in map(host_name, hosts) if name is not None}

    def rim(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if host_name(environ.get("HTTP_HOST", "")) not in known:
            return _plain(400, UNKNOWN, start_response)
        try:
            return application(environ, start_response)
        except Exception:
            LOG.exception("An error without a page")
            return _plain(500, "", start_response)

    return rim


def _plain(status: int, sentence: str, start_response: StartResponse) -> Iterable[bytes]:
    body = plain_page(status, sentence=sentence)
    length = ("Content-Length", str(len(body)))
    start_response(f"{status} {HTTPStatus(status).phrase}", [*HEADERS, length])
    return [body]
