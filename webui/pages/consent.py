"""A patient's choice: who can open records, and what others may ask for."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from fl.crypto.capsule import Readers
from webui.http.sessions import member, only
from webui.presentation.forms import ConsentForm
from webui.presentation.request_wording import resealed
from webui.site import site
from webui.store.consent_log import choices_of
from webui.store.models import SiteRole
from webui.usecases.sealing import choice_of

blueprint = Blueprint("consent", __name__, url_prefix="/consent")


@blueprint.route("/", methods=["GET", "POST"])
@only(SiteRole.PATIENT)
def choose() -> ResponseReturnValue:
    """Show the patient's choice, or change it and seal again the records that the hospital can open."""
    running, patient_id = site(), member().id
    form = ConsentForm(choice_of(running.record_store.patient(patient_id)))
    if form.validate_on_submit():
        closing = running.record_store.openable(patient_id) if form.choice.readers == Readers.TRUSTEES else 0
        if closing and not form.sure.data:
            return render_template("consent_sure.html", form=form, closing=closing)
        changed, unopened = running.patient_records.choose(patient_id, form.choice)
        change = running.patient_records.change_of(patient_id)
        if change is None or change.done:
            flash(resealed(changed, unopened), "good")
        else:
            flash(gettext("Your choice is saved. Your records are being changed."), "good")
            running.wake.set()
        return redirect(url_for("consent.choose"))
    change = running.patient_records.change_of(patient_id)
    under_way = change if change is not None and not change.done else None
    page = render_template(
        "consent.html",
        form=form,
        committee=running.committee(),
        change=under_way,
        profile=running.record_store.patient(patient_id),
        choices=choices_of(running.database, patient_id),
    )
    return page, 400 if form.is_submitted() else 200
