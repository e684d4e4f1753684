"""The language of the pages, for people who are not signed in; others choose it in their account."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from webui.errors import NotFound
from webui.http.languages import COOKIE, spoken
from webui.http.sessions import safe_next
from webui.site import site

blueprint = Blueprint("languages", __name__)
KEPT = timedelta(days=365)


@blueprint.get("/language")
def choose() -> ResponseReturnValue:
    """Remember a language in this browser, and go back; the cookie names the language and nothing else."""
    wanted = request.args.get("to", "")
    if wanted not in spoken():
        raise NotFound
    answer = redirect(safe_next(request.args.get("next")) or url_for("home.index"))
    secure = site().config.secure_cookies
    answer.set_cookie(COOKIE, wanted, max_age=KEPT, secure=secure, httponly=True, samesite="Lax")
    return answer
