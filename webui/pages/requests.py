"""Requests to the quorum: a patient sees who asked and who opened, a doctor asks, both read what a quorum opened."""

from __future__ import annotations

from base64 import b64encode

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from fl.protocol.names import Purpose
from webui.errors import NotFound
from webui.http.headers import page_number
from webui.http.sessions import member, only
from webui.ports.decryption_requests import RequestFacts, RequestState
from webui.presentation.forms import AskForm, FindForm, PressForm
from webui.site import site
from webui.store.models import RequestRow, SiteRole, StoredRecord
from webui.store.openings import PAGE_ROWS
from webui.store.throttle import Meter
from webui.usecases.patient_records import Shown

blueprint = Blueprint("requests", __name__, url_prefix="/requests")


@blueprint.get("/about-me")
@only(SiteRole.PATIENT)
def about_me() -> ResponseReturnValue:
    """List who asked for the patient's records."""
    requests, patient_id = site().record_requests, member().id
    return render_template(
        "requests/about_me.html", requests=requests.about(patient_id), others=requests.past_this_site(patient_id)
    )


@blueprint.get("/who-sees")
@only(SiteRole.PATIENT)
def who_sees() -> ResponseReturnValue:
    """List who can see the patient's records until when, and every opening."""
    here, page = site(), page_number()
    openings = here.openings.of_patient(member().id, page)
    older = page + 1 if len(openings) == PAGE_ROWS else None
    doctors = here.care.doctors_of(member().id)
    return render_template("requests/who_sees.html", doctors=doctors, openings=openings, page=page, older=older)


@blueprint.get("/")
@only(SiteRole.DOCTOR)
def mine() -> ResponseReturnValue:
    """List what this doctor asked for, and what waits for this doctor's answer."""
    return _overview(FindForm(), None)


@blueprint.post("/find")
@only(SiteRole.DOCTOR)
def find() -> ResponseReturnValue:
    """Look up records by an exact address or number."""
    form, found = FindForm(), None
    if form.validate_on_submit():
        here = site()
        here.throttle.take(Meter("find records", str(member().id), here.config.limits.searches))
        found = list(here.record_requests.find(form.text.data))
    return _overview(form, found)


@blueprint.post("/ask")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def ask() -> ResponseReturnValue:
    """Ask the quorum for one record."""
    form, here = AskForm(), site()
    if not form.validate_on_submit():
        raise NotFound
    here.throttle.take(Meter("ask for records", str(member().id), here.config.limits.requests))
    view = here.record_requests.ask(member(), form.number.data, Purpose(form.purpose.data))
    flash("The trustees are asked. Your request is on the ledger.", "good")
    return redirect(url_for("requests.one", row_id=view.row.id))


@blueprint.get("/<int:row_id>")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def one(row_id: int) -> ResponseReturnValue:
    """Show one own request, and the record once it was opened."""
    view = site().record_requests.one(member(), row_id)
    opened = view.readable and view.facts is not None and view.facts.state == RequestState.FULFILLED
    shown, wrong = site().record_requests.open(view) if opened else (None, ())
    return render_template("requests/one.html", view=view, shown=shown, wrong=wrong, picture=_picture(shown))


@blueprint.post("/<int:row_id>/open")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def open_record(row_id: int) -> ResponseReturnValue:
    """Combine the trustees' answers and record that the record was opened."""
    if not PressForm().validate_on_submit():
        raise NotFound
    requests = site().record_requests
    requests.open(requests.one(member(), row_id))
    return redirect(url_for("requests.one", row_id=row_id))


def _overview(form: FindForm, found: list[StoredRecord] | None) -> ResponseReturnValue:
    here, trustee = site(), site().request_store.trustee_of(member().id)
    waiting = here.services.requests.waiting_for(trustee) if trustee else []
    made_here = here.request_store.by_numbers([facts.number for facts in waiting])
    own = {number for number, row in made_here.items() if row.asker_id == member().id}
    return render_template(
        "requests/mine.html",
        form=form,
        found=found,
        requests=here.record_requests.of(member()),
        trustee=trustee,
        waiting=[(facts, who_asks(facts, made_here)) for facts in waiting if facts.number not in own],
    ), 400 if form.errors else 200


def who_asks(facts: RequestFacts, made_here: dict[int, RequestRow]) -> str:
    """Return who asks: the hospital as the ledger names it, and the person, when it was asked on this site."""
    row = made_here.get(facts.number) if facts.own else None
    return f"{row.asker.name}, for {facts.requester}" if row is not None else facts.requester


def _picture(shown: Shown | None) -> str:
    """Return the picture of an opened check as a data URI, so that it need not be opened twice."""
    if shown is None or shown.check is None:
        return ""
    return "data:image/png;base64," + b64encode(shown.check.image_png).decode()
