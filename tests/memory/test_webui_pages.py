"""Every page, for the role it belongs to."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from fl.protocol.audit import Finding
from tests.support.site_services import NOON, sha
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, PASSWORD, Town, cell, words


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_home_says_which_model_serves_how_it_was_verified_and_what_this_is_not(town: Town) -> None:
    page = town.visitor().text("/")
    for fact in (
        "Round 7",
        "Verified on the ledger",
        "North Coordination Office",
        "National Audit Laboratory",
        "could read each hospital's update",
        "not a medical device",
        sha(b"weights of round 7").hex()[:32],
    ):
        assert fact in page


def test_home_stands_without_a_final_round(town: Town) -> None:
    town.federation.final_round = 0
    assert "There is no model yet" in town.visitor().text("/")


def test_home_says_unverified_since_when_the_chain_is_silent(town: Town) -> None:
    visitor = town.visitor()
    visitor.get("/")
    town.federation.stop_chain()
    town.federation.clock.now += 3600
    assert "Unverified since 23 Nov 2026, 12:00 UTC" in visitor.text("/")


def test_home_says_at_once_that_the_file_cannot_be_checked(town: Town) -> None:
    visitor = town.visitor()
    assert "Verified on the ledger" in visitor.text("/")
    town.federation.vault_up = False
    page = visitor.text("/")
    assert "Verified on the ledger" not in page
    assert "The file in the vault cannot be checked now" in page


def test_a_living_process_says_so_whatever_else_is_missing(town: Town) -> None:
    town.federation.stop_chain()
    assert town.visitor().get("/healthz").json == {"status": "ok"}


def test_health_names_each_part(town: Town) -> None:
    answer = town.visitor().get("/health")
    parts = {"database": "ok", "chain": "ok", "vault": "ok", "model": "ok"}
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "checked_at": NOON, **parts})


@pytest.mark.parametrize("part", ["chain", "vault"])
def test_a_part_that_is_missing_alarms_while_the_site_still_answers(town: Town, part: str) -> None:
    visitor = town.visitor()
    visitor.get("/")
    town.federation.chain_up = part != "chain"
    town.federation.vault_up = part != "vault"
    for path, status in (("/health", 503), ("/readyz", 200)):
        answer = visitor.get(path)
        assert answer.status_code == status
        assert answer.json is not None
        assert (answer.json["status"], answer.json[part]) == ("degraded", "cannot be checked now")


def test_a_site_that_cannot_answer_is_not_ready(town: Town) -> None:
    visitor = town.visitor()
    town.federation.stop_chain()
    assert visitor.get("/readyz").status_code == 503
    town.federation.start_chain()
    assert visitor.get("/readyz").status_code == 200
    town.federation.replace_model()
    answer = visitor.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["model"].startswith("do not use")
    town.federation.final_round = 0
    town.federation.served_file = town.federation.recorded_file
    assert visitor.get("/readyz").status_code == 503


def test_a_stranger_signs_up_and_arrives_signed_in(town: Town) -> None:
    visitor = town.visitor()
    fields = {"name": "Ada Byron", "date_of_birth": "1990-12-10", "email": "ada@x.example"}
    answer = visitor.post("/sign-up", **fields, password=PASSWORD, again=PASSWORD)
    assert (answer.status_code, answer.location) == (302, "/checks/new")
    assert "Ada Byron" in visitor.text("/checks/")


@pytest.mark.parametrize(
    ("change", "status", "sentence"),
    [
        ({"email": "nonsense"}, 400, "not an e-mail address"),
        ({"email": MAYA}, 409, "already an account"),
        ({"password": "short", "again": "short"}, 400, "between 12 and 128"),
        ({"again": "another password"}, 400, "differ"),
        ({"password": "ada@xy.example", "again": "ada@xy.example"}, 400, "too easy"),
        ({"password": "a" * 20, "again": "a" * 20}, 400, "too easy"),
        ({"name": " "}, 400, "enter your name"),
        ({"name": "n" * 200}, 400, "longer than 120"),
        ({"date_of_birth": "2190-01-01"}, 400, "cannot be a date of birth"),
        ({"date_of_birth": "yesterday"}, 400, "date"),
    ],
)
def test_a_bad_sign_up_is_explained(town: Town, change: dict[str, str], status: int, sentence: str) -> None:
    fields = {"name": "Ada", "date_of_birth": "1990-12-10", "email": "ada@xy.example", "password": PASSWORD}
    answer = town.visitor().post("/sign-up", **({"again": PASSWORD} | fields | change))
    assert answer.status_code == status
    assert sentence in words(answer)


@pytest.mark.parametrize(("email", "start"), [(MAYA, "/checks/"), (INES, "/doctor/"), (NOOR, "/auditor/")])
def test_each_role_starts_on_its_own_page(town: Town, email: str, start: str) -> None:
    visitor = town.visitor()
    assert visitor.sign_in(email).location == start
    assert visitor.get(start).status_code == 200
    assert visitor.get("/sign-in").location == start


def test_a_wrong_password_and_an_unknown_address_read_the_same(town: Town) -> None:
    pages = [town.visitor().sign_in(email, "wrong password") for email in (MAYA, "nobody@x.example")]
    assert [page.status_code for page in pages] == [401, 401]
    assert words(pages[0]) == words(pages[1])


def test_sign_in_returns_to_the_page_that_was_wanted(town: Town) -> None:
    visitor = town.visitor()
    asked = visitor.get("/appointments/doctors?x=1")
    assert asked.location == "/sign-in?next=/appointments/doctors?x%3D1"
    answer = visitor.post(asked.location, email=MAYA, password=PASSWORD)
    assert answer.location == "/appointments/doctors?x=1"


def test_sign_in_never_leads_to_another_host(town: Town) -> None:
    answer = town.visitor().post("/sign-in?next=https://evil.example/", email=MAYA, password=PASSWORD)
    assert answer.location == "/checks/"


def test_a_check_shows_probability_model_round_and_proof(town: Town) -> None:
    town.federation.probability = 0.91
    visitor = town.visitor(MAYA)
    answer = visitor.check(cell())
    assert answer.status_code == 302
    page = visitor.text(answer.location)
    for fact in (
        "sees signs of leukemia in this cell",
        "leukemic blast",
        "91 %",
        "Round 7",
        "Verified on the ledger",
        "Book an appointment",
    ):
        assert fact in page
    assert sha(town.federation.recorded_file).hex()[:32] in page
    assert "91 %" in visitor.text("/checks/")
    picture = visitor.get(f"{answer.location}/image.png")
    assert (picture.mimetype, picture.data[:8]) == ("image/png", b"\x89PNG\r\n\x1a\n")


def test_a_result_keeps_what_was_known_that_day(town: Town) -> None:
    visitor = town.visitor(MAYA)
    visitor.get("/")
    town.federation.stop_chain()
    location = visitor.check(cell()).location
    town.federation.start_chain()
    town.federation.final_round = 9
    page = visitor.text(location)
    assert "Unverified since" in page
    assert "Round 7" in page
    assert "unverified" in visitor.text("/checks/")


def test_what_could_not_be_checked_is_looked_at_again(town: Town) -> None:
    visitor = town.visitor(MAYA)
    visitor.get("/")
    town.federation.stop_chain()
    location = visitor.check(cell()).location
    assert "Confirmed on the ledger" not in visitor.text(location)
    town.federation.start_chain()
    assert "Confirmed on the ledger" in visitor.text(location)
    assert "confirmed later" in visitor.text("/checks/")
    town.federation.recorded_file = b"another one"
    assert "Do not use this answer" in visitor.text(location)
    assert "do not use" in visitor.text("/checks/")


def test_empty_pages_say_what_to_do(town: Town) -> None:
    assert "No checks yet" in town.visitor(MAYA).text("/checks/")
    assert "No appointments" in town.visitor(MAYA).text("/appointments/")
    assert "No appointments ahead" in town.visitor(INES).text("/doctor/")


def test_a_patient_books_and_cancels(town: Town) -> None:
    visitor, doctor, slot = town.visitor(MAYA), town.members[INES].id, town.free()[2]
    assert "Dr Inês Carvalho" in visitor.text("/appointments/doctors")
    assert f"/appointments/doctors/{doctor}/{slot}" in visitor.get(f"/appointments/doctors/{doctor}").text
    assert visitor.post(f"/appointments/doctors/{doctor}/{slot}").location == "/appointments/"
    assert "Dr Inês Carvalho" in visitor.text("/appointments/")
    other_times = visitor.get(f"/appointments/doctors/{doctor}").text
    assert f"/appointments/doctors/{doctor}/{town.free()[0]}" not in other_times  # on the same day
    assert "You already have an appointment with this doctor on" in other_times
    assert slot not in town.free()
    booking = town.site.appointments.of_patient(town.members[MAYA].id)[0].id
    assert visitor.post(f"/appointments/{booking}/cancel", page="/appointments/").status_code == 302
    assert "cancelled" in visitor.text("/appointments/")
    assert slot in town.free()


def test_booking_a_taken_slot_says_so(town: Town) -> None:
    slot, doctor = town.free()[0], town.members[INES].id
    visitor = town.visitor(OMAR)
    town.book(MAYA)
    answer = visitor.post(f"/appointments/doctors/{doctor}/{slot}")
    assert answer.status_code == 409
    assert "just taken" in words(answer)


def test_a_doctor_sees_patients_with_an_appointment_and_their_checks(town: Town) -> None:
    town.federation.probability = 0.77
    location = town.visitor(MAYA).check(cell()).location
    town.book(MAYA, INES)
    doctor, maya = town.visitor(INES), town.members[MAYA].id
    assert "Maya Lindqvist" in doctor.text("/doctor/")
    assert "77 %" in doctor.text("/doctor/")
    assert "12 April 1987" in doctor.text(f"/doctor/patients/{maya}")
    assert "77 %" in doctor.text(location)
    assert doctor.get(f"{location}/image.png").status_code == 200
    assert "Book an appointment" not in doctor.text(location)
    assert "Maya" not in town.visitor(JONAS).text("/doctor/")


def test_an_auditor_reads_rounds_and_one_round(town: Town) -> None:
    auditor = town.visitor(NOOR)
    table = auditor.text("/auditor/")
    for fact in ("Final", "Aborted", "3 of 3 committed", "Sealed", "National Audit Laboratory", "87.2 %", "0.931"):
        assert fact in table
    assert "found no problem" in table
    assert "2 of 3 hospitals committed before the deadline" in auditor.text("/auditor/rounds/5")
    assert "Harbour Hospital" in auditor.text("/auditor/rounds/7")
    assert auditor.get("/auditor/rounds/99").status_code == 404


def test_an_auditor_reads_the_findings_of_the_last_audit(town: Town) -> None:
    town.federation.findings_of_last_audit = (Finding("HashMismatch", 5, "Harbour", "Another digest."),)
    page = town.visitor(NOOR).text("/auditor/")
    for fact in ("found 1 problem", "A file is not the recorded one", "round 5", "Harbour", "Another digest."):
        assert fact in page
    town.federation.audited = False
    assert "No audit has run yet" in town.visitor(NOOR).text("/auditor/")


def test_an_auditor_checks_files(town: Town) -> None:
    auditor = town.visitor(NOOR)
    known = auditor.post("/auditor/file", file=(io.BytesIO(town.federation.recorded_file), "model.bin"))
    for fact in ("The ledger records this file", "Global model (sealed) of round 7", "1,284"):
        assert fact in words(known)
    changed = auditor.post("/auditor/file", file=(io.BytesIO(town.federation.recorded_file + b"!"), "model.bin"))
    assert "The ledger does not record this file" in words(changed)
    assert auditor.post("/auditor/file").status_code == 400


def test_all_that_people_type_is_escaped(town: Town) -> None:
    evil = "<script>alert(1)</script>"
    visitor = town.visitor()
    fields = {"name": evil, "date_of_birth": "1990-12-10", "email": "ada@x.example"}
    visitor.post("/sign-up", **fields, password=PASSWORD, again=PASSWORD)
    page = visitor.get("/checks/").text
    assert evil not in page
    assert "&lt;script&gt;" in page
