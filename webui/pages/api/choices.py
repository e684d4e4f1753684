"""The API of what a patient decides about records: the receipt of a check, erasing it, and the choice of consent.

Invariant: the rules are those of the pages; what cannot be taken back needs a scope of its own or a confirmation.
"""

from __future__ import annotations

from flask import Response
from flask.typing import ResponseReturnValue

from fl.crypto.capsule import Readers
from fl.protocol.codec import Fields, JsonValue
from fl.protocol.names import Purpose
from webui.errors import NotFound
from webui.http.bearer import body, caller
from webui.pages.api.operations import Operation, answer, serves
from webui.ports.api_errors import FieldRefused
from webui.ports.consent import Choice
from webui.presentation.api_views import Json, check_json, ref
from webui.presentation.care_views import PURPOSES, WHO, consent_json
from webui.site import site
from webui.store.models import SiteRole
from webui.store.openings import How
from webui.store.tokens import Scope
from webui.usecases.sealing import choice_of

PATIENT, READERS = (SiteRole.PATIENT,), (SiteRole.PATIENT, SiteRole.DOCTOR)


@serves(
    Operation(
        "GET",
        "/checks/<int:check_id>/receipt",
        "receipt",
        "The receipt of a check: what was answered, by which model, and where the ledger says so.",
        "Receipt",
        READERS,
        Scope.CHECKS_READ,
    )
)
def receipt(check_id: int) -> ResponseReturnValue:
    """Send the receipt; a doctor's look is noted, as on the page."""
    running, reader = site(), caller()
    row = running.record_store.visible(reader, check_id)
    shown = running.patient_records.show(reader, row, How.PROOF)
    answered = shown.check or shown.risk
    if answered is None:
        raise NotFound
    return Response(running.receipts.of(row, answered).to_bytes(), mimetype="application/json")


@serves(
    Operation(
        "POST",
        "/checks/<int:check_id>/erase",
        "erase",
        "Erase a check with all its notes for good.",
        "Check",
        PATIENT,
        Scope.CHECKS_ERASE,
    )
)
def erase(check_id: int) -> ResponseReturnValue:
    running, patient = site(), caller()
    row = running.record_store.visible(patient, check_id)
    running.record_store.erase(row.id, patient.id)
    shown = running.patient_records.show(patient, running.record_store.visible(patient, check_id))
    reviewed = bool(running.worklist.reviews(patient, [shown.row]))
    return answer(check_json(shown, None, reviewed=reviewed))


@serves(
    Operation(
        "GET",
        "/consent",
        "consent",
        "Who can open your records, and what others may ask for.",
        "Consent",
        PATIENT,
        Scope.CONSENT_READ,
    )
)
def consent() -> ResponseReturnValue:
    return answer(_consent())


@serves(
    Operation(
        "POST",
        "/consent",
        "choose",
        "Choose who can open your records, and what others may ask for.",
        "Consent",
        PATIENT,
        Scope.CONSENT_WRITE,
        body={"application/json": ref("NewConsent")},
    )
)
def choose() -> ResponseReturnValue:
    running, patient = site(), caller()
    sent = body("readers", "purposes", "sure")
    choice = _choice(sent)
    closing = running.record_store.openable(patient.id) if choice.readers == Readers.TRUSTEES else 0
    if closing and not ("sure" in sent.value and sent.truth("sure")):
        raise FieldRefused("sure", f"the hospital could no longer open {closing} records; send true if you want that")
    running.patient_records.choose(patient.id, choice)
    running.wake.set()
    return answer(_consent())


def _consent() -> Json:
    running, patient = site(), caller()
    chosen = choice_of(running.record_store.patient(patient.id))
    change = running.patient_records.change_of(patient.id)
    return consent_json(chosen, changing=change is not None and not change.done)


def _choice(sent: Fields) -> Choice:
    readers, purposes = WHO.get(sent.text("readers")), sent.value.get("purposes")
    if readers is None:
        raise FieldRefused("readers", f"it must be {' or '.join(WHO)}")
    if not isinstance(purposes, list):
        raise FieldRefused("purposes", "it must be a list")
    return Choice(readers, frozenset(_purpose(each) for each in purposes))


def _purpose(given: JsonValue) -> Purpose:
    found = PURPOSES.get(given) if isinstance(given, str) else None
    if found is None:
        raise FieldRefused("purposes", f"each must be one of {', '.join(PURPOSES)}")
    return found
