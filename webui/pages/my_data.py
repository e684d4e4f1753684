"""All data of a patient, to take along."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, render_template, stream_with_context
from flask.typing import ResponseReturnValue

from webui.errors import NotFound
from webui.http.sessions import member, only
from webui.presentation.forms import PressForm
from webui.presentation.log_wording import log_line
from webui.site import site
from webui.store.models import SiteRole
from webui.store.throttle import Meter
from webui.usecases.own_data import OwnData

blueprint = Blueprint("my_data", __name__, url_prefix="/my-data")


@blueprint.get("/")
@only(SiteRole.PATIENT)
def page() -> ResponseReturnValue:
    """Say what the file has, and offer it."""
    return render_template("results/my_data.html")


@blueprint.post("/export.zip")
@only(SiteRole.PATIENT)
def export() -> ResponseReturnValue:
    """Send everything as one ZIP file, made while it is sent."""
    if not PressForm().validate_on_submit():
        raise NotFound
    running, who = site(), member()
    running.throttle.take(Meter("export", str(who.id), running.config.limits.exports))
    place = running.doors.exports.enter()
    place.__enter__()
    own = OwnData(
        database=running.database,
        store=running.record_store,
        records=running.patient_records,
        requests=running.record_requests,
        appointments=running.appointments,
        openings=running.openings,
        receipts=running.receipts,
        waiting=running.book.waiting,
        objections=running.withdrawals.objections,
        in_use=running.models_in_use,
        log=running.access_log,
        accesses=running.accesses,
        line_proofs=running.line_proofs,
        said=log_line,
    )
    parts = own.export(who, running.config.hospital_name)
    today = datetime.fromtimestamp(running.services.clock(), UTC).date()
    response = Response(stream_with_context(parts), mimetype="application/zip")
    response.headers["Content-Disposition"] = f"attachment; filename=my-data-{today.isoformat()}.zip"
    response.call_on_close(lambda: place.__exit__(None, None, None))
    return response
