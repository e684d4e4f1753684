"""A patient's checks: upload, result, history; a result is also for the treating doctor."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from fl.protocol.errors import MalformedError
from webui.checks import check_image
from webui.errors import status_of
from webui.forms import ImageForm
from webui.login import member, only
from webui.site import site
from webui.store.models import SiteRole
from webui.store.predictions import served_model

blueprint = Blueprint("checks", __name__, url_prefix="/checks")


@blueprint.get("/")
@only(SiteRole.PATIENT)
def history() -> ResponseReturnValue:
    """List the patient's checks."""
    return render_template("checks/history.html", checks=site().predictions.of_patient(member().id))


@blueprint.route("/new", methods=["GET", "POST"])
@only(SiteRole.PATIENT)
def new() -> ResponseReturnValue:
    """Take an image, predict, and go to the result."""
    form, status = ImageForm(), 200
    if form.validate_on_submit():
        try:
            check_id = check_image(site(), member().id, form.image.data)
        except MalformedError as error:
            form.image.errors, status = [str(error)], status_of(error)
        else:
            return redirect(url_for("checks.result", check_id=check_id))
    elif form.is_submitted():
        status = 400
    return render_template("checks/new.html", form=form), status


@blueprint.get("/<int:check_id>")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def result(check_id: int) -> ResponseReturnValue:
    """Show one check."""
    check = site().predictions.visible(member(), check_id)
    return render_template("checks/result.html", check=check, model=served_model(check))


@blueprint.get("/<int:check_id>/image.png")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def image(check_id: int) -> ResponseReturnValue:
    """Send the picture of one check."""
    return Response(site().predictions.image(member(), check_id), mimetype="image/png")
