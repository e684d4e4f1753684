"""A doctor who becomes a trustee makes the key file in the browser, and hands its public part to the site."""

from __future__ import annotations

from flask import Blueprint, flash, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from webui.errors import KitRefused
from webui.http.headers import allow_calculation
from webui.http.sessions import member, only
from webui.presentation.doctor_forms import KitForm
from webui.site import site
from webui.store.models import SiteRole

blueprint = Blueprint("trustee_kit", __name__, url_prefix="/trustee-kit")


@blueprint.route("/", methods=["GET", "POST"])
@only(SiteRole.DOCTOR)
def start() -> ResponseReturnValue:
    """Show the form that the script works on, and store the public part."""
    form, kits, doctor_id = KitForm(), site().kits, member().id
    if form.validate_on_submit():
        kits.register(doctor_id, form.account.data, form.public_key.data, form.proof.data)
        flash(gettext("The hospital has the public part of your key file. The operator admits you next."), "good")
        return redirect(url_for("trustee_kit.start"))
    if form.is_submitted():
        raise KitRefused
    page = render_template(
        "work/trustee_kit.html",
        form=form,
        chain=kits.chain(),
        registration=kits.store.of(doctor_id),
        trustee=site().request_store.trustee_of(doctor_id),
    )
    return allow_calculation(make_response(page))
