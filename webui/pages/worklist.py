"""A doctor's worklist: the checks of patients in the doctor's care, the most urgent first."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from werkzeug.datastructures import MultiDict

from webui.errors import NotFound
from webui.http.headers import page_number
from webui.http.sessions import member, only
from webui.presentation.doctor_forms import FilterForm
from webui.presentation.forms import PressForm
from webui.site import site
from webui.store.models import SiteRole
from webui.store.openings import How
from webui.usecases.sampling import thumb_of

blueprint = Blueprint("worklist", __name__, url_prefix="/worklist")


@blueprint.get("/")
@only(SiteRole.DOCTOR)
def index() -> ResponseReturnValue:
    """Show one page of the list."""
    running, page = site(), page_number()
    form = FilterForm(MultiDict(request.args))
    right = form.validate()
    found = running.worklist.page(member(), form.wanted, form.urgency, page) if right else None
    counts = running.work.counts(member().id)
    return render_template(
        "work/list.html", form=form, found=found, counts=counts, page=page, now=running.services.clock()
    ), 200 if right else 400


@blueprint.post("/<int:check_id>/unread")
@only(SiteRole.DOCTOR)
def unread(check_id: int) -> ResponseReturnValue:
    """Mark a check as unread again, for this doctor."""
    if not PressForm().validate_on_submit():
        raise NotFound
    row = site().record_store.visible(member(), check_id)
    site().work.mark(member().id, row.id, read=False)
    flash(gettext("The check is unread again."), "plain")
    return redirect(url_for("worklist.index"))


@blueprint.get("/<int:check_id>/thumb.webp")
@only(SiteRole.DOCTOR)
def thumb(check_id: int) -> ResponseReturnValue:
    """Send a small picture of a check, so that a list weighs little."""
    running = site()
    shown = running.patient_records.show(member(), running.record_store.visible(member(), check_id), How.LIST)
    if shown.check is None:
        raise NotFound
    small = shown.check.views.thumb_webp or thumb_of(shown.check.image_png)
    return Response(small, mimetype="image/webp")
