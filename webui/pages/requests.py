"""Requests to the quorum: a patient sees who asked and who opened, a doctor asks, both read what a quorum opened."""

from __future__ import annotations

from base64 import b64encode

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from fl.protocol.names import Purpose
from webui.disclosure_services import RequestFacts, RequestState
from webui.forms import AskForm, FindForm, PressForm
from webui.login import member, only
from webui.patient_records import Shown
from webui.security import page_number
from webui.site import site
from webui.store.models import Disclosure, SiteRole, StoredRecord
from webui.store.openings import PAGE_ROWS
from webui.store.refusals import NotFound
from webui.store.throttle import Meter

blueprint = Blueprint("requests", __name__, url_prefix="/requests")


@blueprint.get("/about-me")
@only(SiteRole.PATIENT)
def about_me() -> ResponseReturnValue:
    """List who asked for the patient's records."""
    here, patient_id = site().disclosing, member().id
    return render_template(
        "requests/about_me.html", requests=here.about(patient_id), others=here.past_this_site(patient_id)
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
        found = list(here.disclosing.find(form.text.data))
    return _overview(form, found)


@blueprint.post("/ask")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def ask() -> ResponseReturnValue:
    """Ask the quorum for one record."""
    form, here = AskForm(), site()
    if not form.validate_on_submit():
        raise NotFound
    here.throttle.take(Meter("ask for records", str(member().id), here.config.limits.requests))
    asked = here.disclosing.ask(member(), form.number.data, Purpose(form.purpose.data))
    flash("The trustees are asked. Your request is on the ledger.", "good")
    return redirect(url_for("requests.one", row_id=asked.row.id))


@blueprint.get("/<int:row_id>")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def one(row_id: int) -> ResponseReturnValue:
    """Show one own request, and the record once it was opened."""
    asked = site().disclosing.one(member(), row_id)
    opened = asked.readable and asked.facts is not None and asked.facts.state == RequestState.FULFILLED
    shown, wrong = site().disclosing.open(asked) if opened else (None, ())
    return render_template("requests/one.html", asked=asked, shown=shown, wrong=wrong, picture=_picture(shown))


@blueprint.post("/<int:row_id>/open")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def open_record(row_id: int) -> ResponseReturnValue:
    """Combine the trustees' answers and record that the record was opened."""
    if not PressForm().validate_on_submit():
        raise NotFound
    site().disclosing.open(site().disclosing.one(member(), row_id))
    return redirect(url_for("requests.one", row_id=row_id))


def _overview(form: FindForm, found: list[StoredRecord] | None) -> ResponseReturnValue:
    here, trustee = site(), site().requests.trustee_of(member().id)
    waiting = here.services.disclosures.waiting_for(trustee) if trustee else []
    asked = here.requests.asked_as([facts.number for facts in waiting])
    own = {number for number, row in asked.items() if row.asker_id == member().id}
    return render_template(
        "requests/mine.html",
        form=form,
        found=found,
        requests=here.disclosing.of(member()),
        trustee=trustee,
        waiting=[(facts, who_asks(facts, asked)) for facts in waiting if facts.number not in own],
    ), 400 if form.errors else 200


def who_asks(facts: RequestFacts, here: dict[int, Disclosure]) -> str:
    """Return who asks: the hospital as the ledger names it, and the person, when it was asked on this site."""
    row = here.get(facts.number) if facts.own else None
    return f"{row.asker.name}, for {facts.requester}" if row is not None else facts.requester


def _picture(shown: Shown | None) -> str:
    """Return the picture of an opened check as a data URI, so that it need not be opened twice."""
    if shown is None or shown.check is None:
        return ""
    return "data:image/png;base64," + b64encode(shown.check.image_png).decode()
