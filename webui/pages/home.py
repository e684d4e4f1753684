"""The home page: a patient's next step, or what this site is and which model it uses."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from fl.protocol.errors import HemaledgerError, TamperedError
from webui.http.error_pages import ALARM, ErrorPage, page_of
from webui.http.sessions import visitor
from webui.ports.federation import ReportedModel
from webui.presentation.result_wording import step_after
from webui.presentation.review_wording import step_of_review
from webui.presentation.risk_wording import step_after_risk
from webui.site import site
from webui.store.accounts import SignedInUser
from webui.store.models import Appointment, BookingState, SiteRole
from webui.usecases.patient_records import Shown

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Show the home page, also without a model."""
    known, user = _known(), visitor()
    if user is None or user.role is not SiteRole.PATIENT:
        return render_template("home.html", **known)
    last, booking = _last_check(user), _next_appointment(user)
    review = site().patient_records.newest_review(user, last.row) if last is not None else None
    advice = step_of_review([review] if review is not None else [])
    if advice is not None:
        step = advice
    elif last is not None and last.risk is not None:
        step = step_after_risk(last.risk, booked=booking is not None)
    else:
        step = step_after(last.check if last is not None else None, booked=booking is not None)
    return render_template("results/home_patient.html", **known, last=last, booking=booking, step=step, advice=advice)


@blueprint.get("/model")
def model() -> ResponseReturnValue:
    """Show the facts about the model in use now."""
    return render_template("results/model.html", **_known())


def _known() -> dict[str, object]:
    """Return the current model with its report, or the trouble with it."""
    reported = _reported()
    if isinstance(reported, ErrorPage):
        return {"model": None, "trouble": reported}
    return {"model": reported.model, "report": reported.report, "trouble": None}


def _last_check(user: SignedInUser) -> Shown | None:
    """Return the newest check of a patient that was not erased."""
    newest = site().record_store.latest_of([user.id]).get(user.id)
    return next(iter(site().patient_records.glance(user, [newest.id] if newest is not None else [])), None)


def _next_appointment(user: SignedInUser) -> Appointment | None:
    now = site().services.clock()
    bookings = site().appointments.of_patient(user.id)
    ahead = [each for each in bookings if each.state == BookingState.BOOKED and each.ends_at > now]
    return min(ahead, key=lambda each: each.starts_at, default=None)


def _reported() -> ReportedModel | ErrorPage:
    try:
        return site().services.predictions.reported()
    except HemaledgerError as error:
        if isinstance(error, TamperedError):
            current_app.logger.critical(ALARM, error.name, error)
        return page_of(error)
