"""FHIR: a check as DiagnosticReport, Observation and Media; each has the number of the check."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import request
from flask.typing import ResponseReturnValue

from webui.errors import NotFound
from webui.http.bearer import by_token, caller
from webui.pages.fhir.routes import READERS, blueprint, patient_asked
from webui.pages.fhir.searching import found_on_page, page_of_search, reference, send, span
from webui.presentation.fhir_views import Resource, Reviewed, media, observation, report
from webui.site import site
from webui.store.records import PAGE_ROWS
from webui.store.tokens import Scope
from webui.usecases.patient_records import Shown

READ = Scope.CHECKS_READ


@blueprint.get("/DiagnosticReport")
@by_token(*READERS, scope=READ)
def reports() -> ResponseReturnValue:
    return _search(report, "date")


@blueprint.get("/DiagnosticReport/<int:check_id>")
@by_token(*READERS, scope=READ)
def one_report(check_id: int) -> ResponseReturnValue:
    shown = _shown(check_id)
    return send(report(shown, _reviewed([shown])[check_id]))


@blueprint.get("/Observation")
@by_token(*READERS, scope=READ)
def observations() -> ResponseReturnValue:
    return _search(observation, "date")


@blueprint.get("/Observation/<int:check_id>")
@by_token(*READERS, scope=READ)
def one_observation(check_id: int) -> ResponseReturnValue:
    shown = _shown(check_id)
    return send(observation(shown, _reviewed([shown])[check_id]))


@blueprint.get("/Media")
@by_token(*READERS, scope=READ)
def pictures() -> ResponseReturnValue:
    return _search(lambda shown, _: _media(shown), "created")


@blueprint.get("/Media/<int:check_id>")
@by_token(*READERS, scope=READ)
def one_picture(check_id: int) -> ResponseReturnValue:
    return send(_media(_shown(check_id)))


def _media(shown: Shown) -> Resource:
    return media(shown, request.host_url)


def _shown(check_id: int) -> Shown:
    """Return one check; an erased one is not there any more, and an answer about a table is none."""
    reader, running = caller(), site()
    shown = running.patient_records.show(reader, running.record_store.visible(reader, check_id))
    if shown.state == "erased" or shown.risk is not None:
        raise NotFound
    return shown


def _reviewed(found: Sequence[Shown]) -> dict[int, Reviewed]:
    """Return for the number of each check what a doctor said about it."""
    reviews = site().worklist.reviews(caller(), [each.row for each in found])
    return {each.row.id: Reviewed(each.row.id in reviews, reviews.get(each.row.id)) for each in found}


def _search(view: Callable[[Shown, Reviewed], Resource], when: str) -> ResponseReturnValue:
    """Return a page of a patient's checks of pictures; a page may have fewer than there are on the next."""
    running, page, wanted = site(), page_of_search("patient", when), span(when)
    rows = running.record_store.of_patient(patient_asked(reference("patient", "Patient")), page)
    fitting = [row for row in rows if row.erased_at is None and wanted.has(row.created_at)]
    opened = running.patient_records.glance(caller(), [row.id for row in fitting])
    found = [each for each in opened if each.risk is None]
    reviewed = _reviewed(found)
    return found_on_page([view(each, reviewed[each.row.id]) for each in found], page, more=len(rows) == PAGE_ROWS)
