"""FHIR: patients, schedules, slots, appointments."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from webui.errors import NotFound
from webui.http.bearer import by_token, caller
from webui.http.idempotency import once_by_key
from webui.pages.api.appointments import one_of, own
from webui.pages.fhir.routes import READERS, blueprint, patient_asked
from webui.pages.fhir.searching import (
    base,
    found_on_page,
    number,
    page_of_search,
    patients_of,
    reference,
    send,
    sent_appointment,
    span,
    wanted_slot,
)
from webui.ports.api_errors import FieldRefused
from webui.presentation.fhir_views import Resource, appointment, free_slot, patient, schedule
from webui.site import site
from webui.store.models import SiteRole
from webui.store.slots import Slot
from webui.store.tokens import Scope

READ, WRITE = Scope.APPOINTMENTS_READ, Scope.APPOINTMENTS_WRITE
ROWS = 50


@blueprint.get("/Patient")
@by_token(*READERS, scope=READ)
def patients() -> ResponseReturnValue:
    """Find the caller, or the patients in the doctor's care."""
    page, asked = page_of_search("_id"), request.args.get("_id")
    if caller().role is SiteRole.PATIENT:
        ids = [caller().id]
    else:
        ids = [profile.account_id for profile, _ in site().care.patients_of(caller().id)]
    wanted = [each for each in ids if asked in {None, str(each)}]
    return _page([patient(site().record_store.patient(each)) for each in wanted[page * ROWS :][: ROWS + 1]], page)


@blueprint.get("/Patient/<int:patient_id>")
@by_token(*READERS, scope=READ)
def one_patient(patient_id: int) -> ResponseReturnValue:
    return send(patient(site().record_store.patient(patient_asked(patient_id))))


@blueprint.get("/Schedule")
@by_token(SiteRole.PATIENT, scope=READ)
def schedules() -> ResponseReturnValue:
    page = page_of_search()
    return _page([schedule(each.profile) for each in site().appointments.doctors()[page * ROWS :][: ROWS + 1]], page)


@blueprint.get("/Schedule/<int:doctor_id>")
@by_token(SiteRole.PATIENT, scope=READ)
def one_schedule(doctor_id: int) -> ResponseReturnValue:
    return send(schedule(site().appointments.doctor(doctor_id).profile))


@blueprint.get("/Slot")
@by_token(SiteRole.PATIENT, scope=READ)
def slots() -> ResponseReturnValue:
    """Find the slots of one schedule that the caller can book."""
    page, doctor_id, wanted = page_of_search("schedule", "start"), reference("schedule", "Schedule"), span("start")
    if doctor_id is None:
        raise FieldRefused("schedule", "say whose slots you want, like Schedule/3")
    free = [each for each in site().appointments.free_for(caller().id, doctor_id) if wanted.has(each.starts_at)]
    return _page([free_slot(doctor_id, each) for each in free[page * ROWS :][: ROWS + 1]], page)


@blueprint.get("/Slot/<slot_name>")
@by_token(SiteRole.PATIENT, scope=READ)
def one_slot(slot_name: str) -> ResponseReturnValue:
    doctor, _, start = slot_name.partition("-")
    doctor_id, starts_at = number(doctor), number(start)
    for each in site().appointments.free_for(caller().id, doctor_id):
        if each.starts_at == starts_at:
            return send(free_slot(doctor_id, Slot(each.starts_at, each.ends_at)))
    raise NotFound


@blueprint.get("/Appointment")
@by_token(*READERS, scope=READ)
def appointments() -> ResponseReturnValue:
    page, wanted, asked = page_of_search("patient", "date"), span("date"), reference("patient", "Patient")
    mine = [each for each in own() if asked in {None, each.patient_id} and wanted.has(each.starts_at)]
    return _page([appointment(each) for each in mine[page * ROWS :][: ROWS + 1]], page)


@blueprint.get("/Appointment/<int:appointment_id>")
@by_token(*READERS, scope=READ)
def one_appointment(appointment_id: int) -> ResponseReturnValue:
    return send(appointment(one_of(appointment_id)))


@blueprint.post("/Appointment")
@by_token(SiteRole.PATIENT, scope=WRITE)
@once_by_key
def book() -> ResponseReturnValue:
    """Book the Slot that the sent Appointment names, for the caller."""
    sent = sent_appointment()
    if patients_of(sent) - {f"Patient/{caller().id}"}:
        raise FieldRefused("participant", "you can book only for yourself")
    booked = site().appointments.book(caller().id, *wanted_slot(sent))
    answer = send(appointment(one_of(booked)), 201)
    answer.headers["Location"] = f"{base()}/Appointment/{booked}"
    return answer


@blueprint.put("/Appointment/<int:appointment_id>")
@by_token(SiteRole.PATIENT, scope=WRITE)
def cancel(appointment_id: int) -> ResponseReturnValue:
    """Cancel an Appointment: the only change that it takes."""
    one_of(appointment_id)
    sent = sent_appointment()
    if sent.get("id") != str(appointment_id) or sent["status"] != "cancelled":
        raise FieldRefused("status", "the only change that an Appointment takes is cancelled, with its own id")
    site().appointments.cancel(caller().id, appointment_id)
    return send(appointment(one_of(appointment_id)))


def _page(resources: list[Resource], page: int) -> ResponseReturnValue:
    """Return a page; a resource more than `ROWS` means that there is another page."""
    return found_on_page(resources[:ROWS], page, more=len(resources) > ROWS)
