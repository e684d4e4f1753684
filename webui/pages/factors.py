"""Second steps: set up an app, recovery codes, and the step itself at sign-in."""

from __future__ import annotations

import io
from base64 import b32encode
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from webui.account_errors import AppNotStarted, SecondStepRefused
from webui.http.error_pages import status_of
from webui.http.error_words import sentence_of
from webui.http.second_step import halfway, must_set_up, recently
from webui.http.sessions import begin_session, member, only, safe_next, start_page
from webui.presentation.account_forms import CodeForm
from webui.site import site
from webui.store.factors import DIGITS, STEP_S
from webui.store.models import SiteRole
from webui.store.sessions import Steps
from webui.store.throttle import Meter

blueprint = Blueprint("factors", __name__)
SECRET_GROUP = 4


@blueprint.get("/account/second-step")
@only(*SiteRole)
def choose() -> ResponseReturnValue:
    """Show the second steps of the account, and how to add one."""
    running, user = site(), member()
    return render_template(
        "account/second_step.html",
        factors=running.second_steps.of(user.id),
        unfinished=must_set_up(user),
        passkeys=running.passkeys.of(user.id),
        needed=user.staff and running.config.staff_needs_second_step,
    )


@blueprint.post("/account/second-step/app/new")
@only(*SiteRole)
@recently
def start_app() -> ResponseReturnValue:
    """Make a secret for a new app."""
    site().second_steps.store.start(member().id)
    return redirect(url_for("factors.app"))


@blueprint.route("/account/second-step/app", methods=["GET", "POST"])
@only(*SiteRole)
@recently
def app() -> ResponseReturnValue:
    """Show the secret as a picture and as text, and take the first code."""
    running, user, form, status = site(), member(), CodeForm(), 200
    secret = running.second_steps.store.started(user.id)
    if secret is None:
        return redirect(url_for("factors.choose"))
    if form.validate_on_submit():
        running.throttle.take(Meter("second step", str(user.id), running.config.limits.second_steps))
        try:
            running.second_steps.confirm_app(user, form.code.data)
        except SecondStepRefused as error:
            form.code.errors, status = [sentence_of(error)], status_of(error)
        else:
            running.sessions.confirm(user, Steps.APP)
            flash(gettext("Your app is set up. From now on the site asks for its code when you sign in."), "good")
            return redirect(url_for("factors.recovery"))
    elif form.is_submitted():
        status = 400
    text = b32encode(secret).decode()
    parts = [text[i : i + SECRET_GROUP] for i in range(0, len(text), SECRET_GROUP)]
    return render_template("account/app.html", form=form, parts=parts), status


@blueprint.get("/account/second-step/app/code.svg")
@only(*SiteRole)
@recently
def app_picture() -> ResponseReturnValue:
    """Return the secret of the app that is being set up as a QR code."""
    running, user = site(), member()
    secret = running.second_steps.store.started(user.id)
    if secret is None:
        raise AppNotStarted
    return Response(_picture(_address(secret, running.accounts.email_of(user.id))), mimetype="image/svg+xml")


@blueprint.post("/account/second-step/app/remove")
@only(*SiteRole)
@recently
def remove_app() -> ResponseReturnValue:
    """Remove the app."""
    running, user = site(), member()
    running.second_steps.remove_app(user, needed=user.staff and running.config.staff_needs_second_step)
    flash(gettext("The app was removed from your account."), "good")
    return redirect(url_for("factors.choose"))


@blueprint.route("/account/recovery-codes", methods=["GET", "POST"])
@only(*SiteRole)
@recently
def recovery() -> ResponseReturnValue:
    """Make new recovery codes on a press, and show them once."""
    steps, user = site().second_steps, member()
    if not steps.of(user.id).any:
        return redirect(url_for("factors.choose"))
    codes = steps.new_recovery_codes(user.id) if request.method == "POST" else ()
    return render_template("account/recovery.html", codes=codes, factors=steps.of(user.id))


@blueprint.route("/sign-in/second-step", methods=["GET", "POST"])
def second() -> ResponseReturnValue:
    """Take the second step after the right password."""
    running, form, status, user = site(), CodeForm(), 200, halfway()
    if user is None:
        session.clear()
        return redirect(url_for("accounts.sign_in", next=request.args.get("next")))
    if form.validate_on_submit():
        meter = Meter("second step", str(user.id), running.config.limits.second_steps)
        running.throttle.take(meter)
        try:
            steps = running.second_steps.use(user.id, form.code.data)
        except SecondStepRefused as error:
            form.code.errors, status = [sentence_of(error)], status_of(error)
        else:
            running.throttle.give_back(meter)
            begin_session(user, steps)
            return redirect(safe_next(request.args.get("next")) or start_page(user))
    elif form.is_submitted():
        status = 400
    return render_template("account/second.html", form=form, factors=running.second_steps.of(user.id)), status


def _address(secret: bytes, email: str) -> str:
    """Return the `otpauth` URI that apps read (Google Authenticator, Key URI Format)."""
    name = site().config.hospital_name
    facts = {"secret": b32encode(secret).decode(), "issuer": name, "digits": DIGITS, "period": STEP_S}
    return f"otpauth://totp/{quote(f'{name}:{email}')}?{urlencode(facts, quote_via=quote)}"


def _picture(text: str) -> bytes:
    import segno  # noqa: PLC0415  # only this page needs it

    target = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        target, kind="svg", scale=6, border=4, light="#ffffff", dark="#000000"
    )
    return target.getvalue()
