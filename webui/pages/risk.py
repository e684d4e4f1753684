"""Risks from tables: a form for one patient, a file for many. The answer is a record like a check (pages/checks.py)."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fl.protocol.errors import HemaledgerError, MalformedError, TamperedError
from fl.training.tables.schema import Schema
from webui.errors import NotFound
from webui.http.error_pages import ALARM, ErrorPage, page_of, status_of
from webui.http.error_words import sentence_of
from webui.http.languages import zone
from webui.http.sessions import member, only, visitor
from webui.pages.check_image import read_capped
from webui.ports.tables import TableModel
from webui.presentation.model_wording import looked_again
from webui.presentation.risk_files import answers_csv, example_csv, saved_words
from webui.presentation.risk_forms import RiskFileForm, risk_form
from webui.presentation.wording import Saying
from webui.site import site
from webui.store.models import PatientProfile, SiteRole
from webui.usecases.risk_format import RiskRecord
from webui.usecases.risk_rows import MAX_FILE_BYTES
from webui.usecases.risks import FileAnswers

blueprint = Blueprint("risk", __name__, url_prefix="/risks")
SHOWN_ROWS = 200
"""Of a file's answers on a page; the download has all."""


@blueprint.app_context_processor
def _offered() -> dict[str, object]:
    """Let pages ask whether there is a model of a table for this visitor, and what the ledger says now of an answer."""

    def risks_offered() -> bool:
        user = visitor()
        return user is not None and site().risks.offered_to(user)

    return {"risks_offered": risks_offered, "risk_later": _later}


def _later(record: RiskRecord) -> Saying | None:
    """Return what the ledger says now about a model that could not be checked when it answered."""
    tables = site().services.tables
    if record.model.verification.whole or record.table not in tables.keys():  # noqa: SIM118
        return None
    return looked_again(tables.again(record.table, record.model), zone())


@blueprint.get("/")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def index() -> ResponseReturnValue:
    """List the models of tables, and for a doctor the patients whose risk they can compute."""
    running = site()
    keys = running.services.tables.keys() if running.risks.offered_to(member()) else ()
    models = {key: _model_or_trouble(key) for key in keys}
    patients = running.care.patients_of(member().id) if member().role is SiteRole.DOCTOR else []
    return render_template(
        "risk/index.html", models=models, patients=patients, chosen=request.args.get("patient", 0, int)
    )


def _model_or_trouble(key: str) -> TableModel | ErrorPage:
    try:
        return site().services.tables.model(key)
    except HemaledgerError as error:
        if isinstance(error, TamperedError):
            current_app.logger.critical(ALARM, error.name, error)
        return page_of(error)


@blueprint.get("/start")
@only(SiteRole.DOCTOR)
def start() -> ResponseReturnValue:
    """Go to the form of the chosen model for the chosen patient."""
    key, patient_id = request.args.get("table", ""), request.args.get("patient", 0, int)
    if key not in site().services.tables.keys() or patient_id < 1:  # noqa: SIM118  # a method of the port
        raise NotFound
    return redirect(url_for("risk.of_patient", key=key, patient_id=patient_id))


@blueprint.route("/<key>/mine", methods=["GET", "POST"])
@only(SiteRole.PATIENT)
def mine(key: str) -> ResponseReturnValue:
    """Compute the patient's own risk."""
    return _form_page(key, member().id)


@blueprint.route("/<key>/patients/<int:patient_id>", methods=["GET", "POST"])
@only(SiteRole.DOCTOR)
def of_patient(key: str, patient_id: int) -> ResponseReturnValue:
    """Compute the risk of a patient in the doctor's care."""
    return _form_page(key, patient_id)


def _form_page(key: str, patient_id: int) -> ResponseReturnValue:
    risks = site().risks
    model, patient = risks.model(member(), key), risks.patient(member(), patient_id)
    form = risk_form(model.schema, _age(patient))
    if form.validate_on_submit():
        row = risks.answer(member(), key, patient_id, form.values())
        return redirect(url_for("checks.result", check_id=row))
    status = 400 if form.is_submitted() else 200
    return render_template("risk/form.html", form=form, model=model, patient=patient), status


def _age(patient: PatientProfile) -> int:
    """Return a patient's age in years today, in the hospital's zone."""
    today, born = datetime.fromtimestamp(site().services.clock(), site().config.tz).date(), patient.date_of_birth
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


@blueprint.route("/<key>/file", methods=["GET", "POST"])
@only(SiteRole.DOCTOR)
def file(key: str) -> ResponseReturnValue:
    """Compute the risks of the rows of a file, to be seen or downloaded; they are stored only if the doctor asks."""
    model, form, answers, status = site().risks.model(member(), key), RiskFileForm(), None, 200
    if form.validate_on_submit():
        try:
            data = read_capped(form.file.data, MAX_FILE_BYTES)
            if form.save.data:
                flash(saved_words(site().risks.save_file(member(), key, data)), "good")
                return redirect(url_for("risk.file", key=key))
            answers = site().risks.answer_file(member(), key, data)
        except MalformedError as error:
            form.file.errors, status = [sentence_of(error)], status_of(error)
    elif form.is_submitted():
        status = 400
    if answers is not None and form.download.data:
        return _csv(answers_csv(answers), f"risks-{key}.csv")
    rows = _first_rows(answers)
    return render_template("risk/file.html", form=form, model=model, answers=answers, rows=rows), status


def _first_rows(answers: FileAnswers | None) -> list[object]:
    """Return the rows for the page: those with problems first, because somebody must act on them."""
    if answers is None:
        return []
    ordered = sorted(answers.rows, key=lambda each: (each.chances is not None, each.row.line))
    return list(ordered[:SHOWN_ROWS])


@blueprint.get("/<key>/example.csv")
@only(SiteRole.DOCTOR)
def example(key: str) -> ResponseReturnValue:
    """Send an empty file with the right first line."""
    schema: Schema = site().risks.model(member(), key).schema
    return _csv(example_csv(schema), f"{key}.csv")


def _csv(data: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f"attachment; filename={name}"}
    return Response(data, mimetype="text/csv", headers=headers)
