"""The API of appointments: doctors, free slots, book, move, cancel."""

from __future__ import annotations

from datetime import datetime

from flask.typing import ResponseReturnValue

from webui.errors import NotFound
from webui.http.bearer import PAGE_ROWS, body, caller, page_asked
from webui.http.headers import MAX_INTEGER
from webui.pages.api.operations import PAGE, Operation, answer, serves
from webui.ports.api_errors import FieldRefused
from webui.presentation.api_views import Json, appointment_json, doctor_json, listed, ref, slot_json
from webui.site import site
from webui.store.models import Appointment, SiteRole
from webui.store.tokens import Scope

PATIENT, BOOKERS = (SiteRole.PATIENT,), (SiteRole.PATIENT, SiteRole.DOCTOR)
READ, WRITE = Scope.APPOINTMENTS_READ, Scope.APPOINTMENTS_WRITE
SLOT_ROWS = 200


@serves(Operation("GET", "/doctors", "doctors", "The doctors, by name.", "Doctors", PATIENT, READ, query=(PAGE,)))
def doctors() -> ResponseReturnValue:
    return answer(paged("doctors", [doctor_json(each.profile) for each in site().appointments.doctors()], PAGE_ROWS))


@serves(
    Operation(
        "GET",
        "/doctors/<int:doctor_id>/slots",
        "slots",
        "The free slots of a doctor that you can book.",
        "Slots",
        PATIENT,
        READ,
        query=(PAGE,),
    )
)
def slots(doctor_id: int) -> ResponseReturnValue:
    free = site().appointments.free_for(caller().id, doctor_id)
    return answer(paged("slots", [slot_json(each) for each in free], SLOT_ROWS))


@serves(
    Operation(
        "GET",
        "/appointments",
        "appointments",
        "Your appointments, the latest first.",
        "Appointments",
        BOOKERS,
        READ,
        query=(PAGE,),
    )
)
def appointments() -> ResponseReturnValue:
    return answer(paged("appointments", [appointment_json(each) for each in own()], PAGE_ROWS))


@serves(
    Operation(
        "POST",
        "/appointments",
        "book",
        "Book a free slot.",
        "Appointment",
        PATIENT,
        WRITE,
        201,
        body={"application/json": ref("NewAppointment")},
    )
)
def book() -> ResponseReturnValue:
    sent = body("doctor", "starts_at")
    doctor = sent.integer("doctor")
    if not 0 <= doctor <= MAX_INTEGER:
        raise NotFound
    booked = site().appointments.book(caller().id, doctor, seconds(sent.text("starts_at"), "starts_at"))
    return answer(appointment_json(one_of(booked)), 201)


@serves(
    Operation(
        "GET", "/appointments/<int:appointment_id>", "one_appointment", "One appointment.", "Appointment", BOOKERS, READ
    )
)
def one_appointment(appointment_id: int) -> ResponseReturnValue:
    return answer(appointment_json(one_of(appointment_id)))


@serves(
    Operation(
        "POST",
        "/appointments/<int:appointment_id>/cancel",
        "cancel",
        "Cancel an appointment.",
        "Appointment",
        PATIENT,
        WRITE,
    )
)
def cancel(appointment_id: int) -> ResponseReturnValue:
    site().appointments.cancel(caller().id, appointment_id)
    return answer(appointment_json(one_of(appointment_id)))


@serves(
    Operation(
        "POST",
        "/appointments/<int:appointment_id>/move",
        "move",
        "Move an appointment to another free slot of the same doctor. If it is taken, the appointment stays.",
        "Appointment",
        PATIENT,
        WRITE,
        body={"application/json": ref("NewTime")},
    )
)
def move(appointment_id: int) -> ResponseReturnValue:
    site().appointments.cancellable(caller().id, appointment_id)
    starts_at = seconds(body("starts_at").text("starts_at"), "starts_at")
    site().appointments.move(caller().id, appointment_id, starts_at)
    return answer(appointment_json(one_of(appointment_id)))


def own() -> list[Appointment]:
    """Return the caller's appointments: all of a patient, of a doctor those in force."""
    book, user = site().appointments, caller()
    return list(book.of_patient(user.id) if user.role is SiteRole.PATIENT else book.of_doctor(user.id, 0)[::-1])


def one_of(appointment_id: int) -> Appointment:
    """Return one of the caller's appointments, or raise NotFound."""
    for each in own():
        if each.id == appointment_id:
            return each
    raise NotFound


def paged(name: str, items: list[Json], rows: int) -> Json:
    page = page_asked()
    return listed(name, items[page * rows :][:rows], page, more=len(items) > (page + 1) * rows)


def seconds(text: str, field: str) -> int:
    """Return a time as seconds since 1970.

    Raises:
        FieldRefused: it is not RFC 3339 with a zone, or a database cannot hold it.
    """
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise FieldRefused(field, "the time needs a zone, like 2026-11-23T12:00:00Z")
        return int(moment.timestamp())
    except (ValueError, OverflowError) as error:
        raise FieldRefused(field, "write the time like 2026-11-23T12:00:00Z") from error
