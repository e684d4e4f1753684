"""A request of a program that is sent twice with one Idempotency-Key is carried out once.

Invariant: the key belongs to one account, one address and one body; the second request gets the first answer. A request
that changed nothing may be sent again.

Source: IETF draft-ietf-httpapi-idempotency-key-header; the same rows as sent forms (store/handled.py).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import wraps
from hashlib import sha256
from typing import ParamSpec

from flask import Response, make_response, request
from flask.typing import ResponseReturnValue

from webui.http.bearer import caller
from webui.http.once import JSON_CAP, contents
from webui.ports.api_errors import FieldRefused
from webui.site import site
from webui.store.handled import FormOutcome

Arguments = ParamSpec("Arguments")
View = Callable[Arguments, ResponseReturnValue]
HEADER = "Idempotency-Key"
LONGEST = 128


def once_by_key(view: View[Arguments]) -> View[Arguments]:
    """Handle a request once if it has a key; the view must be behind `by_token`."""

    @wraps(view)
    def handling(*args: Arguments.args, **kwargs: Arguments.kwargs) -> ResponseReturnValue:
        given = request.headers.get(HEADER)
        if given is None:
            return view(*args, **kwargs)
        if not 0 < len(given) <= LONGEST or not given.isprintable():
            raise FieldRefused(HEADER, f"it must have 1 to {LONGEST} characters")
        key, handled = _key(given), site().handled
        known = handled.begin(key)
        if known is not None:
            return Response(known.body, known.status, content_type=known.location or "application/json")
        outcome: FormOutcome | None = None
        try:
            response = make_response(view(*args, **kwargs))
            outcome = _outcome_of(response)
            return response
        finally:
            if outcome is None:
                handled.abandon(key)
            else:
                handled.finish(key, outcome)

    return handling


def _outcome_of(response: Response) -> FormOutcome | None:
    """Return the answer for a second request; `location` has its media type. None if it is too large to keep."""
    text = response.get_data(as_text=True)
    if response.status_code >= 400 or len(text) > JSON_CAP:  # noqa: PLR2004
        return None
    return FormOutcome(response.status_code, response.content_type or "", text)


def _key(given: str) -> bytes:
    """Return 32 bytes that identify caller, address, key and body."""
    parts = [f"api {caller().id}", request.method, request.path, given, *contents()]
    digest = hmac.new(site().config.secret_key, digestmod=sha256)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()
