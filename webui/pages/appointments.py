"""Appointments of a patient: find a doctor, see the week, book, move, cancel, and take a cancellation back."""

from __future__ import annotations

from contextlib import suppress
from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from fl.crypto.capsule import Readers
from fl.protocol.errors import SlotTaken
from webui.errors import SlotNotOffered
from webui.http.error_words import sentence_of
from webui.http.languages import zone
from webui.http.sessions import member, only
from webui.presentation.appointment_forms import BookForm, Search, search_choices, soonest_first
from webui.presentation.forms import PressForm
from webui.presentation.numbers_and_dates import on_day, when
from webui.presentation.week_view import week_view
from webui.site import site
from webui.store.appointments import undoable
from webui.store.models import Appointment, BookingState, SiteRole
from webui.store.slots import Slot, local_day
from webui.usecases.sealing import choice_of

blueprint = Blueprint("appointments", __name__, url_prefix="/appointments")
OTHER_TIMES = 6
"""Free times that somebody sees who was too late."""
FILTER_CHARS = 120


@blueprint.get("/")
@only(SiteRole.PATIENT)
def mine() -> ResponseReturnValue:
    """List the patient's appointments: future ones, the next first, then past ones, the latest first."""
    now, bookings = site().services.clock(), site().appointments.of_patient(member().id)
    ahead = [booking for booking in reversed(bookings) if _is_ahead(booking, now)]
    rest = [booking for booking in bookings if not _is_ahead(booking, now)]
    return render_template(
        "appointments/mine.html",
        ahead=ahead,
        bookings=[*ahead, *rest],
        details=site().appointments.details(bookings),
        terms={each.account_id: each.terms for each in site().appointments.doctors()},
        waiting=site().book.waiting.of_patient(member().id),
        undo=[booking for booking in rest if undoable(booking, now)],
        now=now,
    )


@blueprint.get("/doctors")
@only(SiteRole.PATIENT)
def doctors() -> ResponseReturnValue:
    """List the doctors that the patient looks for, with the next free slot of each."""
    search = Search(**{name: _asked(name) for name in ("place", "specialty", "language", "meeting")})
    everybody = site().appointments.next_free(member().id)
    found = [(doctor, free) for doctor, free in everybody if search.finds(doctor)]
    by_name = _asked("order") == "name"
    return render_template(
        "appointments/doctors.html",
        doctors=found if by_name else soonest_first(found),
        choices=search_choices([doctor for doctor, _ in everybody]),
        search=search,
        by_name=by_name,
        any_doctor=bool(everybody),
        check=_check(),
    )


@blueprint.get("/doctors/<int:doctor_id>")
@only(SiteRole.PATIENT)
def slots(doctor_id: int) -> ResponseReturnValue:
    """Show a week of the free slots of a doctor, or all of one day."""
    return _week(doctor_id, site().appointments.free_for(member().id, doctor_id))


@blueprint.route("/doctors/<int:doctor_id>/<int:starts_at>", methods=["GET", "POST"])
@only(SiteRole.PATIENT)
def confirm(doctor_id: int, starts_at: int) -> ResponseReturnValue:
    """Ask why and where, then book."""
    book = site().appointments
    doctor = book.doctor(doctor_id)
    form = BookForm(doctor, _own_checks(), _check())
    if form.validate_on_submit():
        try:
            book.book(member().id, doctor_id, starts_at, form.visit)
        except (SlotTaken, SlotNotOffered) as error:
            return _too_late(doctor_id, error)
        flash(gettext("Your appointment is booked."), "good")
        return redirect(url_for("appointments.mine"))
    slot = book.slot(doctor_id, starts_at)
    quorum_alone = choice_of(site().record_store.patient(member().id)).readers == Readers.TRUSTEES
    return render_template(
        "appointments/confirm.html",
        doctor=doctor,
        slot=slot,
        form=form,
        until=site().care.until(slot.ends_at),
        quorum_alone=quorum_alone,
        check=_check(),
    ), 400 if form.errors else 200


@blueprint.get("/<int:appointment_id>/move")
@only(SiteRole.PATIENT)
def move(appointment_id: int) -> ResponseReturnValue:
    """Show the week in which an appointment can get another time."""
    booking = site().appointments.cancellable(member().id, appointment_id)
    free = site().appointments.free_for(member().id, booking.doctor_id, booking.id)
    return _week(booking.doctor_id, [slot for slot in free if slot.starts_at != booking.starts_at], booking)


