"""A doctor's calendar and working hours: what is booked, what is offered, and what is not.

Invariant: a doctor sees and changes only the own calendar; patients see of it only free times.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from fl.protocol.errors import HemaledgerError, MalformedError, RefusedError
from webui.errors import NotFound
from webui.http.error_pages import status_of
from webui.http.error_words import sentence_of
from webui.http.sessions import member, only
from webui.presentation.calendar_view import CalendarDay, calendar_days
from webui.presentation.forms import Form, PressForm
from webui.presentation.schedule_forms import BlockForm, CallOffForm, DayForm, HoursForm, TermsForm, pressed, stretches
from webui.site import site
from webui.store.models import SiteRole
from webui.store.new_accounts import DoctorFacts, hours_of
from webui.store.slots import WEEK_DAYS, local_day, monday_of, span_of

blueprint = Blueprint("schedule", __name__, url_prefix="/doctor")
EARLIEST, LATEST = date(2000, 1, 1), date(2200, 1, 1)


@blueprint.get("/calendar")
@only(SiteRole.DOCTOR)
def calendar() -> ResponseReturnValue:
    """Show a week or a day of the doctor's bookings, blocks and held offers; also past ones."""
    today = local_day(site().services.clock(), site().config.tz)
    wanted = _asked_day(today)
    one_day = request.args.get("view") == "day"
    first, length = (wanted, 1) if one_day else (monday_of(wanted), WEEK_DAYS)
    step = timedelta(days=length)
    days = _days(first, length)
    return render_template(
        "schedule/calendar.html",
        days=days,
        one_day=one_day,
        wanted=wanted,
        today=today,
        previous=wanted - step,
        following=wanted + step,
        now=site().services.clock(),
        details=site().appointments.details([each for day in days for each in day.bookings]),
        in_care={patient.account_id for patient, _ in site().care.patients_of(member().id)},
    )


@blueprint.route("/appointments/<int:appointment_id>/cancel", methods=["GET", "POST"])
@only(SiteRole.DOCTOR)
def call_off(appointment_id: int) -> ResponseReturnValue:
    """Ask for confirmation, then cancel and tell the patient."""
    book, form = site().appointments, CallOffForm()
    booking = book.callable_off(member().id, appointment_id)
    day = local_day(booking.starts_at, site().config.tz)
    if form.validate_on_submit():
        book.call_off(member().id, appointment_id, closed=bool(form.closed.data))
        flash(gettext("The appointment is cancelled, and the patient gets a mail."), "plain")
        return redirect(url_for("schedule.calendar", day=day))
    return render_template("schedule/call_off.html", booking=booking, form=form, day=day)


@blueprint.get("/schedule")
@only(SiteRole.DOCTOR)
def hours() -> ResponseReturnValue:
    """Show all that the doctor set, with a form for each part."""
    return _page()


@blueprint.post("/schedule/hours")
@only(SiteRole.DOCTOR)
def save_hours() -> ResponseReturnValue:
    """Replace the weekly hours, the slot length and the buffer."""
    store, me = site().book.schedules, member().id
    doctor = store.of(me).doctor
    form = HoursForm(doctor)
    if not form.validate_on_submit():
        return _page(named=form)
    try:
        store.set_hours(me, form.facts(doctor))
    except RefusedError as error:
        return _refused(form, error)
    store.set_terms(me, replace(doctor.terms, buffer_minutes=form.buffer_minutes.data))
    return _saved(gettext("Your working hours are saved. Booked appointments stay."))


@blueprint.post("/schedule/terms")
@only(SiteRole.DOCTOR)
def save_terms() -> ResponseReturnValue:
    """Replace what patients see and choose by."""
    store, me = site().book.schedules, member().id
    doctor = store.of(me).doctor
    form = TermsForm(doctor)
    if not form.validate_on_submit():
        return _page(named=form)
    room = " ".join(form.room.data.split())
    store.set_hours(me, DoctorFacts(doctor.specialty, room, doctor.slot_minutes, hours_of(doctor.profile)))
    store.set_terms(me, form.terms(doctor))
    return _saved(gettext("Saved. Patients see it now."))


