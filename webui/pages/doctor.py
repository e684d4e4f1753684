"""A doctor's pages: the appointments, and the checks of patients in the doctor's care."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webui.http.headers import page_number
from webui.http.languages import zone
from webui.http.sessions import member, only
from webui.presentation.numbers_and_dates import on_day
from webui.site import Site, site
from webui.store.models import SiteRole

blueprint = Blueprint("doctor", __name__, url_prefix="/doctor")
PAST_S = 7 * 24 * 3600
"""How long a past appointment stays in the list; the calendar has them all."""
OPENED_CHECKS = 40
"""Of so many patients, from the top of the list, the newest check is opened."""


@blueprint.get("/")
@only(SiteRole.DOCTOR)
def agenda() -> ResponseReturnValue:
    """List today's and later appointments by day, then the last days, with each patient's newest check."""
    running, local = site(), zone()
    today = _midnight(running)
    care = running.care.patients_of(member().id)
    known = {person.account_id for person, _ in care}
    since = running.appointments.of_doctor(member().id, today - PAST_S)
    bookings = [row for row in since if row.ends_at > today or row.patient_id in known]
    days = [(day, list(rows)) for day, rows in groupby(bookings, lambda row: on_day(row.starts_at, local))]
    past = sum(rows[-1].starts_at < today for _, rows in days)
    days = [*days[past:], *reversed(days[:past])]
    listed = dict.fromkeys(booking.patient_id for _, rows in days for booking in rows)
    rows = running.record_store.latest_of(listed)
    first = [rows[patient_id].id for patient_id in listed if patient_id in rows][:OPENED_CHECKS]
    shown = running.patient_records.glance(member(), first)
    latest = {each.row.patient_id: each for each in shown}
    others = [(person, until) for person, until in care if person.account_id not in listed]
    states = running.work.states(member().id, [each.row.id for each in shown])
    return render_template(
        "doctor/agenda.html",
        days=days,
        latest=latest,
        unopened=rows.keys() - latest.keys(),
        others=others,
        past=past,
        states=states,
        now=running.services.clock(),
    )


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
