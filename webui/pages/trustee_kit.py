"""A doctor who becomes a trustee makes the key file in the browser, and hands its public part to the site."""

from __future__ import annotations

from contextlib import suppress

from flask import Blueprint, flash, jsonify, make_response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from fl.protocol.errors import UnavailableError, VaultMissing
from webui.errors import KitRefused, NotFound
from webui.http.headers import allow_calculation
from webui.http.sessions import member, only
from webui.pages.approvals import signed_answer
from webui.presentation.doctor_forms import KitForm
from webui.presentation.forms import PressForm
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
    registration, trustee = kits.store.of(doctor_id), site().request_store.trustee_of(doctor_id)
    joining = None
    if registration is not None and trustee is None:
        with suppress(UnavailableError):  # the page is also there while the chain is silent
            joining = site().shares.joining(registration.account)
    page = render_template(
        "work/trustee_kit.html",
        form=form,
        chain=kits.chain(),
        registration=registration,
        trustee=trustee,
        joining={**joining, "submit_url": url_for("trustee_kit.join")} if joining is not None else None,
    )
    return allow_calculation(make_response(page))


@blueprint.post("/join")
@only(SiteRole.DOCTOR)
def join() -> ResponseReturnValue:
    """Put the doctor's first key onto the ledger, as the browser signed it; the account is the doctor's from now on."""
    running, made = site(), site().kits.store.of(member().id)
    answer = signed_answer() if made is not None else None
    if made is None or answer is None or answer.envelope is not None:
        raise KitRefused
    running.shares.join(made, answer.transaction)
    running.request_store.link_trustee(running.accounts.email_of(member().id), made.account)
    flash(gettext("Your key is on the ledger, and you are a trustee. You get your share in the next ceremony."), "good")
    return jsonify(location=url_for("trustee_kit.start"))


@blueprint.get("/shares")
@only(SiteRole.DOCTOR)
def shares() -> ResponseReturnValue:
    """Show the doctor's newest share, and what the browser needs to make the approval kit of it."""
    running, trustee = site(), site().request_store.trustee_of(member().id)
    if trustee is None:
        return redirect(url_for("trustee_kit.start"))
    own, block, missing = running.shares.of(member().id, trustee), None, False
    if own is not None and own.facts.by_first_key:
        try:
            block = running.shares.sealed(trustee)
        except VaultMissing:
            missing = True
    page = render_template("work/shares.html", own=own, block=block, missing=missing, form=PressForm())
    return allow_calculation(make_response(page))


@blueprint.post("/shares/<int:epoch>/kept")
@only(SiteRole.DOCTOR)
def kept(epoch: int) -> ResponseReturnValue:
    """Note that the doctor saved the kit of a ceremony; the line in the access log says so."""
    trustee = site().request_store.trustee_of(member().id)
    own = site().shares.of(member().id, trustee)
    if own is None or own.facts.epoch != epoch or not PressForm().validate_on_submit():
        raise NotFound
    flash(gettext("Your new kit is noted. Destroy the kit of the ceremony before."), "good")
    return redirect(url_for("requests.mine"))
