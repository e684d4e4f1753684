"""Turns every error into a page.

Invariant: every error becomes a page (JSON if a script asked) with the status of its family and a sentence for
people, never a traceback. A TamperedError also writes an alarm to the log.

Source: fl/protocol/errors (the five families, most sentences); RFC 9110 (status codes).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
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
    in_words,
)
from webui.http.machines import code_of, error_for_program, is_machine
from webui.http.plain_pages import plain_page
from webui.http.sessions import safe_next

TOO_LARGE = 413
ALARM = "ALARM %s: %s"
RETRY_AFTER_S = 30
UNAVAILABLE = 503
UNKNOWN_CALLER = 401


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


FAMILIES: dict[type[HemaledgerError], tuple[str, str, str]] = {
    MalformedError: ("That could not be read", "Check the file or the form and try again.", "exclamation-triangle"),
    RefusedError: ("That is not possible", "Go back and choose another way.", "lock"),
    TamperedError: (
        "The ledger contradicts the model: do not use it",
        "Nothing was computed or stored. The site has alerted its operator. Please tell the hospital too.",
        "shield-x",
    ),
    UnavailableError: (
        "A part of the system does not answer",
        "Nothing was lost. Please wait a moment and try again.",
        "hourglass-split",
    ),
    MisconfiguredError: (
        "This installation is not set up correctly",
        "Please tell the hospital's staff. Trying again will not help.",
        "exclamation-triangle",
    ),
}
NOTHING_THERE = ("Page not found", "Check the address, or start again from the home page.", "search")
LEAVES: dict[type[HemaledgerError], tuple[str, str, str]] = {
    NotFound: NOTHING_THERE,
    WrongRequest: NOTHING_THERE,
    SiteBusy: ("The site is busy", "Your data is safe.", "hourglass-split"),
    AlreadyMade: ("Already done", "Start again from your own pages.", "check-circle"),
    StillHandled: (
        "Just a moment",
        "If it takes longer, look at your own pages. The result may already be there.",
        "hourglass-split",
    ),
    TooManyAttempts: ("Too many attempts", "This limit protects every account. Your data is safe.", "clock-history"),
    RecordDamaged: (
        "This record was changed",
        "The site does not show it and has alerted its operator. Please tell the hospital too.",
        "shield-x",
    ),
    RecordMisplaced: (
        "The ledger contradicts this record",
        "The site does not show it and has alerted its operator. Please tell the hospital too.",
        "shield-x",
    ),
    FederationNotOpened: (
        "There is no model yet",
        "The hospitals have not finished their first round of training. Come back later.",
        "hourglass-split",
    ),
}
NO_MODEL = "There is no answer, because the site cannot prove that its model is the recorded one."
TAMPERED: dict[type[HemaledgerError], str] = {
    RecordDamaged: "The stored file of this record is not the original, so the site does not show it.",
    RecordMisplaced: "The fingerprint of this record does not agree with the ledger, so somebody changed one of them.",
}
REFUSED: dict[type[HemaledgerError], str] = {
    DeadlinePassed: "The deadline of this request has passed. Nobody can answer it any more.",
    DuplicateStep: "You have already answered this request. Your answer is on the ledger.",
    KeyExpired: "The trustees' shares of the key have expired. Nobody can open a record until they are renewed.",
    NotInCommittee: "You hold no share of the key of this record. Other trustees must answer this request.",
    RequestClosed: "This request is closed. The record was already opened, or too many trustees refused.",
    StaleCommittee: "Other trustees hold this key now. The requester must ask for the record again.",
}
"""Refusals by the ledger's rules, in words for people."""
STATUSES: dict[type[HemaledgerError], int] = {
    TooLarge: 413,
    FederationNotOpened: 503,
    WrongRequest: 404,
    DuplicateStep: 409,
}
HTTP_WORDS = {
    400: ("That could not be read", "Your request was not complete.", "Go back, reload the page and try again."),
    403: ("Not for this account", "This page is for another role.", "Sign in with an account that has this role."),
    404: ("Page not found", "There is no such page.", "Check the address, or start again from the home page."),
    405: ("Page not found", "This address does not work in this way.", "Start again from the home page."),
    408: ("That took too long", "Your request did not arrive in time.", "Go back and try again."),
    413: ("That file is too large", "The file is larger than this page accepts.", "Choose a smaller file."),
    429: ("Too many attempts", "You have tried this too often.", "Please wait a moment and try again."),
    500: ("Something went wrong", "This is a mistake of this site, not yours.", "Please try again later."),
    503: ("The site is busy", "Nothing has changed.", "Please wait a moment and try again."),
}


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
        return ErrorPage(error.http_status, title, str(error), advice, icon, "", error.wait_s)
    inner = isinstance(error, TamperedError | UnavailableError | MisconfiguredError)
    sentence = {
        RefusedError: REFUSED.get(type(error), str(error)),
        TamperedError: TAMPERED.get(type(error), NO_MODEL),
        UnavailableError: "This page needs an answer from a part that is silent.",
        MisconfiguredError: "This page cannot work.",
    }.get(family, str(error))
    status = status_of(error)
    retry_s = getattr(error, "wait_s", RETRY_AFTER_S if status == UNAVAILABLE else None)
    detail = str(error) if inner else ""
    return ErrorPage(status, title, sentence, advice, icon, detail, retry_s)


