"""The pages of sealed records: notes, choice, proof, erasure."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl.crypto.capsule import Readers
from fl.protocol.names import Digest, Purpose
from tests.support.site_town import INES, JONAS, MAYA, OMAR, Town, cell, words
from webui.ports.consent import purposes_in


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def location_of_a_check(town: Town, email: str = MAYA) -> str:
    return str(town.visitor(email).check(cell()).location)


def test_a_result_says_how_the_record_is_kept(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    page = visitor.text(location)
    for fact in (
        "How this record is kept",
        "this hospital",
        "treatment, second opinion, emergency and my own wish",
    ):
        assert fact in page
    assert "will soon be written to the ledger" in page
    assert visitor.get(f"{location}/proof.json").status_code == 404
    anchored = town.site.anchoring.anchor()
    assert anchored is not None
    page = visitor.text(location)
    assert f"in block {anchored.block}" in page
    assert anchored.root.hex()[:32] in page
    proof = visitor.get(f"{location}/proof.json")
    assert proof.headers["Content-Disposition"].startswith("attachment; filename=proof-")
    assert json.loads(proof.data)["root"] == "0x" + anchored.root.hex()
    assert town.visitor(OMAR).get(f"{location}/proof.json").status_code == 404


def test_a_treating_doctor_adds_a_note_that_the_patient_reads(town: Town) -> None:
    location = location_of_a_check(town)
    town.book(MAYA, INES)
    doctor = town.visitor(INES)
    assert doctor.post(f"{location}/notes", page=location, text="  Please come\nback soon. ").status_code == 302
    for email in (MAYA, INES):
        page = town.visitor(email).text(location)
        assert "Please come back soon." in page
        assert "Dr Inês Carvalho" in page
    assert doctor.post(f"{location}/notes", page=location, text=" ").status_code == 400
    assert doctor.post(f"{location}/notes", page=location, text="n" * 5000).status_code == 400
    jonas = town.visitor(JONAS)
    assert jonas.post(f"{location}/notes", page="/doctor/", text="I do not treat her.").status_code == 404
    assert town.visitor(MAYA).post(f"{location}/notes", page=location, text="I am no doctor.").status_code == 403


def test_a_stricter_choice_closes_the_pages_and_says_why(town: Town) -> None:
    location = location_of_a_check(town)
    town.book(MAYA, INES)
    visitor = town.visitor(MAYA)
    fields: dict[str, Any] = {"readers": "2", "purposes": ["1", "4"]}
    assert "You cannot choose this yet" in visitor.text("/consent/")
    assert visitor.post("/consent/", **fields, sure="y").status_code == 403
    town.federation.records.hold_key()
    assert "2 of these 3 trustees must agree" in visitor.text("/consent/")
    assert "Nobody can undo this" in words(visitor.post("/consent/", **fields))
    assert "needs a quorum" not in visitor.text(location), "nothing is closed before one was asked once more"
    answer = visitor.post("/consent/", **fields, sure="y")
    assert (answer.status_code, answer.location) == (302, "/consent/")
    assert "1 existing record was changed too" in visitor.text("/consent/")
    for email in (MAYA, INES):
        page = town.visitor(email).text(location)
        assert "needs a quorum" in page
        assert "leukemic blast" not in page
        assert town.visitor(email).get(f"{location}/image.png").status_code == 404
    assert "needs a quorum" in visitor.text("/checks/")
    assert "needs a quorum" in town.visitor(INES).text("/doctor/")
    assert "You will not see the result" in visitor.text("/checks/new")
    profile = town.site.record_store.patient(town.members[MAYA].id)
    assert profile.readers == Readers.TRUSTEES
    assert purposes_in(profile.consent) == {Purpose.TREATMENT, Purpose.PATIENT_WISH}


def test_a_choice_that_makes_no_sense_is_refused(town: Town) -> None:
    visitor = town.visitor(MAYA)
    for fields in ({"readers": "3"}, {"readers": "1", "purposes": ["7"]}, {"readers": "1", "purposes": ["x"]}):
        assert visitor.post("/consent/", **fields).status_code == 400
    assert visitor.post("/consent/", readers="1").status_code == 302
    assert town.site.record_store.patient(town.members[MAYA].id).consent == 0


def test_a_patient_erases_a_check_for_good(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    assert "Erase this check for good?" in visitor.text(f"{location}/erase")
    assert town.visitor(OMAR).get(f"{location}/erase").status_code == 404
    answer = visitor.post(f"{location}/erase")
    assert (answer.status_code, answer.location) == (302, location)
    page = visitor.text(location)
    assert "Erased" in page
    assert "deleted" in page
    assert visitor.get(f"{location}/image.png").status_code == 404
    assert visitor.get(f"{location}/proof.json").status_code == 404
    assert "Erased" in visitor.text("/checks/")


def test_a_key_that_the_operator_dealt_is_marked(town: Town) -> None:
    town.federation.records.hold_key(dealer_made=True)
    visitor = town.visitor(MAYA)
    assert "The operator made this key" in visitor.text("/consent/")
    visitor.post("/consent/", readers="2", purposes=["1", "4"])
    assert "The operator made this key" in visitor.text(visitor.check(cell()).location)
    town.federation.records.hold_key()
    assert "The operator made this key" not in visitor.text("/consent/")


def test_every_page_of_a_record_is_marked_by_the_key_that_it_was_sealed_to(town: Town) -> None:
    town.federation.records.hold_key(dealer_made=True)
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    town.book(MAYA, INES)
    doctor = town.visitor(INES)
    doctor.post(f"{location}/notes", page=location, text="Please come back soon.")
    town.federation.records.hold_key()  # another key, which nobody knew, is in force now
    other = visitor.check(cell()).location
    number = town.site.record_store.visible(town.members[MAYA], 1).number or ""
    for reader in (visitor, doctor):
        assert "The operator made this key" in reader.text(location)
        assert reader.text(location).count("key made by the operator") == 1, "the note on it"
        assert "dealt" not in reader.text(other)
    assert visitor.text("/checks/").count("key made by the operator") == 1
    assert doctor.text(f"/doctor/patients/{town.members[MAYA].id}").count("key made by the operator") == 1
    assert "key made by the operator" in visitor.text(f"{location}/erase")
    assert "key made by the operator" in words(doctor.post("/requests/find", page="/requests/", text=number))
    assert "dealt" not in doctor.text("/doctor/"), "the newest check has the other key"
    town.site.patient_records.follow_key()
    assert "dealt" not in visitor.text(location)


def test_who_made_a_key_is_not_guessed_while_the_ledger_is_silent(town: Town) -> None:
    town.federation.records.hold_key(dealer_made=True)
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    town.federation.stop_chain()
    assert "we do not know whether the operator made the key" in visitor.text(location)
    assert "The operator dealt" not in visitor.text(location)


def test_a_place_is_computed_anew_and_compared_with_the_ledger(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    town.add_check(MAYA)
    town.site.anchoring.anchor()
    assert "compared it with the ledger" in visitor.text(location)
    town.federation.stop_chain()
    assert "The ledger does not answer now" in visitor.text(location)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE batch SET root = zeroblob(32)",
        "UPDATE batch SET size = 9",
        "UPDATE leaf SET place = 7 WHERE place = 0",
        "UPDATE leaf SET digest = zeroblob(32) WHERE place = 1",
        "another root on the ledger",
        "no root on the ledger",
    ],
)
def test_a_place_that_does_not_lead_to_the_ledgers_root_is_an_alarm(
    town: Town, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    town.add_check(MAYA)
    town.site.anchoring.anchor()
    made = town.federation.records.made
    if change.startswith("another"):
        made[0] = replace(made[0], root=Digest(bytes(32)))
    elif change.startswith("no"):
        made.clear()
    else:
        with town.site.database.engine.begin() as connection:
            connection.exec_driver_sql(change)
    answer = visitor.get(location)
    assert answer.status_code == 500
    assert "The ledger contradicts this record" in words(answer)
    assert "ALARM RecordMisplaced" in caplog.text
    assert "leukemic" not in words(answer)


def test_a_damaged_record_is_an_alarm_and_a_page(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    with town.site.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE record SET salt = zeroblob(32)")
    answer = visitor.get(location)
    assert answer.status_code == 500
    assert "This record was changed" in words(answer)
    assert "ALARM RecordDamaged" in caplog.text
    assert "Cannot be shown" in visitor.text("/checks/")


def test_a_long_history_comes_in_pages(town: Town) -> None:
    for _ in range(21):
        town.add_check(MAYA)
    visitor = town.visitor(MAYA)
    assert visitor.get("/checks/").text.count("row-card") == 20
    assert "/checks/?page=1" in visitor.get("/checks/").text
    assert visitor.get("/checks/?page=1").text.count("row-card") == 1
    assert visitor.get("/checks/?page=-3").status_code == 200
