"""FHIR R4: every resource is valid, and shows what the pages would show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fhir import System, valid
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, Town
from webui.ports.federation import GoneBack
from webui.presentation.fhir_views import RESOURCES
from webui.store.tokens import Scope


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_every_resource_is_valid_read_and_found(town: Town) -> None:
    check, booking = town.add_check(MAYA), town.book(MAYA, INES)
    patient, doctor = town.members[MAYA].id, town.members[INES].id
    for email in (MAYA, INES):
        system = System(town, email)
        for kind, number in (
            ("Patient", patient),
            ("Appointment", booking),
            ("DiagnosticReport", check),
            ("Observation", check),
            ("Media", check),
        ):
            read = valid(system.ask(f"{kind}/{number}"))
            assert read["id"] == str(number)
            asked = f"Patient?_id={number}" if kind == "Patient" else f"{kind}?patient=Patient/{patient}"
            assert system.entries(asked) == [read]
    maya = System(town, MAYA)
    assert next(each["id"] for each in maya.entries("Schedule")) == valid(maya.ask(f"Schedule/{doctor}"))["id"]
    slots = maya.entries(f"Slot?schedule=Schedule/{doctor}")
    assert valid(maya.ask(f"Slot/{slots[0]['id']}")) == slots[0]


def test_the_result_names_class_probability_and_model(town: Town) -> None:
    check = town.add_check(MAYA)
    found = valid(System(town, MAYA).ask(f"Observation/{check}"))
    assert found["status"] == "preliminary"
    assert found["valueCodeableConcept"]["text"]
    assert sum(each["valueQuantity"]["value"] for each in found["component"]) == pytest.approx(1, abs=1e-5)
    assert len(found["device"]["identifier"]["value"]) == 64


def test_what_a_superseded_model_answered_is_marked_and_keeps_its_status(town: Town) -> None:
    check, maya, now = town.add_check(MAYA), System(town, MAYA), town.federation.clock.now
    before = [valid(maya.ask(f"{kind}/{check}")) for kind in ("Observation", "DiagnosticReport")]
    assert all("meta" not in each for each in before)
    round_now = town.federation.final_round
    town.federation.gone_back = GoneBack(frozenset({round_now}), round_now - 1, now - 60, now, "ab" * 32)
    observed, reported = [valid(maya.ask(f"{kind}/{check}")) for kind in ("Observation", "DiagnosticReport")]
    for each, earlier in zip((observed, reported), before, strict=True):
        assert [tag["code"] for tag in each["meta"]["tag"]] == ["superseded"]
        assert each["status"] == earlier["status"] == "preliminary"
    said = "no longer use the model that gave this answer"
    assert said in observed["note"][-1]["text"]
    assert said in reported["conclusion"]


def test_the_statement_names_every_resource_and_no_other(town: Town) -> None:
    statement = valid(town.app.test_client().get("/fhir/metadata"))
    named = {each["type"] for each in statement["rest"][0]["resource"]}
    routes = {rule.rule.split("/")[2] for rule in town.app.url_map.iter_rules() if rule.rule.startswith("/fhir/")}
    assert named == set(RESOURCES) == routes - {"metadata"}
    assert statement["fhirVersion"] == "4.0.1"


def test_another_system_books_a_slot_and_cancels_it(town: Town) -> None:
    maya, doctor, patient = System(town, MAYA), town.members[INES].id, town.members[MAYA].id
    slot = maya.entries(f"Slot?schedule={doctor}")[0]
    wanted = {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": f"Slot/{slot['id']}"}],
        "participant": [{"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}],
    }
    answer = maya.write("POST", "Appointment", wanted)
    booked = valid(answer, 201)
    assert answer.headers["Location"].endswith(f"/fhir/Appointment/{booked['id']}")
    assert (booked["start"], booked["end"]) == (slot["start"], slot["end"])
    others = {**wanted, "participant": [{"status": "accepted"}]}
    assert valid(System(town, OMAR).write("POST", "Appointment", others), 409)["issue"][0]["code"] == "conflict"
    path = f"Appointment/{booked['id']}"
    assert maya.write("PUT", path, {**booked, "status": "arrived"}).status_code == 400
    assert System(town, OMAR).write("PUT", path, {**booked, "status": "cancelled"}).status_code == 404
    assert valid(maya.write("PUT", path, {**booked, "status": "cancelled"}))["status"] == "cancelled"
    assert slot["id"] in {each["id"] for each in maya.entries(f"Slot?schedule={doctor}")}


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"resourceType": "Patient"},
        {"resourceType": "Appointment"},
        {"resourceType": "Appointment", "status": "booked", "participant": [{"status": "accepted"}]},
        {"resourceType": "Appointment", "status": "booked", "participant": "x"},
        {"resourceType": "Appointment", "status": 7, "participant": [{"status": "accepted"}]},
        {"resourceType": "Appointment", "status": "booked", "slot": [{"reference": "Slot/1"}], "participant": [{"status": "accepted"}]},  # noqa: E501
        {"resourceType": "Appointment", "status": "booked", "slot": [{"reference": "Slot/999-1"}], "participant": [{"status": "accepted"}]},  # noqa: E501
    ],
)  # fmt: skip
def test_a_strange_appointment_is_refused_with_an_outcome(town: Town, document: object) -> None:
    found = valid(System(town, MAYA).write("POST", "Appointment", document), 404 if "999" in str(document) else 400)
    assert found["resourceType"] == "OperationOutcome"


def test_a_booking_for_somebody_else_is_refused(town: Town) -> None:
    wanted = {
        "resourceType": "Appointment",
        "status": "booked",
        "slot": [{"reference": f"Slot/{town.members[INES].id}-{town.free()[0]}"}],
        "participant": [{"actor": {"reference": f"Patient/{town.members[OMAR].id}"}, "status": "accepted"}],
    }
    assert System(town, MAYA).write("POST", "Appointment", wanted).status_code == 400
    assert town.site.appointments.of_patient(town.members[OMAR].id) == []


def test_strangers_other_patients_and_other_doctors_see_nothing(town: Town) -> None:
    check, booking, patient = town.add_check(MAYA), town.book(MAYA, INES), town.members[MAYA].id
    paths = [f"Patient/{patient}", f"Appointment/{booking}"]
    paths += [f"{kind}/{check}" for kind in ("DiagnosticReport", "Observation", "Media")]
    for path in paths:
        assert town.app.test_client().get(f"/fhir/{path}").status_code == 401
        assert town.visitor(MAYA).get(f"/fhir/{path}").status_code == 401
        assert valid(System(town, OMAR).ask(path), 404)["issue"][0]["code"] == "not-found"
        assert System(town, JONAS).ask(path).status_code == 404
        assert System(town, NOOR).ask(path).status_code == 403
    assert System(town, OMAR).entries("Appointment") == []
    assert System(town, OMAR).ask(f"Media?patient={patient}").status_code == 404
    assert System(town, MAYA, Scope.APPOINTMENTS_READ).ask(f"Media/{check}").status_code == 403


def test_a_search_by_date_finds_what_lies_in_it(town: Town) -> None:
    town.add_check(MAYA)
    maya = System(town, MAYA)
    day = valid(maya.ask("DiagnosticReport"))["entry"][0]["resource"]["issued"][:10]
    for asked, count in ((day, 1), (f"ge{day}", 1), (f"lt{day}", 0), (f"gt{day}", 0), ("le2020-01-01", 0)):
        assert len(maya.entries(f"DiagnosticReport?date={asked}")) == count, asked
    for wrong in ("date=yesterday", "date=2026-13-45", "colour=red", f"date={day}&date={day}&date={day}"):
        assert maya.ask(f"DiagnosticReport?{wrong}").status_code == 400


def test_an_erased_check_is_gone(town: Town) -> None:
    check = town.add_check(MAYA)
    town.site.record_store.erase(check, town.members[MAYA].id)
    assert System(town, MAYA).ask(f"DiagnosticReport/{check}").status_code == 404
    assert System(town, MAYA).entries("DiagnosticReport") == []


def test_a_long_list_has_a_link_to_the_next_page(town: Town) -> None:
    for _ in range(21):
        town.add_check(MAYA)
    maya = System(town, MAYA)
    links = {each["relation"]: each["url"] for each in valid(maya.ask("Media?created=ge2020-01-01"))["link"]}
    following = links["next"].split("/fhir/")[1]
    assert len(maya.entries(following)) == 1
