"""Turns every error into a page.

Invariant: every error becomes a page (JSON if a script asked) with the status of its family and a sentence for
people, never a traceback. A TamperedError also writes an alarm to the log.

Source: fl/protocol/errors (the five families, most sentences); RFC 9110 (status codes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from fl.protocol.errors import (
    DeadlinePassed,
    DuplicateStep,
    FederationNotOpened,
    HemaledgerError,
    KeyExpired,
    MalformedError,
    MisconfiguredError,
    NotInCommittee,
    RefusedError,
    RequestClosed,
    StaleCommittee,
    TamperedError,
    TooLarge,
    UnavailableError,
    WrongRequest,
)
from webui.config import FORM_OVERHEAD, MEBIBYTE
from webui.errors import (
    AlreadyMade,
    NotFound,
    RecordDamaged,
    RecordMisplaced,
    SiteBusy,
    StillHandled,
    TooManyAttempts,
)
from webui.http.back_links import above, back
from webui.http.error_words import sentence_of, waiting
from webui.http.machines import code_of, error_for_program, is_machine
from webui.http.plain_pages import plain_page

TOO_LARGE = 413
ALARM = "ALARM %s: %s"
RETRY_AFTER_S = 30
UNAVAILABLE = 503
UNKNOWN_CALLER = 401
NO_PAGE = 405


@dataclass(frozen=True)
class ErrorPage:
    """The text of an error page."""

    status: int
    title: str
    sentence: str
    advice: str
    icon: str = "info-circle"
    detail: str = ""
    """Technical text, folded away."""
    retry_s: int | None = None
    """After how many seconds a second try may succeed."""
    back: str = ""
    """Path of the page to go back to; empty if there is only the home page."""
    code: str = ""
    """The stable name of the error for programs (machines.py)."""


FAMILIES: dict[type[HemaledgerError], tuple[Any, Any, str]] = {
    MalformedError: (
        _l("That could not be read"),
        _l("Check the file or the form and try again."),
        "exclamation-triangle",
    ),
    RefusedError: (_l("That is not possible"), _l("Go back and choose another way."), "lock"),
    TamperedError: (
        _l("The ledger contradicts the model: do not use it"),
        _l("Nothing was computed or stored. The site has alerted its operator. Please tell the hospital too."),
        "shield-x",
    ),
    UnavailableError: (
        _l("A part of the system does not answer"),
        _l("Nothing was lost. Please wait a moment and try again."),
        "hourglass-split",
    ),
    MisconfiguredError: (
        _l("This installation is not set up correctly"),
        _l("Please tell the hospital's staff. Trying again will not help."),
        "exclamation-triangle",
    ),
}
NOTHING_THERE = (_l("Page not found"), _l("Check the address, or start again from the home page."), "search")
LEAVES: dict[type[HemaledgerError], tuple[Any, Any, str]] = {
    NotFound: NOTHING_THERE,
    WrongRequest: NOTHING_THERE,
    SiteBusy: (_l("The site is busy"), _l("Your data is safe."), "hourglass-split"),
    AlreadyMade: (_l("Already done"), _l("Start again from your own pages."), "check-circle"),
    StillHandled: (
        _l("Just a moment"),
        _l("If it takes longer, look at your own pages. The result may already be there."),
        "hourglass-split",
    ),
    TooManyAttempts: (
        _l("Too many attempts"),
        _l("This limit protects every account. Your data is safe."),
        "clock-history",
    ),
    RecordDamaged: (
        _l("This record was changed"),
        _l("The site does not show it and has alerted its operator. Please tell the hospital too."),
        "shield-x",
    ),
    RecordMisplaced: (
        _l("The ledger contradicts this record"),
        _l("The site does not show it and has alerted its operator. Please tell the hospital too."),
        "shield-x",
    ),
    FederationNotOpened: (
        _l("There is no model yet"),
        _l("The hospitals have not finished their first round of training. Come back later."),
        "hourglass-split",
    ),
}
NO_MODEL = _l("There is no answer, because the site cannot prove that its model is the recorded one.")
TAMPERED: dict[type[HemaledgerError], Any] = {
    RecordDamaged: _l("The stored file of this record is not the original, so the site does not show it."),
    RecordMisplaced: _l(
        "The fingerprint of this record does not agree with the ledger, so somebody changed one of them."
    ),
}
REFUSED: dict[type[HemaledgerError], Any] = {
    DeadlinePassed: _l("The deadline of this request has passed. Nobody can answer it any more."),
    DuplicateStep: _l("You have already answered this request. Your answer is on the ledger."),
    KeyExpired: _l("The trustees' shares of the key have expired. Nobody can open a record until they are renewed."),
    NotInCommittee: _l("You hold no share of the key of this record. Other trustees must answer this request."),
    RequestClosed: _l("This request is closed. The record was already opened, or too many trustees refused."),
    StaleCommittee: _l("Other trustees hold this key now. The requester must ask for the record again."),
}
"""Refusals by the ledger's rules, in words for people."""
STATUSES: dict[type[HemaledgerError], int] = {
    TooLarge: 413,
    FederationNotOpened: 503,
    WrongRequest: 404,
    DuplicateStep: 409,
}
HTTP_WORDS: Mapping[int, tuple[Any, Any, Any]] = {
    400: (
        _l("That could not be read"),
        _l("Your request was not complete."),
        _l("Go back, reload the page and try again."),
    ),
    403: (
        _l("Not for this account"),
        _l("This page is for another role."),
        _l("Sign in with an account that has this role."),
    ),
    404: (
        _l("Page not found"),
        _l("There is no such page."),
        _l("Check the address, or start again from the home page."),
    ),
    405: (
        _l("This address is no page"),
        _l("It is what a button on another page sends, so it does not open by itself. Nothing has changed."),
        _l("Go back to the page with the button."),
    ),
    408: (_l("That took too long"), _l("Your request did not arrive in time."), _l("Go back and try again.")),
    413: (_l("That file is too large"), _l("The file is larger than this page accepts."), _l("Choose a smaller file.")),
    429: (_l("Too many attempts"), _l("You have tried this too often."), _l("Please wait a moment and try again.")),
    500: (_l("Something went wrong"), _l("This is a mistake of this site, not yours."), _l("Please try again later.")),
    503: (_l("The site is busy"), _l("Nothing has changed."), _l("Please wait a moment and try again.")),
}
OTHER_STATUS = (_l("That did not work"), _l("This site cannot handle your request."), _l("Go back and try again."))


