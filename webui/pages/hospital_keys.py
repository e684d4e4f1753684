"""The hospital's key: its staff order a new one, the hospital's agent makes it, and the page follows."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from webui.errors import NotFound
from webui.http.headers import POLICY, policy_text
from webui.http.second_step import stepped_up
from webui.http.sessions import member, only
from webui.pages.hospital import AGAIN_MS, LIVE
from webui.presentation.forms import PressForm
from webui.presentation.key_wording import key_letter
from webui.site import site
from webui.store.models import SiteRole
from webui.store.throttle import Meter

blueprint = Blueprint("hospital_keys", __name__, url_prefix="/hospital/keys")


@blueprint.get("/")
@only(SiteRole.HOSPITAL)
def keys() -> ResponseReturnValue:
    """Show this hospital's key, and how far its replacement is."""
    response = make_response(
        render_template("hospital/keys.html", own=site().hospital_keys.now(), at=site().services.clock())
    )
    response.headers["Content-Security-Policy"] = policy_text(POLICY | LIVE)
    return response


@blueprint.get("/live")
@only(SiteRole.HOSPITAL)
def live() -> ResponseReturnValue:
    """Send the order as a server-sent event if it went on; see hospital.live."""
    renewal = site().hospital_keys.renewal()
    lines = [f"retry: {AGAIN_MS}"]
    if request.headers.get("Last-Event-ID", request.args.get("seen", "")) != renewal.version:
        text = render_template("hospital/_renewal.html", renewal=renewal)
        lines += [f"id: {renewal.version}", *(f"data: {line}" for line in text.splitlines() if line.strip())]
    else:
        lines.append(": nothing new")
    return Response("\n".join(lines) + "\n\n", mimetype="text/event-stream")


@blueprint.route("/new", methods=["GET", "POST"])
@only(SiteRole.HOSPITAL)
@stepped_up
def order() -> ResponseReturnValue:
    """Say what a new key means, and order one."""
    running, form = site(), PressForm()
    if not form.validate_on_submit():
        return render_template("hospital/new_key.html", own=running.hospital_keys.now(), form=form)
    running.throttle.take(Meter("new key", "hospital", running.config.limits.new_keys))
    page = f"{running.config.address}{url_for('hospital_keys.keys')}"

    def tell(session: Session, email: str, name: str, who: str) -> None:
        message = key_letter(name, who, page)
        running.notices.letter(session, email, message.subject, [message.text])

    running.hospital_keys.order(member(), tell)
    flash(_("The agent has your order."), "good")
    return redirect(url_for("hospital_keys.keys"))


@blueprint.post("/withdraw")
@only(SiteRole.HOSPITAL)
def withdraw() -> ResponseReturnValue:
    """Take back an order that waits."""
    if not PressForm().validate_on_submit():
        raise NotFound
    site().hospital_keys.withdraw()
    return redirect(url_for("hospital_keys.keys"))
