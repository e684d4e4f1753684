"""Waiting lists, for patients: join, leave, and answer an offer."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from webui.errors import NotFound
from webui.http.sessions import member, only
from webui.presentation.appointment_forms import WaitForm
from webui.presentation.forms import PressForm
from webui.site import site
from webui.store.calendar_tables import Part
from webui.store.models import SiteRole
from webui.store.slots import HORIZON_DAYS, local_day
from webui.store.waiting import Wish

blueprint = Blueprint("waiting", __name__, url_prefix="/appointments/waiting")
USUAL_DAYS = 28
"""How long somebody waits who chooses nothing."""


@blueprint.route("/doctors/<int:doctor_id>", methods=["GET", "POST"])
@only(SiteRole.PATIENT)
def join(doctor_id: int) -> ResponseReturnValue:
    """Ask for days and part of the day, then put the patient on the doctor's list."""
    doctor = site().appointments.doctor(doctor_id)
    today = local_day(site().services.clock(), site().config.tz)
    form = WaitForm(first_day=today, last_day=today + timedelta(days=USUAL_DAYS))
    if form.validate_on_submit():
        wish = Wish(form.first_day.data, form.last_day.data, Part(form.part.data))
        site().book.waiting.join(member().id, doctor_id, wish)
        flash(gettext("You are on the waiting list. If a time becomes free, you get a mail and see it here."), "good")
        return redirect(url_for("appointments.mine"))
    last = today + timedelta(days=HORIZON_DAYS - 1)
    page = render_template("appointments/wait.html", doctor=doctor, form=form, today=today, last=last)
    return page, 400 if form.errors else 200


@blueprint.post("/<int:wish_id>/accept")
@only(SiteRole.PATIENT)
def accept(wish_id: int) -> ResponseReturnValue:
    """Book the offered time."""
    _pressed()
    site().book.waiting.accept(member().id, wish_id)
    flash(gettext("Your appointment is booked."), "good")
    return redirect(url_for("appointments.mine"))


@blueprint.post("/<int:wish_id>/decline")
@only(SiteRole.PATIENT)
def decline(wish_id: int) -> ResponseReturnValue:
    """Give an offered time to the next person, and wait for another one."""
    _pressed()
    site().book.waiting.decline(member().id, wish_id)
    flash(gettext("You declined this time. You still wait for another one."), "plain")
    return redirect(url_for("appointments.mine"))


@blueprint.post("/<int:wish_id>/leave")
@only(SiteRole.PATIENT)
def leave(wish_id: int) -> ResponseReturnValue:
    """Leave a waiting list."""
    _pressed()
    site().book.waiting.leave(member().id, wish_id)
    flash(gettext("You left the waiting list."), "plain")
    return redirect(url_for("appointments.mine"))


def _pressed() -> None:
    if not PressForm().validate_on_submit():
        raise NotFound
