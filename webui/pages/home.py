"""The home page: a patient's next step, or what this site is and which model it uses."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from fl.protocol.errors import HemaledgerError, TamperedError, UnavailableError
from webui.http.error_pages import ALARM, ErrorPage, page_of
from webui.http.languages import zone
from webui.http.sessions import visitor
from webui.ports.federation import ReportedModel
from webui.presentation import witness_wording
from webui.presentation.numbers_and_dates import when
from webui.presentation.open_wording import open_step
from webui.presentation.result_wording import step_after
from webui.presentation.review_wording import step_of_review
from webui.presentation.risk_wording import step_after_risk
from webui.presentation.wording import Saying
from webui.site import site
from webui.store.accounts import SignedInUser
from webui.store.models import Appointment, BookingState, SiteRole
from webui.usecases.open_results import OpenResult, Standing
from webui.usecases.patient_records import Shown
from webui.usecases.review_format import Review

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Show the home page, also without a model."""
    known, user = _known(), visitor()
    if user is None or user.role is not SiteRole.PATIENT:
        return render_template("home.html", **known)
    booking = _next_appointment(user)
    newest = site().record_store.latest_of([user.id]).get(user.id)
    standing = site().open_results.of_patient(user, newest.id if newest is not None else None)
    steps = _steps(user, standing, booked=booking is not None)
    shown = {"standing": standing, "booking": booking, "steps": steps, "last_advice": _advice(standing.newest, steps)}
    return render_template("results/home_patient.html", **known, **shown)


@blueprint.get("/model")
def model() -> ResponseReturnValue:
    """Show the facts about the model in use now."""
    return render_template("results/model.html", **_known())


def _known() -> dict[str, object]:
    """Return the current model with its report, or the trouble with it."""
    reported = _reported()
    if isinstance(reported, ErrorPage):
        return {"model": None, "trouble": reported}
    return {"model": reported.model, "report": reported.report, "trouble": None, "cosigned": _cosigned()}


def _cosigned() -> str:
    """Return who cosigned the ledger's newest checkpoint, as a sentence; empty if this is not known."""
    log = site().services.log
    try:
        return witness_wording.cosigned(log.now()) if log is not None else ""
    except UnavailableError:
        return ""


@dataclass(frozen=True)
class Step:
    """What to do next, about a record or about none."""

    saying: Saying
    shown: Shown | None = None
    review: Review | None = None
    reviewed: bool = False


def _steps(user: SignedInUser, standing: Standing, *, booked: bool) -> list[Step]:
    """Return what to do, the first thing first: about what is open, or else about the newest record."""
    steps = [
        Step(_open_step(each, standing.newest, booked=booked), each.shown, each.review, each.reviewed)
        for each in standing.results
    ]
    return steps or [_after_newest(user, standing.newest, booked=booked)]


def _advice(newest: Shown | None, steps: list[Step]) -> Saying | None:
    """Return what to do after the newest record's review, if one of the steps has it."""
    about = [each.review for each in steps if newest is not None and each.shown is not None and each.review is not None]
    return step_of_review([each for each in about if newest is not None and each.about == newest.row.record_id])


def _open_step(result: OpenResult, newest: Shown | None, *, booked: bool) -> Saying:
    if not result.reviewed and newest is not None and result.shown.row.id == newest.row.id:
        return _after(newest, booked=booked)
    return open_step(result, when(result.shown.row.created_at, zone()), booked=booked)


def _after_newest(user: SignedInUser, newest: Shown | None, *, booked: bool) -> Step:
    """Return what to do where nothing is open: after the newest record and its review, which was read."""
    review = site().patient_records.newest_review(user, newest.row) if newest is not None else None
    advice = step_of_review([review] if review is not None else [])
    if advice is not None:
        return Step(advice, newest, review, reviewed=True)
    return Step(_after(newest, booked=booked), newest)


def _after(newest: Shown | None, *, booked: bool) -> Saying:
    if newest is not None and newest.risk is not None:
        return step_after_risk(newest.risk, booked=booked)
    return step_after(newest.check if newest is not None else None, booked=booked)


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
