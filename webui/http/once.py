"""Two clicks count as one: each form on each page has its own token and is handled once.

Invariant: each POST that changes something passes through here. If the same person sends the same form with the same
contents again, the answer is the first one. A form that changed nothing may be sent again.

Source: IETF draft-ietf-httpapi-idempotency-key-header; OWASP CSRF Prevention Cheat Sheet (tokens per request).
"""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from hashlib import sha256
from urllib.parse import urlsplit

from flask import Flask, Response, g, make_response, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFProtect, _FlaskFormCSRF, generate_csrf
from wtforms.csrf.core import CSRFTokenField

from fl.protocol.errors import UnavailableError
from webui.http.machines import is_machine
from webui.http.sessions import begin_session, visitor
from webui.site import site
from webui.store.handled import FormOutcome

MAKES_NOTHING = {
    "accounts.sign_in",
    "accounts.sign_out",
    "requests.find",
    "auditor.file",
    "auditor.replay",
    "receipts.compare",
    "my_data.export",
    "passkeys.new_options",
    "passkeys.options",
    "step_up.question",
    "factors.recovery",
    "access_log.check",
}
"""Endpoints that store nothing new, so a second click does no harm."""
NONCE_BYTES = 16
SEALED = "handled form"
"""The purpose of the key that hides a session in the stored answer."""
PARTED = "~"
"""Separates the form's part of a token from the session's part."""
JSON_CAP = 4096
READ_BYTES = 1 << 16


def form_token() -> str:
    """Return the token of the forms on this page; each time a page is loaded, it gets another one."""
    if "form_token" not in g:
        g.form_token = f"{secrets.token_urlsafe(NONCE_BYTES)}{PARTED}{generate_csrf()}"
    return str(g.form_token)


class FormToken(_FlaskFormCSRF):  # type: ignore[misc]  # Flask-WTF brings no types
    """Puts the page's token into WTForms' hidden field."""

    def generate_csrf_token(self, csrf_token_field: CSRFTokenField) -> str:  # noqa: ARG002 WTForms' signature
        return form_token()


class FormProtect(CSRFProtect):  # type: ignore[misc]  # Flask-WTF brings no types
    """Checks the session's part of the token; the form's part only identifies the form."""

    def init_app(self, app: Flask) -> None:
        """Check every POST, and give templates the page's token."""
        super().init_app(app)
        app.context_processor(lambda: {"csrf_token": form_token})

    def sent_token(self) -> str:
        """Return the whole token as it was sent; empty if there is none."""
        return super()._get_csrf_token() or ""

    def _get_csrf_token(self) -> str:
        own, parted, token = self.sent_token().partition(PARTED)
        return token if parted else own


def init_once(app: Flask, protect: FormProtect) -> None:
    """Handle every form once; this must run after the check of CSRF tokens."""

    def begin() -> ResponseReturnValue | None:
        if request.method != "POST" or request.endpoint is None or request.endpoint in MAKES_NOTHING:
            return None
        if is_machine(request.path):  # bearer.py
            return None
        user = visitor()
        sender = _sender()
        key = _key(sender, protect.sent_token())
        outcome = site().handled.begin(key)
        if outcome is None:
            g.handling, g.session_before = key, user.get_id() if user is not None else ""
            return None
        ended = user is None and sender and not outcome.session_id
        return None if ended else _again(outcome)  # after the session ended, the page asks the sender to sign in

    app.before_request(begin)
    app.after_request(_finish)
    app.teardown_request(_abandon)


def _sender() -> str:
    """Return the sender's account id, even if the first click has just ended the session; "" if nobody is signed in."""
    return str(session.get("_user_id", "")).partition(":")[0]


def _key(sender: str, token: str) -> bytes:
    """Return 32 bytes that identify sender, form and contents."""
    parts = [sender, request.path, token, *contents()]
    digest = hmac.new(site().config.secret_key, digestmod=sha256)
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()


def contents() -> list[str]:
    """Return the names and values of a form in order; a file is its SHA-256."""
    if not request.form and not request.files:
        return [sha256(request.get_data()).hexdigest()]
    fields = [text for name, value in request.form.items(multi=True) for text in (name, value)]
    for name, file in request.files.items(multi=True):
        digest = sha256()
        while block := file.stream.read(READ_BYTES):
            digest.update(block)
        file.stream.seek(0)
        fields += [name, digest.hexdigest()]
    return fields


def _again(outcome: FormOutcome) -> Response:
    """Repeat the first answer."""
    if outcome.session_id:
        user = site().sessions.resume(site().keyed.open(SEALED, 0, bytes.fromhex(outcome.session_id)).decode())
        if user is not None:
            begin_session(user)
    session["_flashes"] = [list(each) for each in outcome.flashes]
    if outcome.location:
        return make_response(redirect(outcome.location, outcome.status))
    return Response(outcome.body, outcome.status, mimetype="application/json")


def _finish(response: Response) -> Response:
    key = g.pop("handling", None)
    if key is None:
        return response
    outcome = _outcome_of(response)
    with suppress(UnavailableError):  # the answer is made, and a busy database must not replace it by an error
        if outcome is None:
            site().handled.abandon(key)
        else:
            site().handled.finish(key, outcome)
    return response


def _outcome_of(response: Response) -> FormOutcome | None:
    """Return the answer for a second click; None if the form changed nothing."""
    user = visitor()
    new = user.get_id() if user is not None and user.get_id() != g.session_before else ""
    signed_in = site().keyed.seal(SEALED, 0, new.encode()).hex() if new else ""
    flashes = tuple((str(kind), str(message)) for kind, message in session.get("_flashes", []))
    if response.status_code in {302, 303} and not urlsplit(response.location or "//").netloc:
        return FormOutcome(response.status_code, response.location or "", "", flashes, signed_in)
    if response.status_code == 200 and response.is_json and (response.content_length or 0) <= JSON_CAP:  # noqa: PLR2004
        return FormOutcome(200, "", response.get_data(as_text=True), flashes, signed_in)
    return None


def _abandon(_error: BaseException | None) -> None:
    """Allow a form to be sent again if its handling failed without an answer."""
    key = g.pop("handling", None)
    if key is not None:
        with suppress(UnavailableError):
            site().handled.abandon(key)
