"""Appointments of a patient: choose a doctor, a free slot, confirm; cancel."""

from __future__ import annotations

from itertools import groupby

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from fl.crypto.capsule import Readers
from webui.http.sessions import member, only
from webui.presentation.forms import PressForm
from webui.presentation.wording import on_day
from webui.site import site
from webui.store.models import Appointment, BookingState, SiteRole
from webui.usecases.patient_records import choice_of

blueprint = Blueprint("appointments", __name__, url_prefix="/appointments")


@blueprint.get("/")
@only(SiteRole.PATIENT)
def mine() -> ResponseReturnValue:
    """List the patient's appointments: future ones, the next first, then past ones, the latest first."""
    now, bookings = site().services.clock(), site().appointments.of_patient(member().id)
    ahead = [booking for booking in reversed(bookings) if _is_ahead(booking, now)]
    rest = [booking for booking in bookings if not _is_ahead(booking, now)]
    return render_template("appointments/mine.html", ahead=ahead, bookings=[*ahead, *rest])


@blueprint.get("/doctors")
@only(SiteRole.PATIENT)
def doctors() -> ResponseReturnValue:
    """List the doctors with their next free slot."""
    book = site().appointments
    next_slots = [(doctor, book.free_for(member().id, doctor.account_id)[:1]) for doctor in book.doctors()]
    return render_template("appointments/doctors.html", doctors=next_slots)


@blueprint.get("/doctors/<int:doctor_id>")
@only(SiteRole.PATIENT)
def slots(doctor_id: int) -> ResponseReturnValue:
    """Show, by day, the slots of a doctor that this patient can book."""
    book, zone, now = site().appointments, site().config.tz, site().services.clock()
    free = groupby(book.free_for(member().id, doctor_id), lambda slot: on_day(slot.starts_at, zone))
    days = [(day, list(times)) for day, times in free]
    mine = [each for each in book.of_patient(member().id) if each.doctor_id == doctor_id and _is_ahead(each, now)]
    booked_days = [on_day(each.starts_at, zone) for each in reversed(mine)]
    return render_template("appointments/slots.html", doctor=book.doctor(doctor_id), days=days, booked_days=booked_days)


@blueprint.route("/doctors/<int:doctor_id>/<int:starts_at>", methods=["GET", "POST"])
@only(SiteRole.PATIENT)
def confirm(doctor_id: int, starts_at: int) -> ResponseReturnValue:
    """Ask for confirmation, then book."""
    book = site().appointments
    if PressForm().validate_on_submit():
        book.book(member().id, doctor_id, starts_at)
        flash("Your appointment is booked.", "good")
        return redirect(url_for("appointments.mine"))
    slot = book.slot(doctor_id, starts_at)
    quorum_alone = choice_of(site().record_store.patient(member().id)).readers == Readers.TRUSTEES
    doctor = book.doctor(doctor_id)
    until = site().care.until(slot.ends_at)
    return render_template(
        "appointments/confirm.html", doctor=doctor, slot=slot, until=until, quorum_alone=quorum_alone
    )


@blueprint.route("/<int:appointment_id>/cancel", methods=["GET", "POST"])
@only(SiteRole.PATIENT)
def cancel(appointment_id: int) -> ResponseReturnValue:
    """Ask for confirmation, then cancel."""
    book = site().appointments
    if PressForm().validate_on_submit():
        book.cancel(member().id, appointment_id)
        flash("Your appointment is cancelled.", "plain")
        return redirect(url_for("appointments.mine"))
    return render_template("appointments/cancel.html", booking=book.cancellable(member().id, appointment_id))


def _is_ahead(booking: Appointment, now: int) -> bool:
    """Return whether an appointment is in force and has not begun."""
    return booking.state == BookingState.BOOKED and booking.starts_at > now