def init_errors(app: Flask) -> None:
    app.register_error_handler(HemaledgerError, _hemaledger)
    app.register_error_handler(CSRFError, _expired_form)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _bug)


def status_of(error: HemaledgerError) -> int:
    return STATUSES.get(type(error), error.http_status)


def page_of(error: HemaledgerError) -> ErrorPage:
    """Return the page of an error; internal errors get a general sentence and folded details."""
    family = next(family for family in FAMILIES if isinstance(error, family))
    title, advice, icon = LEAVES.get(type(error), FAMILIES[family])
    if isinstance(error, SiteBusy):
        return ErrorPage(error.http_status, str(title), sentence_of(error), str(advice), icon, "", error.wait_s)
    inner = isinstance(error, TamperedError | UnavailableError | MisconfiguredError)
    sentence = {
        RefusedError: REFUSED.get(type(error)),
        TamperedError: TAMPERED.get(type(error), NO_MODEL),
        UnavailableError: gettext("This page needs an answer from a part that is silent."),
        MisconfiguredError: gettext("This page cannot work."),
    }.get(family) or sentence_of(error)
    status = status_of(error)
    retry_s = getattr(error, "wait_s", RETRY_AFTER_S if status == UNAVAILABLE else None)
    detail = sentence_of(error) if inner else ""
    return ErrorPage(status, str(title), str(sentence), str(advice), icon, detail, retry_s)


def error_response(error: HemaledgerError) -> Response:
    """Return the page of an error as a whole answer, for code after the view."""
    return make_response(_hemaledger(error))


def _hemaledger(error: HemaledgerError) -> ResponseReturnValue:
    if isinstance(error, TamperedError):
        current_app.logger.critical(ALARM, error.name, error)
    elif not isinstance(error, MalformedError | RefusedError):
        current_app.logger.error("%s: %s", error.name, error)
    return _answer(replace(page_of(error), code=code_of(error.name)))


def _expired_form(_error: CSRFError) -> ResponseReturnValue:
    sentence = gettext(
        "The form was open for too long, you have signed out, or the form did not come from this site. Nothing has "
        "changed. Go back, reload the page and send the form again."
    )
    advice = gettext("If the site asks you to sign in, do that first.")
    return _answer(ErrorPage(400, gettext("This form has expired"), sentence, advice))


def _http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if error.response is not None or status < 400:  # noqa: PLR2004 a redirect that werkzeug raised
        return error
    title, sentence, advice = map(str, HTTP_WORDS.get(status, OTHER_STATUS))
    if status == TOO_LARGE and request.max_content_length is not None:
        sentence = gettext(
            "This page accepts files up to %(size)s.", size=_size(request.max_content_length - FORM_OVERHEAD)
        )
    retry_s = RETRY_AFTER_S if status in {429, UNAVAILABLE} else None
    if retry_s is not None:
        advice = gettext("Please try again %(wait)s.", wait=waiting(retry_s))
    return _answer(ErrorPage(status, title, sentence, advice, retry_s=retry_s))


def _size(size: int) -> str:
    """Return `8 MB`, or the number of bytes if it is not a whole number of MB."""
    if size >= MEBIBYTE and size % MEBIBYTE == 0:
        return str(gettext("%(count)s MB", count=size // MEBIBYTE))
    return str(gettext("%(count)s bytes", count=size))


def _bug(error: Exception) -> ResponseReturnValue:
    current_app.logger.error("A programmer's mistake", exc_info=error)
    sentence = gettext("This is a mistake of this site, not yours.")
    advice = gettext("The site has written it to its log. Please try again later.")
    return _answer(ErrorPage(500, gettext("Something went wrong"), sentence, advice, "x-circle"))


def _answer(page: ErrorPage) -> ResponseReturnValue:
    if is_machine(request.path):
        body: str | Response = error_for_program(page.status, page.code or str(page.status), page.title, page.sentence)
    elif request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        body = jsonify(error=page.title, message=page.sentence)  # a script of ours asked
    else:
        body = _page(replace(page, back=back() or (above() if page.status == NO_PAGE else "")))
    response = make_response(body, page.status)
    if page.status == UNKNOWN_CALLER and is_machine(request.path):
        response.headers["WWW-Authenticate"] = 'Bearer realm="hemaledger"'
    if page.retry_s is not None:
        response.headers["Retry-After"] = str(page.retry_s)
    return response


def _page(page: ErrorPage) -> str:
    """Return the page in the site's design, or a plain page if that fails too."""
    try:
        return render_template("error.html", page=page)
    except Exception:
        current_app.logger.exception("The error page cannot be rendered")
        return plain_page(page.status, page.title, f"{page.sentence} {page.advice}").decode()
