"""Requests to the quorum: patients see who asked and who opened; patients and doctors ask, and read opened records."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from fl.protocol.names import Purpose
from webui.errors import NotFound
from webui.http.headers import page_number
from webui.http.languages import zone
from webui.http.page_lookups import hospital_called
from webui.http.sessions import member, only
from webui.ports.decryption_requests import RequestFacts, RequestState
from webui.presentation.doctor_forms import AskReasonForm
from webui.presentation.forms import AskForm, FindForm, PressForm
from webui.site import site
from webui.store.models import RequestRow, SiteRole, StoredRecord
from webui.store.slots import local_day
from webui.store.throttle import Meter
from webui.usecases.opening_days import by_day
from webui.usecases.patient_records import Shown
from webui.usecases.reasons import Why

GROUPED_ROWS = 300
"""Openings of one page, before those of one reader, record and day are one line."""

blueprint = Blueprint("requests", __name__, url_prefix="/requests")


@blueprint.get("/about-me")
@only(SiteRole.PATIENT)
def about_me() -> ResponseReturnValue:
    """List who asked for the patient's records."""
    requests, patient_id = site().record_requests, member().id
    return render_template(
        "requests/about_me.html",
        requests=(made := requests.about(patient_id)),
        whys=site().reasons.of([view.row for view in made]),
        others=requests.past_this_site(patient_id),
    )


@blueprint.get("/who-sees")
@only(SiteRole.PATIENT)
def who_sees() -> ResponseReturnValue:
    """List who can see the patient's records, until when, and every opening."""
    running, page = site(), page_number()
    openings = running.openings.of_patient(member().id, page, GROUPED_ROWS)
    older = page + 1 if len(openings) == GROUPED_ROWS else None
    reviews = running.openings.reviews_among({each.record_row for each in openings})
    lines = by_day(openings, reviews, lambda moment: local_day(moment, zone()))
    doctors = running.care.doctors_of(member().id)
    return render_template("requests/who_sees.html", doctors=doctors, lines=lines, page=page, older=older)


@blueprint.get("/")
@only(SiteRole.DOCTOR)
def mine() -> ResponseReturnValue:
    """List this doctor's requests, and the requests that this doctor can answer."""
    return _overview(FindForm(), None)


@blueprint.post("/find")
@only(SiteRole.DOCTOR)
def find() -> ResponseReturnValue:
    """Look up records by an exact address or number."""
    form, records = FindForm(), None
    if form.validate_on_submit():
        running = site()
        running.throttle.take(Meter("find records", str(member().id), running.config.limits.searches))
        records = list(running.record_requests.find(form.text.data))
    return _overview(form, records)


@blueprint.post("/ask")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def ask() -> ResponseReturnValue:
    """Ask the quorum for one record."""
    doctor, running = member().role is SiteRole.DOCTOR, site()
    form = AskReasonForm() if doctor else AskForm()
    if not form.validate_on_submit():
        if not doctor or form.number.errors or form.purpose.errors:
            raise NotFound
        return render_template("requests/ask.html", form=form), 400
    running.throttle.take(Meter("ask for records", str(member().id), running.config.limits.requests))
    why = form.why if isinstance(form, AskReasonForm) else None
    view = running.record_requests.ask(member(), form.number.data, Purpose(form.purpose.data), why)
    running.wake.set()  # the upkeep tells the trustees
    flash(gettext("Your request is on the ledger, and the trustees can answer it."), "good")
    return redirect(url_for("requests.one", row_id=view.row.id))


@blueprint.get("/<int:row_id>")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def one(row_id: int) -> ResponseReturnValue:
    """Show one of the visitor's requests, and its record if the visitor has opened it."""
    view = site().record_requests.one(member(), row_id)
    opened = view.readable and view.facts is not None and view.facts.state == RequestState.FULFILLED
    shown, wrong = site().record_requests.open(view) if opened else (None, ())
    why = site().reasons.of([view.row]).get(view.row.id)
    return render_template("requests/one.html", view=view, shown=shown, wrong=wrong, picture=_picture(shown), why=why)


@blueprint.post("/<int:row_id>/open")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def open_record(row_id: int) -> ResponseReturnValue:
    """Combine the trustees' answers, and write to the ledger that the record was opened."""
    if not PressForm().validate_on_submit():
        raise NotFound
    requests = site().record_requests
    requests.open(requests.one(member(), row_id))
    return redirect(url_for("requests.one", row_id=row_id))


def _overview(form: FindForm, records: list[StoredRecord] | None) -> ResponseReturnValue:
    running, trustee = site(), site().request_store.trustee_of(member().id)
    waiting = running.request_notices.waiting_for(member().id) if trustee else []
    made_here = running.request_store.by_numbers([facts.number for facts in waiting])
    whys = running.reasons.of(list(made_here.values()))
    return render_template(
        "requests/mine.html",
        form=form,
        records=records,
        requests=running.record_requests.of(member()),
        trustee=trustee,
        share=running.shares.of(member().id, trustee),
        waiting=[asked(facts, made_here, whys) for facts in waiting],
    ), 400 if form.errors else 200


def who_asks(facts: RequestFacts, made_here: Mapping[int, RequestRow]) -> str:
    """Return the hospital that asks, and the person if the request was made on this site."""
    row = made_here.get(facts.number) if facts.own else None
    if row is None:
        return hospital_called(facts.requester)
    return str(
        gettext("%(person)s, for %(hospital)s", person=row.asker.name, hospital=hospital_called(facts.requester))
    )


@dataclass(frozen=True)
class Asked:
    """What a trustee reads about a request, and no more."""

    facts: RequestFacts
    who: str
    record: StoredRecord | None
    """What it is about; None if the request was not made on this site."""
    why: Why | None

    @property
    def patient(self) -> str:
        """Return the patient's name; empty if this site does not know it."""
        return self.record.patient.account.name if self.record is not None else ""


def asked(facts: RequestFacts, made_here: Mapping[int, RequestRow], whys: Mapping[int, Why]) -> Asked:
    """Return what a trustee reads about a request; `whys` are by the rows of `made_here`."""
    row = made_here.get(facts.number) if facts.own else None
    who = who_asks(facts, made_here)
    return Asked(facts, who, None, None) if row is None else Asked(facts, who, row.record, whys.get(row.id))


def _picture(shown: Shown | None) -> str:
    """Return the picture of an opened check as a data URI, so that the quorum's answer is combined only once."""
    if shown is None or shown.check is None:
        return ""
    return "data:image/png;base64," + b64encode(shown.check.image_png).decode()
