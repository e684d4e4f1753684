"""Withdrawals: how far the federation is with each, for everybody; and a patient's wish not to be trained on."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from webui.errors import NotFound
from webui.http.sessions import member, only
from webui.presentation.forms import PressForm
from webui.presentation.withdrawal_wording import answer_letter, objection_letter
from webui.site import Site, site
from webui.store.models import SiteRole
from webui.store.throttle import Meter
from webui.store.training_objections import ObjectionState
from webui.usecases.withdrawals import TellPatient

blueprint = Blueprint("withdrawals", __name__, url_prefix="/withdrawals")


@blueprint.get("/")
@only(*SiteRole)
def overview() -> ResponseReturnValue:
    """Show all withdrawals of the consortium, the newest first."""
    running = site().withdrawals
    return render_template("withdrawals/overview.html", all=running.all(), waiting=running.waiting())


@blueprint.route("/mine", methods=["GET", "POST"])
@only(SiteRole.PATIENT)
def mine() -> ResponseReturnValue:
    """Show a patient how far the own wish is, or store one."""
    running = site()
    settle(running)
    form = PressForm()
    if form.validate_on_submit():
        running.throttle.take(Meter("objection", str(member().id), running.config.limits.objections))
        page = f"{running.config.address}{url_for('hospital_withdrawal.overview')}"

        def tell(session: Session, email: str, name: str) -> None:
            message = objection_letter(name, page)
            running.notices.letter(session, email, message.subject, [message.text])

        if running.withdrawals.ask(tell, member()):
            flash(_("The hospital has your wish."), "good")
        return redirect(url_for("withdrawals.mine"))
    return render_template("withdrawals/mine.html", form=form, row=running.withdrawals.objections.of(member().id))


@blueprint.post("/mine/call-off")
@only(SiteRole.PATIENT)
def call_off() -> ResponseReturnValue:
    """Take an own wish back while nobody has acted on it."""
    if not PressForm().validate_on_submit():
        raise NotFound
    if not site().withdrawals.objections.call_off(member().id):
        flash(_("The staff have answered already."), "wait")
    return redirect(url_for("withdrawals.mine"))


def settle(running: Site) -> int:
    """Note what became of orders for patients, and tell them."""
    return running.withdrawals.settle(teller(running))


def teller(running: Site) -> TellPatient:
    """Return what queues the mail to a patient about an answer."""
    page = f"{running.config.address}/withdrawals/mine"

    def tell(session: Session, email: str, name: str, _state: ObjectionState) -> None:
        message = answer_letter(name, page)
        running.notices.letter(session, email, message.subject, [message.text])

    return tell
