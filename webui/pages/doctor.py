"""A doctor's pages: the appointments, and the checks of patients who hold one."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webui.http.headers import page_number
from webui.http.sessions import member, only
from webui.presentation.wording import on_day
from webui.site import Site, site
from webui.store.models import SiteRole
from webui.store.openings import How
from webui.store.records import PAGE_ROWS

blueprint = Blueprint("doctor", __name__, url_prefix="/doctor")


@blueprint.get("/")
@only(SiteRole.DOCTOR)
def agenda() -> ResponseReturnValue:
    """List today's and later appointments by day, with each patient's newest check."""
    here = site()
    bookings = here.appointments.of_doctor(member().id, _midnight(here))
    days = [(day, list(rows)) for day, rows in groupby(bookings, lambda row: on_day(row.starts_at, here.config.tz))]
    rows = here.record_store.latest_of(booking.patient_id for booking in bookings)
    shown = here.patient_records.show_all(member(), list(rows.values()), How.LIST)
    latest, listed = {each.row.patient_id: each for each in shown}, {booking.patient_id for booking in bookings}
    others = [
        (person, until) for person, until in here.care.patients_of(member().id) if person.account_id not in listed
    ]
    return render_template("doctor/agenda.html", days=days, latest=latest, others=others, now=here.services.clock())


@blueprint.get("/patients/<int:patient_id>")
@only(SiteRole.DOCTOR)
def patient(patient_id: int) -> ResponseReturnValue:
    here, page = site(), page_number()
    found = here.record_store.patient_of(member().id, patient_id)
    rows = here.record_store.of_patient(patient_id, page)
    older = page + 1 if len(rows) == PAGE_ROWS else None
    checks = here.patient_records.show_all(member(), rows, How.LIST)
    return render_template("doctor/patient.html", patient=found, checks=checks, page=page, older=older)


def _midnight(here: Site) -> int:
    now = datetime.fromtimestamp(here.services.clock(), here.config.tz)
    return int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
