"""From errors to pages: the one place.

Invariant: every error becomes a page (JSON where a script asked) with the status of its family and a sentence for
people, never a traceback; a TamperedError is also an alarm in the log.

Source: HOUSE.md, errors.
Not here: the sentences (fl/protocol/errors, store/refusals.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from fl.protocol.errors import (
    FederationNotOpened,
    HemaledgerError,
    MalformedError,
    MisconfiguredError,
    RefusedError,
    TamperedError,
    TooLarge,
    UnavailableError,
)
from webui.store.refusals import NotFound, RecordDamaged, RecordMisplaced, TooManyAttempts

ALARM = "ALARM %s: %s"
RETRY_AFTER_S = 30


@dataclass(frozen=True)
class ErrorPage:
    """What an error page says."""

    status: int
    title: str
    sentence: str
    advice: str
    icon: str = "info-circle"
    detail: str = ""
    """Technical words, folded away."""


FAMILIES: dict[type[HemaledgerError], tuple[str, str, str]] = {
    MalformedError: ("That could not be read", "Check the file or the form and try again.", "exclamation-triangle"),
    RefusedError: ("That is not possible", "Go back and choose another way.", "lock"),
    TamperedError: (
        "The ledger contradicts the model: do not use it",
        "Nothing was computed or stored, and the operator of this site has been alarmed. Please tell the hospital.",
        "shield-x",
    ),
    UnavailableError: (
        "A part of the system does not answer",
        "Nothing was lost. Please wait a moment and try again.",
        "hourglass-split",
    ),
    MisconfiguredError: (
        "This installation is not set up correctly",
        "Please tell the hospital's staff; trying again will not help.",
        "exclamation-triangle",
    ),
}
LEAVES: dict[type[HemaledgerError], tuple[str, str, str]] = {
    NotFound: ("Page not found", "Check the address, or start again from the home page.", "search"),
    TooManyAttempts: ("Too many attempts", "This protects every account here. Your data are safe.", "clock-history"),
    RecordDamaged: (
        "This record was changed",
        "It is not shown, and the operator of this site has been alarmed. Please tell the hospital.",
        "shield-x",
    ),
    RecordMisplaced: (
        "The ledger contradicts this record",
        "It is not shown, and the operator of this site has been alarmed. Please tell the hospital.",
        "shield-x",
    ),
    FederationNotOpened: (
        "No model is served yet",
        "The hospitals have not finished their first round of training. Come back later.",
        "hourglass-split",
    ),
}
NO_MODEL = "There is no prediction, because the model could not be proven to be the recorded one."
TAMPERED: dict[type[HemaledgerError], str] = {
    RecordDamaged: "The sealed file is not the one that was stored, so nothing of it is shown.",
    RecordMisplaced: "The place that is noted for it does not lead to the root that the ledger has, so it was changed.",
}
STATUSES: dict[type[HemaledgerError], int] = {TooLarge: 413, FederationNotOpened: 503}
HTTP_WORDS = {
    400: ("That could not be read", "The request was not complete.", "Go back, reload the page and try again."),
    403: ("Not for this account", "This page belongs to another role.", "Sign in with the account it belongs to."),
    404: ("Page not found", "There is no such page.", "Check the address, or start again from the home page."),
    405: ("Page not found", "This address cannot be used that way.", "Start again from the home page."),
    413: ("That file is too large", "The file is larger than this page accepts.", "Choose a smaller file."),
}


def init_errors(app: Flask) -> None:
    """Map every error to its page."""
    app.register_error_handler(HemaledgerError, _hemaledger)
    app.register_error_handler(CSRFError, _expired_form)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _bug)


def status_of(error: HemaledgerError) -> int:
    """Return the HTTP status of a leaf."""
    return STATUSES.get(type(error), error.http_status)


def page_of(error: HemaledgerError) -> ErrorPage:
    """Return the page of a leaf; what is wrong inside the house is told in general words and folded details."""
    family = next(family for family in FAMILIES if isinstance(error, family))
    title, advice, icon = LEAVES.get(type(error), FAMILIES[family])
    inner = isinstance(error, TamperedError | UnavailableError | MisconfiguredError)
    sentence = {
        TamperedError: TAMPERED.get(type(error), NO_MODEL),
        UnavailableError: "This page needs an answer that did not come.",
        MisconfiguredError: "This page cannot work.",
    }.get(family, str(error))
    return ErrorPage(status_of(error), title, sentence, advice, icon, f"{error.name}: {error}" if inner else "")


def _hemaledger(error: HemaledgerError) -> ResponseReturnValue:
    if isinstance(error, TamperedError):
        current_app.logger.critical(ALARM, error.name, error)
    elif not isinstance(error, MalformedError | RefusedError):
        current_app.logger.error("%s: %s", error.name, error)
    return _answer(page_of(error))


def _expired_form(_error: CSRFError) -> ResponseReturnValue:
    sentence = (
        "The form was open for too long, you were signed out since, or it did not come from this site. Nothing was "
        "changed. Go back, reload the page and send it again."
    )
    return _answer(ErrorPage(400, "This form has expired", sentence, "Sign in first if you are asked to."))


def _http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if error.response is not None or status < 400:  # noqa: PLR2004 a redirect that werkzeug raised
        return error
    words = HTTP_WORDS.get(status, ("That did not work", error.name, "Go back and try again."))
    return _answer(ErrorPage(status, *words))


def _bug(error: Exception) -> ResponseReturnValue:
    current_app.logger.error("A programmer's mistake", exc_info=error)
    advice = "The mistake is in this site and has been noted. Please try again later."
    return _answer(ErrorPage(500, "Something went wrong", "That should not have happened.", advice, "x-circle"))


def _answer(page: ErrorPage) -> ResponseReturnValue:
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        body: str | Response = jsonify(error=page.title, message=page.sentence)  # a script of ours asked
    else:
        body = render_template("error.html", page=page)
    response = make_response(body, page.status)
    if page.status in {429, 503}:
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response
