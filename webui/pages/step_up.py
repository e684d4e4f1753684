"""The second step once more, before something that nobody else may do in an open session."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webui.account_errors import SecondStepRefused
from webui.http.error_pages import status_of
from webui.http.error_words import sentence_of
from webui.http.second_step import note_step_up
from webui.http.sessions import member, only, safe_next, start_page
from webui.pages.passkeys import answer_of_browser, as_json, origin_of_site
from webui.presentation.account_forms import CodeForm
from webui.site import site
from webui.store.models import SiteRole
from webui.store.throttle import Meter

blueprint = Blueprint("step_up", __name__, url_prefix="/account/step-up")


@blueprint.route("", methods=["GET", "POST"])
@only(*SiteRole)
def code() -> ResponseReturnValue:
    """Take a code of the app or a recovery code."""
    running, form, status, user = site(), CodeForm(), 200, member()
    factors = running.second_steps.of(user.id)
    if not factors.any:
        return redirect(url_for("account.confirm", next=_target()))
    if form.validate_on_submit():
        meter = Meter("second step", str(user.id), running.config.limits.second_steps)
        running.throttle.take(meter)
        try:
            running.second_steps.use(user.id, form.code.data)
        except SecondStepRefused as error:
            form.code.errors, status = [sentence_of(error)], status_of(error)
        else:
            running.throttle.give_back(meter)
            note_step_up()
            return redirect(_target())
    elif form.is_submitted():
        status = 400
    return render_template("account/step_up.html", form=form, factors=factors, target=_target()), status


@blueprint.post("/question")
@only(*SiteRole)
def question() -> ResponseReturnValue:
    """Return the question with which the browser uses a passkey of this account."""
    running, user = site(), member()
    running.throttle.take(Meter("passkey question", str(user.id), running.config.limits.passkey_questions))
    return as_json(running.passkeys.question(origin_of_site(), user.id))


@blueprint.post("/passkey")
@only(*SiteRole)
def passkey() -> ResponseReturnValue:
    """Take the answer of a passkey."""
    running, user = site(), member()
    meter = Meter("second step", str(user.id), running.config.limits.second_steps)
    running.throttle.take(meter)
    running.passkeys.use(origin_of_site(), answer_of_browser(), user.id)
    running.throttle.give_back(meter)
    note_step_up()
    return jsonify(location=_target())


def _target() -> str:
    return safe_next(request.args.get("next")) or start_page(member())
