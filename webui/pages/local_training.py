"""A hospital's staff start a training on the hospital's own images, follow it, stop it, and hand its result over."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from fl.protocol.errors import UploadUnusable
from webui.errors import NoHospital, NotFound
from webui.http.error_words import sentence_of
from webui.http.headers import POLICY, policy_text
from webui.http.sessions import member, only
from webui.pages.hospital import AGAIN_MS, LIVE
from webui.ports.local_training import TrainingService
from webui.presentation.forms import PressForm
from webui.presentation.own_tools_forms import PassesForm
from webui.site import site
from webui.store.models import SiteRole

blueprint = Blueprint("local_training", __name__, url_prefix="/hospital/training")


@blueprint.route("/", methods=["GET", "POST"])
@only(SiteRole.HOSPITAL)
def training() -> ResponseReturnValue:
    """Show the newest training, and start another."""
    form, service = PassesForm(), _service()
    if form.validate_on_submit():
        service.start(form.passes.data)
        flash(_("The training has begun."), "good")
        return redirect(url_for("local_training.training"))
    status = 400 if form.is_submitted() else 200
    page = render_template("hospital/training.html", form=form, now=service.now())
    response = make_response(page, status)
    response.headers["Content-Security-Policy"] = policy_text(POLICY | LIVE)
    return response


@blueprint.get("/live")
@only(SiteRole.HOSPITAL)
def live() -> ResponseReturnValue:
    """Send the training as a server-sent event if it went on; see hospital.live."""
    now = _service().now()
    lines = [f"retry: {AGAIN_MS}"]
    if request.headers.get("Last-Event-ID", request.args.get("seen", "")) != now.version:
        text = render_template("hospital/_training.html", now=now)
        lines += [f"id: {now.version}", *(f"data: {line}" for line in text.splitlines() if line.strip())]
    else:
        lines.append(": nothing new")
    return Response("\n".join(lines) + "\n\n", mimetype="text/event-stream")


@blueprint.post("/stop")
@only(SiteRole.HOSPITAL)
def stop() -> ResponseReturnValue:
    if not PressForm().validate_on_submit():
        raise NotFound
    _service().stop()
    flash(_("The training is stopped. Nothing of it is kept."), "plain")
    return redirect(url_for("local_training.training"))


@blueprint.post("/hand-over")
@only(SiteRole.HOSPITAL)
def hand_over() -> ResponseReturnValue:
    """Hand the result to the agent, as an upload."""
    if not PressForm().validate_on_submit():
        raise NotFound
    try:
        row = site().own_tools.hand_over_training(member().id, _service())
    except UploadUnusable as error:
        flash(sentence_of(error), "bad")
        return redirect(url_for("local_training.training"))
    flash(_("The weights passed every check. They are sealed and wait for the agent."), "good")
    return redirect(url_for("own_tools.upload", upload_id=row.id))


def _service() -> TrainingService:
    found = site().services.training
    if found is None:
        raise NoHospital
    return found