@blueprint.post("/schedule/exceptions")
@only(SiteRole.DOCTOR)
def add_exception() -> ResponseReturnValue:
    """Close a day, or add hours to it."""
    form, store, me = DayForm(), site().book.schedules, member().id
    if not form.validate_on_submit():
        return _page(named=form)
    try:
        added = stretches(form.hours.data)
        for each in added:
            store.add_extra(me, form.day.data, each)
        if not added:
            store.close_day(me, form.day.data)
    except (RefusedError, MalformedError) as error:
        return _refused(form, error)
    return _saved(gettext("The exception is saved."))


@blueprint.post("/schedule/closed/<day>/open")
@only(SiteRole.DOCTOR)
def open_day(day: str) -> ResponseReturnValue:
    """Offer the weekly hours of a closed day again."""
    pressed(PressForm())
    try:
        site().book.schedules.open_day(member().id, date.fromisoformat(day))
    except ValueError as error:
        raise NotFound from error
    return _saved(gettext("The day has its weekly hours again."))


@blueprint.post("/schedule/extra/<int:extra_id>/remove")
@only(SiteRole.DOCTOR)
def remove_extra(extra_id: int) -> ResponseReturnValue:
    """Take extra hours back."""
    pressed(PressForm())
    site().book.schedules.remove_extra(member().id, extra_id)
    return _saved(gettext("The extra hours are removed. Booked appointments stay."))


@blueprint.post("/schedule/blocks")
@only(SiteRole.DOCTOR)
def block() -> ResponseReturnValue:
    """Let nobody book a time."""
    form = BlockForm()
    if not form.validate_on_submit():
        return _page(named=form)
    try:
        site().book.schedules.block(member().id, form.time(site().config.tz))
    except (RefusedError, MalformedError) as error:
        return _refused(form, error)
    return _saved(gettext("Nobody can book this time now."))


@blueprint.post("/schedule/blocks/<int:block_id>/remove")
@only(SiteRole.DOCTOR)
def unblock(block_id: int) -> ResponseReturnValue:
    """Let patients book a blocked time again."""
    pressed(PressForm())
    site().book.schedules.unblock(member().id, block_id)
    return _saved(gettext("Patients can book this time again."))


def _page(named: Form | None = None, status: int | None = None) -> ResponseReturnValue:
    """Return the page; `named` is the form that was refused."""
    schedule = site().book.schedules.of(member().id)
    makers = {"hours": HoursForm, "terms": TermsForm}
    forms = {name: maker(schedule.doctor) for name, maker in makers.items()}
    forms |= {"exception": DayForm(), "block": BlockForm()}
    forms = {name: form if named is None or type(form) is not type(named) else named for name, form in forms.items()}
    today = local_day(site().services.clock(), site().config.tz)
    page = render_template("schedule/hours.html", schedule=schedule, forms=forms, named=named, today=today)
    return page, status or (400 if named is not None else 200)


def _refused(form: Form, error: HemaledgerError) -> ResponseReturnValue:
    """Show a refusal at the first field of its form."""
    first = next(field for field in form if field.type not in {"CSRFTokenField", "SubmitField"})
    first.errors = [*first.errors, sentence_of(error)]
    return _page(form, status_of(error))


def _saved(words: str) -> ResponseReturnValue:
    flash(words, "good")
    return redirect(url_for("schedule.hours"))


def _days(first: date, length: int) -> tuple[CalendarDay, ...]:
    zone, me = site().config.tz, member().id
    span = span_of(first, length, zone)
    bookings = site().appointments.of_doctor(me, span.starts_at, span.ends_at)
    times, free = site().book.schedules.taken(me, span), site().appointments.free_slots(me)
    return calendar_days([first + timedelta(days=number) for number in range(length)], zone, [*bookings, *times], free)


def _asked_day(today: date) -> date:
    with suppress(ValueError):
        return min(max(date.fromisoformat(request.args.get("day", "")[:10]), EARLIEST), LATEST)
    return today
