"""A doctor's pages: the appointments, and the checks of patients in the doctor's care."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webui.http.headers import page_number
from webui.http.languages import zone
from webui.http.sessions import member, only
from webui.presentation.numbers_and_dates import on_day
from webui.site import Site, site
from webui.store.models import Appointment, SiteRole
from webui.usecases.agenda import Results

blueprint = Blueprint("doctor", __name__, url_prefix="/doctor")
PAST_S = 7 * 24 * 3600
"""How long a past appointment stays in the list; the calendar has them all."""
OPENED_CHECKS = 40
"""So many results are opened, from the top of the list."""


@blueprint.get("/")
@only(SiteRole.DOCTOR)
def agenda() -> ResponseReturnValue:
    """List today's and later appointments by day, then the last days, with the results that matter."""
    running, local = site(), zone()
    today = _midnight(running)
    care = running.care.patients_of(member().id)
    known = {person.account_id for person, _ in care}
    since = running.appointments.of_doctor(member().id, today - PAST_S)
    bookings = [row for row in since if row.ends_at > today or row.patient_id in known]
    days = [(day, list(rows)) for day, rows in groupby(bookings, lambda row: on_day(row.starts_at, local))]
    past = sum(rows[-1].starts_at < today for _, rows in days)
    days = [*days[past:], *reversed(days[:past])]
    bookings = [booking for _, rows in days for booking in rows]
    listed = dict.fromkeys(booking.patient_id for booking in bookings)
    results, complete = _results(running, bookings)
    shown = running.patient_records.glance(member(), results.first(bookings, OPENED_CHECKS))
    opened = {each.row.id: each for each in shown}
    others = [(person, until) for person, until in care if person.account_id not in listed]
    return render_template(
        "doctor/agenda.html",
        days=days,
        results=results,
        complete=complete,
        opened=opened,
        others=others,
        past=past,
        states=running.work.states(member().id, list(opened)),
        now=running.services.clock(),
    )


def _results(running: Site, bookings: Sequence[Appointment]) -> tuple[Results, bool]:
    """Return the results beside these appointments, and whether all open ones were looked at."""
    patients = {booking.patient_id for booking in bookings}
    details = running.appointments.details(bookings)
    named = {booking_id: each.check_id for booking_id, each in details.items() if each.check_id is not None}
    worst, complete = running.open_results.worst(member(), patients)
    newest = {patient_id: row.id for patient_id, row in running.record_store.latest_of(patients).items()}
    return Results(named, worst, newest), complete


@blueprint.get("/patients/<int:patient_id>")
@only(SiteRole.DOCTOR)
def patient(patient_id: int) -> ResponseReturnValue:
    running, page = site(), page_number()
    profile = running.record_store.patient_of(member().id, patient_id)
    found = running.timelines.page(member(), patient_id, page)
    opened = [each.shown for each in found.moments if each.shown is not None]
    states = running.work.states(member().id, [shown.row.id for shown in opened])
    tasks = {shown.row.id: shown.check.model.task for shown in opened if shown.check is not None}
    return render_template(
        "doctor/patient.html",
        patient=profile,
        found=found,
        states=states,
        tasks=tasks,
        page=page,
        now=running.services.clock(),
    )


def _midnight(running: Site) -> int:
    now = datetime.fromtimestamp(running.services.clock(), zone())
    return int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
