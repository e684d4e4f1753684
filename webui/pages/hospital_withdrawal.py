"""The hospital takes itself, or persons' pictures, out of the federation: its staff order it, its agent does it."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from webui.errors import NotFound
from webui.http.second_step import stepped_up
from webui.http.sessions import member, only
from webui.pages.withdrawals import settle, teller
from webui.presentation.forms import PressForm
from webui.presentation.withdrawal_forms import PersonsForm, SureForm
from webui.presentation.withdrawal_wording import withdrawal_letter
from webui.site import Site, site
from webui.store.models import SiteRole
from webui.store.throttle import Meter
from webui.store.training_objections import ObjectionState
from webui.usecases.withdrawals import Tell

blueprint = Blueprint("hospital_withdrawal", __name__, url_prefix="/hospital/withdrawal")


@blueprint.get("/")
@only(SiteRole.HOSPITAL)
def overview() -> ResponseReturnValue:
    """Show the newest order, what can be taken back, and which patients ask for it."""
    running = site()
    settle(running)
    return render_template(
        "hospital/withdrawal.html",
        own=running.withdrawals.now(),
        left=running.withdrawals.left(),
        asked=running.withdrawals.open_objections(),
    )


@blueprint.route("/leave", methods=["GET", "POST"])
@only(SiteRole.HOSPITAL)
@stepped_up
def leave() -> ResponseReturnValue:
    """Say what it means that the hospital leaves, and order it."""
    running, form = site(), SureForm()
    if form.validate_on_submit():
        _count(running)
        running.withdrawals.order(member(), _tell(running))
        flash(_("The agent has your order."), "good")
        return redirect(url_for("hospital_withdrawal.overview"))
    page = render_template(
        "hospital/leave.html", form=form, found=running.withdrawals.consequences(), own=running.withdrawals.now()
    )
    return page, 400 if form.is_submitted() else 200


@blueprint.route("/persons", methods=["GET", "POST"])
@only(SiteRole.HOSPITAL)
@stepped_up
def persons() -> ResponseReturnValue:
    """Take persons' pictures out: who, then what it means, then the order."""
    running, form = site(), PersonsForm()
    settle(running)
    asked = [pair for pair in running.withdrawals.open_objections() if pair[0].state == ObjectionState.ASKED.value]
    form.patients.choices = [(row.patient_id, profile.account.name) for row, profile in asked]
    if form.validate_on_submit():
        if form.sure.data == "yes":
            _count(running)
            since, patients = form.since.data or 1, form.patients.data or ()
            running.withdrawals.order(member(), _tell(running), form.named, since, patients)
            flash(_("The agent has your order."), "good")
            return redirect(url_for("hospital_withdrawal.overview"))
        found = running.withdrawals.consequences(form.since.data or 1)
        return render_template("hospital/persons_sure.html", form=form, found=found, own=running.withdrawals.now())
    page = render_template("hospital/persons.html", form=form, asked=asked, own=running.withdrawals.now())
    return page, 400 if form.is_submitted() else 200


@blueprint.post("/none/<int:patient_id>")
@only(SiteRole.HOSPITAL)
def none_here(patient_id: int) -> ResponseReturnValue:
    """Tell a patient that the hospital trains on no picture of theirs."""
    running = site()
    if not PressForm().validate_on_submit():
        raise NotFound
    if running.withdrawals.none_here(patient_id, member(), teller(running)):
        flash(_("The patient gets a mail."), "good")
    else:
        flash(_("This wish does not wait for an answer any more."), "wait")
    return redirect(url_for("hospital_withdrawal.overview"))


@blueprint.post("/take-back")
@only(SiteRole.HOSPITAL)
def take_back() -> ResponseReturnValue:
    """Take back an order that waits."""
    if not PressForm().validate_on_submit():
        raise NotFound
    site().withdrawals.take_back()
    settle(site())
    return redirect(url_for("hospital_withdrawal.overview"))


def _count(running: Site) -> None:
    running.throttle.take(Meter("withdrawal", "hospital", running.config.limits.withdrawals))


def _tell(running: Site) -> Tell:
    page = f"{running.config.address}{url_for('hospital_withdrawal.overview')}"

    def tell(session: Session, email: str, name: str, who: str) -> None:
        message = withdrawal_letter(name, who, page)
        running.notices.letter(session, email, message.subject, [message.text])

    return tell