def _hemaledger(error: HemaledgerError) -> ResponseReturnValue:
    if isinstance(error, TamperedError):
        current_app.logger.critical(ALARM, error.name, error)
    elif not isinstance(error, MalformedError | RefusedError):
        current_app.logger.error("%s: %s", error.name, error)
    return _answer(replace(page_of(error), code=code_of(error.name)))


def _expired_form(_error: CSRFError) -> ResponseReturnValue:
    sentence = (
        "The form was open for too long, you have signed out, or the form did not come from this site. Nothing has "
        "changed. Go back, reload the page and send the form again."
    )
    return _answer(ErrorPage(400, "This form has expired", sentence, "If the site asks you to sign in, do that first."))


def _http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if error.response is not None or status < 400:  # noqa: PLR2004 a redirect that werkzeug raised
        return error
    title, sentence, advice = HTTP_WORDS.get(
        status, ("That did not work", "This site cannot handle your request.", "Go back and try again.")
    )
    if status == TOO_LARGE and request.max_content_length is not None:
        sentence = f"This page accepts files up to {_size(request.max_content_length - FORM_OVERHEAD)}."
    retry_s = RETRY_AFTER_S if status in {429, UNAVAILABLE} else None
    if retry_s is not None:
        advice = f"Please try again {in_words(retry_s)}."
    return _answer(ErrorPage(status, title, sentence, advice, retry_s=retry_s))


def _back() -> str:
    """Return the path of the page with the form."""
    if request.method != "POST":
        return ""
    origin = urlsplit(request.referrer or "")
    if origin.netloc == request.host and safe_next(origin.path):
        return origin.path
    return request.path if current_app.url_map.bind("").test(request.path, "GET") else ""


def _size(size: int) -> str:
    """Return `8 MB`, or the number of bytes if it is not a whole number of MB."""
    return f"{size // MEBIBYTE} MB" if size >= MEBIBYTE and size % MEBIBYTE == 0 else f"{size} bytes"


def _bug(error: Exception) -> ResponseReturnValue:
    current_app.logger.error("A programmer's mistake", exc_info=error)
    sentence = "This is a mistake of this site, not yours."
    advice = "The site has written it to its log. Please try again later."
    return _answer(ErrorPage(500, "Something went wrong", sentence, advice, "x-circle"))


def _answer(page: ErrorPage) -> ResponseReturnValue:
    if is_machine(request.path):
        body: str | Response = error_for_program(page.status, page.code or str(page.status), page.title, page.sentence)
    elif request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        body = jsonify(error=page.title, message=page.sentence)  # a script of ours asked
    else:
        body = _page(replace(page, back=_back()))
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
