"""A new password by a link in a mail."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from webui.errors import PasswordWeak
from webui.http.error_pages import status_of
from webui.http.error_words import sentence_of
from webui.http.second_step import enter
from webui.presentation.account_forms import ForgotForm, LinkForm
from webui.site import site
from webui.store.emails import search_key
from webui.store.throttle import Meter

blueprint = Blueprint("ways_back", __name__)


@blueprint.route("/forgot-password", methods=["GET", "POST"])
def forgot() -> ResponseReturnValue:
    """Mail a link to an address, if it has an account; the answer is the same if it has none."""
    running, form = site(), ForgotForm()
    if form.validate_on_submit():
        limit, address = running.config.limits.mailed_links, request.remote_addr or "unknown"
        running.throttle.take(
            Meter("forgot", search_key(form.email.data), limit),
            Meter("forgot address", address, running.config.limits.mailed_links_address),
        )
        running.ways_back.ask(form.email.data, url_for("ways_back.link", code="CODE").replace("CODE", "{}"))
        running.wake.set()
        return redirect(url_for("ways_back.sent"))
    return render_template("accounts/forgot.html", form=form), 400 if form.is_submitted() else 200


@blueprint.get("/forgot-password/sent")
def sent() -> ResponseReturnValue:
    """Say what happens now."""
    return render_template("accounts/sent.html")


@blueprint.route("/new-password/<code>", methods=["GET", "POST"])
def link(code: str) -> ResponseReturnValue:
    """Set a new password with the link from the mail; opening it alone changes nothing."""
    running, form, status = site(), LinkForm(), 200
    running.ways_back.check(code)
    if form.validate_on_submit():
        address = request.remote_addr or "unknown"
        running.throttle.take(Meter("code address", address, running.config.limits.new_passwords))
        try:
            with running.doors.passwords.enter():
                user = running.ways_back.renew(code, form.password.data)
        except PasswordWeak as error:
            form.password.errors, status = [sentence_of(error)], status_of(error)
        else:
            answer = enter(user)
            flash(gettext("Your password has been changed. All earlier sessions have ended."), "good")
            return answer
    elif form.is_submitted():
        status = 400
    return render_template("accounts/link.html", form=form), status
