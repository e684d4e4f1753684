"""Passkeys: made on the account page, used at sign-in. The JSON routes need the CSRF token in a header."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from fl.protocol import strict_json
from fl.protocol.errors import TooLarge
from webui.account_errors import PasskeyMalformed, PasskeyRefused
from webui.errors import NotFound
from webui.http.places import place
from webui.http.second_step import halfway, recently
from webui.http.sessions import begin_session, member, only, safe_next, start_page
from webui.presentation.account_forms import PasskeyNameForm
from webui.site import site
from webui.store.models import SiteRole
from webui.store.sessions import Steps
from webui.store.throttle import Meter
from webui.usecases.passkeys import Origin

blueprint = Blueprint("passkeys", __name__)
ANSWER_CAP = 16 * 1024


@blueprint.post("/account/passkeys/question")
@only(*SiteRole)
@recently
def new_options() -> ResponseReturnValue:
    """Return the question with which the browser makes a passkey."""
    running = site()
    running.throttle.take(Meter("passkey question", str(member().id), running.config.limits.passkey_questions))
    return as_json(running.passkeys.new_question(member(), origin_of_site(), running.config.hospital_name))


@blueprint.post("/account/passkeys")
@only(*SiteRole)
@recently
def add() -> ResponseReturnValue:
    """Store the passkey that the browser made."""
    running, user = site(), member()
    name = place().browser or gettext("Passkey")
    running.passkeys.add(user, origin_of_site(), answer_of_browser(), name)
    running.sessions.confirm(user, Steps.PASSKEY)
    flash(gettext("Your passkey is ready. From now on you can sign in with it."), "good")
    codes = running.second_steps.of(user.id).recovery_codes
    return jsonify(location=url_for("factors.choose" if codes else "factors.recovery"))


@blueprint.route("/account/passkeys/<int:row_id>", methods=["GET", "POST"])
@only(*SiteRole)
@recently
def rename(row_id: int) -> ResponseReturnValue:
    """Give a passkey another name."""
    row = next((each for each in site().passkeys.of(member().id) if each.id == row_id), None)
    if row is None:
        raise NotFound
    form = PasskeyNameForm(name=row.name)
    if form.validate_on_submit():
        site().passkeys.store.rename(member().id, row_id, form.name.data)
        return redirect(url_for("factors.choose"))
    return render_template("account/passkey.html", form=form, row=row), 400 if form.is_submitted() else 200


@blueprint.post("/account/passkeys/<int:row_id>/remove")
@only(*SiteRole)
@recently
def remove(row_id: int) -> ResponseReturnValue:
    """Remove a passkey."""
    needed = member().staff and site().config.staff_needs_second_step
    site().passkeys.remove(member(), row_id, needed=needed)
    flash(gettext("The passkey was removed from your account."), "good")
    return redirect(url_for("factors.choose"))


@blueprint.post("/sign-in/passkey/question")
def options() -> ResponseReturnValue:
    """Return the question with which the browser uses a passkey: the person's, or after no password anybody's."""
    running, user = site(), halfway()
    address = request.remote_addr or "unknown"
    running.throttle.take(Meter("passkey question", address, running.config.limits.passkey_questions))
    return as_json(running.passkeys.question(origin_of_site(), user.id if user is not None else None))


@blueprint.post("/sign-in/passkey")
def sign_in() -> ResponseReturnValue:
    """Sign in with a passkey: as the second step after a password, or alone."""
    running, before = site(), halfway()
    address = request.remote_addr or "unknown"
    meter = Meter("passkey", address, running.config.limits.sign_in_address)
    running.throttle.take(meter)
    user = running.passkeys.use(origin_of_site(), answer_of_browser(), before.id if before is not None else None)
    running.throttle.give_back(meter)
    target = safe_next(request.args.get("next"))
    begin_session(user, Steps.PASSKEY)
    session.modified = True
    return jsonify(location=target or start_page(user))


def origin_of_site() -> Origin:
    """Return the site as the visitor's browser knows it; the allowed names are checked before (http/rim.py)."""
    host = request.host.rpartition(":")[0] if request.host.rpartition(":")[2].isdecimal() else request.host
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return Origin(host, f"{request.scheme}://{request.host}")
    raise PasskeyRefused  # browsers know passkeys only for names


def answer_of_browser() -> dict[str, Any]:
    """Return the JSON that the browser sent.

    Raises:
        TooLarge, EncodingError, PasskeyMalformed: it cannot be one.
    """
    size = request.content_length or 0
    if size > ANSWER_CAP:
        raise TooLarge(size, ANSWER_CAP)
    body = strict_json.loads(request.get_data(), "passkey", ANSWER_CAP)
    if not isinstance(body, dict):
        raise PasskeyMalformed
    return body


def as_json(text: str) -> Response:
    """Return JSON that is a text already."""
    return Response(text, mimetype="application/json")
