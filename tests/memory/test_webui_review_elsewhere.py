"""What a doctor says about a check is also on paper and in what programs read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.api import Program
from tests.support.fhir import System, valid
from tests.support.site_town import INES, MAYA, Town
from webui.usecases.receipt_sheet import Sheet

NOTHING = "You need not do anything"
OTHER = {
    "decision": "other",
    "answer": "leukemia",
    "reason": "I see a blast.",
    "note": "Smear of Monday.",
    "show_reason": "y",
    "message": "Please come on Tuesday.",
}


@pytest.fixture
def town(tmp_path: Path) -> Town:
    town = Town(tmp_path)
    town.book(MAYA, INES)
    town.federation.probability = 0.04
    return town


@pytest.fixture
def sheets(monkeypatch: pytest.MonkeyPatch) -> list[Sheet]:
    """Return the texts of the sheets that are printed."""
    printed: list[Sheet] = []

    def keep(sheet: Sheet, _attached: tuple[str, bytes]) -> bytes:
        printed.append(sheet)
        return b"%PDF-"

    monkeypatch.setattr("webui.usecases.receipt_paper.pdf_of", keep)
    return printed


def review(town: Town, row: int, **fields: str) -> None:
    assert town.visitor(INES).post(f"/reviews/{row}", **fields).status_code == 302


@pytest.mark.parametrize("who", [MAYA, INES])
def test_a_printed_receipt_has_the_doctors_answer_and_not_the_models_next_step(
    town: Town, sheets: list[Sheet], who: str
) -> None:
    row, reader = town.add_check(MAYA), town.visitor(who)
    assert reader.get(f"/checks/{row}/receipt.pdf").status_code == 200
    review(town, row, **OTHER)
    assert reader.get(f"/checks/{row}/receipt.pdf").status_code == 200
    before, after = sheets
    assert NOTHING in before.lead
    assert NOTHING not in after.lead
    assert after.lead.startswith("Read what the doctor says.")
    said = " ".join(after.lines)
    for words in ("Dr Inês Carvalho", "another answer: leukemic blast", "Please come on Tuesday.", "I see a blast."):
        assert words in said
    assert "Smear of Monday" not in said, "the doctor keeps it among doctors, and paper goes to anybody"


def test_a_receipt_after_a_doctor_agreed_keeps_the_next_step_and_says_so(town: Town, sheets: list[Sheet]) -> None:
    row = town.add_check(MAYA)
    review(town, row, decision="confirmed")
    assert town.visitor(MAYA).get(f"/checks/{row}/receipt.pdf").status_code == 200
    assert NOTHING in sheets[0].lead
    assert "agrees" in " ".join(sheets[0].lines)


@pytest.mark.parametrize("who", [MAYA, INES])
def test_fhir_says_what_the_doctor_says(town: Town, who: str) -> None:
    row = town.add_check(MAYA)
    review(town, row, **OTHER)
    system = System(town, who)
    report = valid(system.ask(f"DiagnosticReport/{row}"))
    assert report["status"] == "final"
    assert report["conclusion"].startswith("The doctor gives another answer: leukemic blast")
    assert "The model's answer: The model sees no signs of leukemia" in report["conclusion"]
    assert [each["coding"][0]["code"] for each in report["conclusionCode"]] == ["leukemia"]
    assert report["resultsInterpreter"] == [{"display": "Dr Inês Carvalho"}]
    observation = valid(system.ask(f"Observation/{row}"))
    assert observation["status"] == "preliminary", "it is the model's"
    assert observation["note"][0]["authorString"] == "Dr Inês Carvalho"
    assert "Please come on Tuesday." in observation["note"][0]["text"]


def test_fhir_does_not_take_a_doctor_who_cannot_tell_for_an_answer(town: Town) -> None:
    row = town.add_check(MAYA)
    review(town, row, decision="unclear", reason="It is not sharp.")
    report = valid(System(town, MAYA).ask(f"DiagnosticReport/{row}"))
    assert report["status"] == "preliminary"
    assert "cannot tell" in report["conclusion"]
    assert "conclusionCode" not in report


def test_the_api_has_the_review_beside_the_models_result(town: Town) -> None:
    first, second = town.add_check(MAYA), town.add_check(MAYA)
    review(town, first, **OTHER)
    maya = Program(town, MAYA)
    by_row = {each["id"]: each for each in maya.get("/checks").json["checks"]}
    assert by_row[second]["review"] is None
    assert by_row[first]["result"]["label"] != "leukemia"
    assert by_row[first]["review"] == maya.get(f"/checks/{first}").json["review"]
    said = by_row[first]["review"]
    assert (said["decision"], said["labels"]) == ("other", ["leukemia"])
    assert (by_row[first]["reviewed"], by_row[second]["reviewed"]) == (True, False)


def test_a_doctor_who_reads_a_colleagues_review_in_a_program_is_in_the_patients_list(town: Town) -> None:
    row = town.add_check(MAYA)
    review(town, row, **OTHER)
    town.federation.clock.now += 3600
    before = len(town.site.openings.of_patient(town.members[MAYA].id, 0))
    System(town, INES).ask(f"DiagnosticReport/{row}")
    assert len(town.site.openings.of_patient(town.members[MAYA].id, 0)) == before + 2, "the check and the review"
