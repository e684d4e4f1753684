"""A hospital's or a trustee's server for questions: `GET /status` (hospitals alone) and `POST /query`.

Invariant: at most `places` questions are judged or wait at once; more get 503. A question is read only up to its
largest size, and nothing of it is written anywhere.

Source: RFC 9110, 15.6.4 (503 and Retry-After); PEP 3333.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol
from wsgiref.types import StartResponse, WSGIEnvironment

from fl.crypto.sealed_query import HEAD_BYTES, KEY_BYTES, SIGNATURE_BYTES
from fl.protocol.errors import HemaledgerError, UnavailableError
from fl.roles.serving.query_messages import QUESTION_CAP
from fl.roles.serving.routing import Health

SEALED_OVERHEAD = 65 + 16
"""HPKE's point and tag."""
QUERY_CAP = HEAD_BYTES + SIGNATURE_BYTES + SEALED_OVERHEAD + KEY_BYTES + QUESTION_CAP
LOG = logging.getLogger("hemaledger.queries")
JSON, BYTES = "application/json", "application/octet-stream"


class Desk(Protocol):
    """Who answers."""

    def handle(self, data: bytes) -> bytes:
        """Return the sealed answer to a sealed question, or raise a HemaledgerError."""


@dataclass
class QueryApplication:
    """The WSGI application."""

    desk: Desk
    model: Callable[[], Health] | None
    """The present model, as the ledger confirms it; `waiting` is filled in here. None: a trustee, who has none."""
    places: int = 8
    cap: int = QUERY_CAP
    """Bytes of the largest question."""
    _waiting: int = field(init=False, default=0)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        asked = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        try:
            match asked:
                case "GET", "/healthz":
                    return _send(start, "200 OK", JSON, b'{"status":"ok"}')
                case "GET", "/status" if self.model is not None:
                    return _send(start, "200 OK", JSON, self._status(self.model()))
                case "POST", "/query":
                    return self._query(environ, start)
        except UnavailableError as error:
            LOG.warning("%s: %s", error.name, error)
            return _send(start, "503 Service Unavailable", JSON, _said(error), ("Retry-After", "5"))
        except HemaledgerError as error:
            LOG.warning("%s: %s", error.name, error)
            return _send(start, "400 Bad Request", JSON, _said(error))
        return _send(start, "404 Not Found", JSON, b'{"error":"there is no such address"}')

    def _status(self, model: Health) -> bytes:
        facts = {"round": model.round, "model_digest": model.model_digest.hex(), "waiting": self._waiting}
        return json.dumps(facts).encode()

    def _query(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or ""
        if not length.isdecimal() or int(length) > self.cap:
            return _send(start, "413 Content Too Large", JSON, b'{"error":"the question is too long"}')
        if not self._enter():
            return _send(start, "503 Service Unavailable", JSON, b'{"error":"busy"}', ("Retry-After", "1"))
        try:
            return _send(start, "200 OK", BYTES, self.desk.handle(environ["wsgi.input"].read(int(length))))
        finally:
            with self._lock:
                self._waiting -= 1

    def _enter(self) -> bool:
        with self._lock:
            free = self._waiting < self.places
            self._waiting += free
        return free


def _send(start: StartResponse, status: str, kind: str, body: bytes, *more: tuple[str, str]) -> Iterable[bytes]:
    start(status, [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"), *more])
    return [body]


def _said(error: HemaledgerError) -> bytes:
    return json.dumps({"error": str(error)}).encode()
