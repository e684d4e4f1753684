"""Who calls, by a personal token; and how a program describes its requests.

Invariant: a view behind `by_token` runs only for the roles and the scope that it names. The roles are the same that the
page for people names with `only`, and the same stores decide about rows.

Source: RFC 6750 (Bearer tokens), 2.1: in the header only, never in the address.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import current_app, g, request
from flask.typing import ResponseReturnValue

from fl.protocol import strict_json
from fl.protocol.codec import Fields
from fl.protocol.errors import TooLarge
from webui.config import Limit
from webui.ports.api_errors import FieldRefused, RoleRefused, ScopeMissing, TokenRefused
from webui.site import site
from webui.store.accounts import SignedInUser
from webui.store.models import SiteRole
from webui.store.networks import network_of
from webui.store.tokens import LONGEST, Caller, Scope
from webui.usecases.rates import Rates

Arguments = ParamSpec("Arguments")
View = Callable[Arguments, ResponseReturnValue]
SCHEME = "Bearer "
CALLS = Limit(600, 60)
"""Requests of one account in a minute, in this process."""
FAILURES = Limit(60, 600)
"""Wrong tokens of one address."""
BODY_CAP = 16 * 1024
"""Bytes of a JSON body."""
PAGE_ROWS, MAX_PAGE = 20, 10**6


def by_token(*roles: SiteRole, scope: Scope | None = None) -> Callable[[View[Arguments]], View[Arguments]]:
    """Let only tokens of `roles` with `scope` use an address; `None` needs no scope."""

    def decorate(view: View[Arguments]) -> View[Arguments]:
        @wraps(view)
        def guarded(*args: Arguments.args, **kwargs: Arguments.kwargs) -> ResponseReturnValue:
            found = g.caller = authenticate()
            if found.user.role not in roles:
                raise RoleRefused(found.user.role.value)
            if scope is not None and scope not in found.scopes:
                raise ScopeMissing(scope.value)
            return view(*args, **kwargs)

        guarded.roles, guarded.scope = roles, scope  # type: ignore[attr-defined]  # document.py and the tests read them
        return guarded

    return decorate


def authenticate() -> Caller:
    """Return who sent this request.

    Raises:
        TokenRefused: there is no valid token in its Authorization header.
        TooManyAttempts: the account calls too often, or the address sent too many wrong tokens.
    """
    rates, address = _rates(), f"address {network_of(request.remote_addr or '')}"
    if rates.full(address, FAILURES):
        rates.take(address, FAILURES)
    try:
        found = site().tokens.recognise(_token())
    except TokenRefused:
        rates.take(address, FAILURES)
        raise
    rates.take(f"account {found.user.id}", CALLS)
    return found


def _token() -> str:
    header = request.headers.get("Authorization", "")
    if not header.startswith(SCHEME) or len(header) > LONGEST:
        raise TokenRefused
    return header.removeprefix(SCHEME).strip()


def caller() -> SignedInUser:
    """Return whose token it is, in views behind `by_token`."""
    found = g.caller
    if not isinstance(found, Caller):
        raise TypeError("this view needs the decorator by_token(...)")
    return found.user


def body(*names: str) -> Fields:
    """Return the JSON object that was sent.

    Raises:
        EncodingError: it is not a JSON object, or has other fields than `names`.
        TooLarge: it has more than `BODY_CAP` bytes.
    """
    size = request.content_length or 0
    if size > BODY_CAP:
        raise TooLarge(size, BODY_CAP)
    document = strict_json.loads(request.get_data(), "request", BODY_CAP)
    if not isinstance(document, dict):
        raise FieldRefused("body", "it is not a JSON object")
    fields = Fields(document, "request")
    if names:
        fields.only(*names)
    return fields


def page_asked() -> int:
    """Return the asked page of a list, from 0.

    Raises:
        FieldRefused: it is not a whole number in range.
    """
    return whole(request.args.get("page", "0"), "page", MAX_PAGE)


def whole(text: str, field: str, most: int) -> int:
    """Return a whole number of 0 to `most`, or raise FieldRefused."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(most)) or int(text) > most:
        raise FieldRefused(field, f"it must be a whole number from 0 to {most}")
    return int(text)


def _rates() -> Rates:
    found = current_app.extensions.setdefault("hemaledger-rates", Rates(site().services.clock))
    if not isinstance(found, Rates):
        raise TypeError("another extension has this name")
    return found
