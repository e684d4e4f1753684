"""Programs do what patients and doctors do most: receipts, erasing, consent, moving, the worklist and reviews."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.api import Program, as_schema
from tests.support.site_town import INES, JONAS, MAYA, OMAR, Town, cell
from webui.pages.api.operations import OPERATIONS
from webui.store.tokens import Scope

PART = re.compile(r"<(?:int:)?(\w+)>")


@pytest.fixture
def town(tmp_path: Path) -> Town:
    made = Town(tmp_path)
    made.federation.records.hold_key()
    return made


def test_a_program_gets_the_receipt_of_a_check_as_the_page_does(town: Town) -> None:
    maya = Program(town, MAYA)
    check = maya.check(cell()).json["id"]
    answer = maya.get(f"/checks/{check}/receipt")
    assert answer.status_code == 200
    assert answer.data == town.visitor(MAYA).get(f"/checks/{check}/receipt.json").data
    assert Program(town, OMAR).get(f"/checks/{check}/receipt").status_code == 404


def test_a_doctors_look_at_a_receipt_is_noted(town: Town) -> None:
    check = town.add_check(MAYA)
    town.book(MAYA, INES)
    assert Program(town, INES).get(f"/checks/{check}/receipt").status_code == 200
    assert town.site.openings.of_patient(town.members[MAYA].id, 0)[0].how == "proof"


def test_a_check_is_erased_only_by_its_patient_and_only_with_the_scope_for_it(town: Town) -> None:
    maya = Program(town, MAYA)
    check = maya.check(cell()).json["id"]
    assert Program(town, MAYA, Scope.CHECKS_WRITE).send(f"/checks/{check}/erase").status_code == 403
    assert Program(town, OMAR).send(f"/checks/{check}/erase").status_code == 404
    town.book(MAYA, INES)
    assert Program(town, INES).send(f"/checks/{check}/erase").status_code == 403
    erased = maya.send(f"/checks/{check}/erase")
    as_schema(erased.json, "Check")
    assert (erased.status_code, erased.json["state"], erased.json["result"]) == (200, "erased", None)
    assert maya.get(f"/checks/{check}/receipt").status_code == 404


def test_a_program_reads_and_changes_the_choice_of_consent(town: Town) -> None:
    maya = Program(town, MAYA)
    before = maya.get("/consent").json
    as_schema(before, "Consent")
    assert before["readers"] == "hospital"
    changed = maya.send("/consent", {"readers": "hospital", "purposes": ["research"]})
    as_schema(changed.json, "Consent")
    assert changed.json["purposes"] == ["research"]
    assert maya.get("/consent").json == changed.json
    assert Program(town, INES).get("/consent").status_code == 403
    assert Program(town, MAYA, Scope.CONSENT_READ).send("/consent", changed.json).status_code == 403


def test_the_hospital_is_locked_out_only_by_somebody_who_is_sure(town: Town) -> None:
    maya = Program(town, MAYA)
    check = maya.check(cell()).json["id"]
    wanted = {"readers": "quorum", "purposes": ["patient_wish"]}
    refused = maya.send("/consent", wanted)
    assert refused.status_code == 400
    assert "could no longer open 1 records" in refused.json["detail"]
    assert maya.get("/consent").json["readers"] == "hospital"
    assert maya.send("/consent", wanted | {"sure": True}).json["readers"] == "quorum"
    assert maya.get(f"/checks/{check}").json["state"] == "waiting"


@pytest.mark.parametrize(
    "wrong",
    [
        {"readers": "nobody", "purposes": []},
        {"readers": "hospital", "purposes": ["release"]},
        {"readers": "hospital", "purposes": [5]},
        {"readers": "hospital", "purposes": "research"},
        {"readers": "hospital"},
        {"readers": "quorum", "purposes": []},
    ],
)
def test_a_choice_that_is_none_changes_nothing(town: Town, wrong: dict[str, object]) -> None:
    maya = Program(town, MAYA)
    before = maya.get("/consent").json
    assert maya.send("/consent", wrong).status_code in {400, 403, 409}
    assert maya.get("/consent").json == before


def test_an_appointment_is_moved_to_a_free_time_and_stays_if_that_is_taken(town: Town) -> None:
    maya, doctor = Program(town, MAYA), town.members[INES].id
    booked = town.book(MAYA, INES)
    town.book(OMAR, INES, 3)
    free = [each["starts_at"] for each in maya.get(f"/doctors/{doctor}/slots").json["slots"]]
    moved = maya.send(f"/appointments/{booked}/move", {"starts_at": free[-1]})
    as_schema(moved.json, "Appointment")
    assert (moved.status_code, moved.json["starts_at"]) == (200, free[-1])
    taken = Program(town, OMAR).get("/appointments").json["appointments"][0]["starts_at"]
    assert maya.send(f"/appointments/{booked}/move", {"starts_at": taken}).status_code == 409
    assert maya.get(f"/appointments/{booked}").json["starts_at"] == free[-1]
    assert Program(town, OMAR).send(f"/appointments/{booked}/move", {"starts_at": free[0]}).status_code == 404


def test_a_doctor_works_off_the_list_and_the_patient_reads_the_review(town: Town) -> None:
    check = town.add_check(MAYA)
    town.book(MAYA, INES)
    ines = Program(town, INES)
    work = ines.get("/worklist").json
    as_schema(work, "Worklist")
    assert [(each["check"], each["read"], each["reviewed"]) for each in work["items"]] == [(check, False, False)]
    sent = {"decision": "other", "labels": ["healthy"], "reason": "Seen twice.", "patient_sees": ["reason"]}
    reviewed = ines.send(f"/checks/{check}/review", sent)
    as_schema(reviewed.json, "Check")
    assert (reviewed.status_code, reviewed.json["review"]["labels"]) == (201, ["healthy"])
    assert Program(town, MAYA).get(f"/checks/{check}").json["review"]["decision"] == "other"
    assert ines.get("/worklist").json["items"][0]["reviewed"]
    assert Program(town, JONAS).get("/worklist").json["items"] == []
    assert Program(town, JONAS).send(f"/checks/{check}/review", sent).status_code == 404
    assert Program(town, INES, Scope.REVIEWS_READ).send(f"/checks/{check}/review", sent).status_code == 403


@pytest.mark.parametrize(
    "wrong",
    [
        {"decision": "perhaps"},
        {"decision": "other", "labels": ["healthy"]},
        {"decision": "other", "labels": ["horse"], "reason": "x"},
        {"decision": "confirmed", "labels": ["healthy"]},
        {"decision": "confirmed", "patient_sees": ["everything"]},
        {"decision": "confirmed", "labels": "healthy"},
        {"decision": "confirmed", "message": "x" * 4001},
    ],
)
def test_a_review_that_is_none_is_refused(town: Town, wrong: dict[str, object]) -> None:
    check = town.add_check(MAYA)
    town.book(MAYA, INES)
    ines = Program(town, INES)
    assert 400 <= ines.send(f"/checks/{check}/review", wrong).status_code < 500
    assert not ines.get("/worklist").json["items"][0]["reviewed"]


def test_the_document_names_every_address_and_scope_that_there_is_and_no_other() -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    table = text.partition("| address | what | roles |")[2].partition("\n\n")[0]
    spelled = {f"{each.method} {PART.sub(_placeholder, each.path)}" for each in OPERATIONS}
    assert set(re.findall(r"`((?:GET|POST) [^`]+)`", table)) == spelled
    rights = text.partition("| scope | what it allows | roles |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z:]+)`", rights, re.MULTILINE)) == set(Scope)


def _placeholder(found: re.Match[str]) -> str:
    return "SHA256" if found[1] == "digest" else "ID"


def test_a_review_sent_twice_with_one_key_is_one_review(town: Town) -> None:
    check = town.add_check(MAYA)
    town.book(MAYA, INES)
    ines = Program(town, INES)
    for _ in range(2):
        assert ines.send(f"/checks/{check}/review", {"decision": "confirmed"}, key="once").status_code == 201
    assert len(town.site.record_store.notes_on(check)) == 1