@blueprint.route("/<int:appointment_id>/move/<int:starts_at>", methods=["GET", "POST"])
@only(SiteRole.PATIENT)
def confirm_move(appointment_id: int, starts_at: int) -> ResponseReturnValue:
    """Ask for confirmation, then move; if the new time is gone, the old one stays."""
    book = site().appointments
    booking = book.cancellable(member().id, appointment_id)
    if PressForm().validate_on_submit():
        try:
            book.move(member().id, appointment_id, starts_at)
        except (SlotTaken, SlotNotOffered) as error:
            return _too_late(booking.doctor_id, error, booking)
        flash(gettext("Your appointment has a new time."), "good")
        return redirect(url_for("appointments.mine"))
    slot = book.slot(booking.doctor_id, starts_at)
    return render_template("appointments/confirm_move.html", booking=booking, slot=slot)


@blueprint.route("/<int:appointment_id>/cancel", methods=["GET", "POST"])
@only(SiteRole.PATIENT)
def cancel(appointment_id: int) -> ResponseReturnValue:
    """Ask for confirmation, then cancel."""
    book = site().appointments
    if PressForm().validate_on_submit():
        book.cancel(member().id, appointment_id)
        flash(gettext("Your appointment is cancelled."), "plain")
        return redirect(url_for("appointments.mine"))
    return render_template("appointments/cancel.html", booking=book.cancellable(member().id, appointment_id))


@blueprint.post("/<int:appointment_id>/undo")
@only(SiteRole.PATIENT)
def undo(appointment_id: int) -> ResponseReturnValue:
    """Book the slot of a cancelled appointment again, for a minute and if it is still free."""
    booking = site().appointments.of(member().id, appointment_id)
    try:
        site().appointments.restore(member().id, appointment_id)
    except SlotTaken as error:
        return _too_late(booking.doctor_id, error)
    flash(gettext("Your appointment is booked again."), "good")
    return redirect(url_for("appointments.mine"))


def _week(doctor_id: int, free: list[Slot], moved: Appointment | None = None) -> ResponseReturnValue:
    book, local, now = site().appointments, zone(), site().services.clock()
    mine = [each for each in book.of_patient(member().id) if each.doctor_id == doctor_id and _is_ahead(each, now)]
    wanted = _asked_day() or (local_day(moved.starts_at, local) if moved is not None else None)
    return render_template(
        "appointments/slots.html",
        doctor=book.doctor(doctor_id),
        week=week_view(free, wanted, local_day(now, local), local),
        whole_day=_asked("all") == "1",
        booked_days=[on_day(each.starts_at, local) for each in reversed(mine)],
        moved=moved,
        check=_check(),
    )


def _too_late(doctor_id: int, error: SlotTaken | SlotNotOffered, moved: Appointment | None = None) -> tuple[str, int]:
    """Return the page for somebody who was slower: the next free times of this doctor."""
    book, kept = site().appointments, moved.id if moved is not None else None
    free = [
        slot
        for slot in book.free_for(member().id, doctor_id, kept)
        if moved is None or slot.starts_at != moved.starts_at
    ]
    near = sorted(free, key=lambda slot: abs(slot.starts_at - error.starts_at))[:OTHER_TIMES]
    page = render_template(
        "appointments/taken.html",
        doctor=book.doctor(doctor_id),
        near=sorted(near),
        moved=moved,
        sentence=sentence_of(error),
        check=_check(),
    )
    return page, 409


def _own_checks() -> list[tuple[int, str]]:
    """Return the rows and dates of the patient's newest checks."""
    rows = site().record_store.of_patient(member().id, 0)
    local = zone()
    return [
        (row.id, gettext("Check of %(moment)s", moment=when(row.created_at, local)))
        for row in rows
        if not row.erased_at
    ]


def _check() -> int | None:
    """Return the check that the patient comes from."""
    return request.args.get("check", type=int)


def _asked(name: str) -> str:
    return request.args.get(name, "")[:FILTER_CHARS]


def _asked_day() -> date | None:
    with suppress(ValueError):
        return date.fromisoformat(_asked("day"))
    return None


def _is_ahead(booking: Appointment, now: int) -> bool:
    """Return whether an appointment is in force and has not begun."""
    return booking.state == BookingState.BOOKED and booking.starts_at > now
