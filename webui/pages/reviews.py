"""A treating doctor's review of a check."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from webui.errors import NotFound
from webui.http.sessions import member, only
from webui.presentation.doctor_forms import ReviewForm
from webui.presentation.letters import review_letter
from webui.site import site
from webui.store.models import SiteRole
from webui.usecases.worklist import task_of

blueprint = Blueprint("reviews", __name__, url_prefix="/reviews")


@blueprint.route("/<int:check_id>", methods=["GET", "POST"])
@only(SiteRole.DOCTOR)
def review(check_id: int) -> ResponseReturnValue:
    """Show the check beside a form, and save what the doctor says."""
    running, doctor = site(), member()
    row = running.record_store.visible(doctor, check_id)
    shown = running.patient_records.show(doctor, row)
    task = task_of(shown)
    if task is None:
        raise NotFound
    form, status = ReviewForm(task), 200
    if form.validate_on_submit():
        now = running.services.clock()
        address = running.config.address + url_for("checks.result", check_id=check_id)
        running.worklist.review(doctor, check_id, form.verdict, lambda: review_letter(doctor.name, address), now)
        flash(gettext("Your review is encrypted and saved. The patient can read it with the result."), "good")
        return redirect(url_for("checks.result", check_id=check_id))
    if form.is_submitted():
        status = 400
    running.work.mark(doctor.id, row.id, read=True)
    others = running.patient_records.show_all(doctor, running.record_store.notes_on(row.id))
    reviews = [each.review for each in others if each.review]
    return render_template(
        "work/review.html", shown=shown, task=task, form=form, reviews=reviews, now=running.services.clock()
    ), status
