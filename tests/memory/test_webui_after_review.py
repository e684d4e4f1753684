"""After a doctor's other answer, no page of the patient repeats the model's advice alone."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fl.protocol.task import Domain, Task, TaskClass, TaskKind
from tests.support.site_town import INES, MAYA, OMAR, Town
from webui.errors import NotFound
from webui.presentation.result_wording import step_after

READ = "Read what the doctor says"
NOTHING = "You need not do anything"
OTHER = {"decision": "other", "answer": "leukemia", "reason": "I see a blast."}
UNCLEAR = {"decision": "unclear", "reason": "It is not sharp."}
PAGES = ("/checks/{row}", "/", "/checks/")
CELLS = Task(
    "own-cells",
    "Kinds of white cells",
    TaskKind.CLASSES,
    (TaskClass("basophil", "basophil"), TaskClass("eosinophil", "eosinophil")),
    "",
    Domain.STAINED_CELL,
)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    town = Town(tmp_path)
    town.book(MAYA, INES)
    town.federation.probability = 0.04
    return town


def review(town: Town, row: int, **fields: str) -> None:
    assert town.visitor(INES).post(f"/reviews/{row}", **fields).status_code == 302
    town.federation.clock.now += 60


@pytest.mark.parametrize("said", [OTHER, UNCLEAR], ids=["other", "unclear"])
def test_a_doctor_who_does_not_agree_comes_before_the_models_advice(town: Town, said: dict[str, str]) -> None:
    row = town.add_check(MAYA)
    visitor = town.visitor(MAYA)
    assert NOTHING in visitor.text(f"/checks/{row}")
    review(town, row, **said)
    for page in PAGES:
        text = visitor.text(page.format(row=row))
        assert READ in text, page
        assert NOTHING not in text
        assert "Nothing because of your last result" not in text
    assert "result-wait" in visitor.get(f"/checks/{row}").text
    assert "result-good" not in visitor.get("/").text
    assert READ not in town.visitor(INES).text(f"/checks/{row}"), "the doctor has said it"


SIGNS = (
    "Please show this result to a doctor soon",
    "This is a reason to see a doctor soon",
    "Show this result to a doc",
)


def test_a_result_leads_with_the_doctors_answer_and_keeps_no_advice_of_the_model(town: Town) -> None:
    town.federation.probability = 0.93
    row = town.add_check(MAYA)
    visitor = town.visitor(MAYA)
    assert any(advice in visitor.text(f"/checks/{row}") for advice in SIGNS)
    review(town, row, decision="other", answer="healthy", reason="These are healthy cells.")
    page = visitor.get(f"/checks/{row}").text
    title = re.search(r'<h1 id="verdict">([^<]+)</h1>', page)
    assert title is not None
    assert title[1].startswith("The doctor gives another answer")
    assert title[1] in page.split("</title>")[0]
    text = visitor.text(f"/checks/{row}")
    for advice in SIGNS:
        assert advice not in text
    assert "before the doctor looked: The model sees signs of leukemia" in text
    assert text.index("The doctor gives another answer") < text.index("before the doctor looked")
    assert "before the doctor looked" in visitor.text("/checks/")


def test_a_doctor_who_agrees_is_named_with_the_models_answer(town: Town) -> None:
    town.federation.probability = 0.93
    row = town.add_check(MAYA)
    review(town, row, decision="confirmed")
    text = town.visitor(MAYA).text(f"/checks/{row}")
    assert "A doctor agrees. The model sees signs of leukemia in this cell" in text
    assert "Show this result to a doctor soon" in text


def test_the_newest_review_counts(town: Town) -> None:
    row = town.add_check(MAYA)
    review(town, row, **OTHER)
    review(town, row, decision="confirmed")
    for page in PAGES:
        assert READ not in town.visitor(MAYA).text(page.format(row=row))
    assert NOTHING in town.visitor(MAYA).text(f"/checks/{row}")


def test_a_review_of_an_earlier_check_says_nothing_about_the_last_one(town: Town) -> None:
    first = town.add_check(MAYA)
    review(town, first, **OTHER)
    last, maya = town.add_check(MAYA), town.visitor(MAYA)
    assert READ not in maya.text(f"/checks/{last}")
    assert READ in maya.text("/"), "the patient has not read it yet"
    maya.get(f"/checks/{first}")
    assert READ not in maya.text("/")


def test_nobody_reads_the_newest_review_of_another_patient(town: Town) -> None:
    row = town.add_check(MAYA)
    review(town, row, **OTHER)
    stored = town.site.record_store.visible(town.members[MAYA], row)
    with pytest.raises(NotFound):
        town.site.patient_records.newest_review(town.members[OMAR], stored)


def test_an_answer_without_a_disease_is_not_called_good(town: Town) -> None:
    town.federation.task = CELLS
    row = town.site.record_store.visible(town.members[MAYA], town.add_check(MAYA))
    check = town.site.patient_records.read(row).check
    assert check is not None
    named = replace(check, label="eosinophil", shares={"basophil": 0.1, "eosinophil": 0.9})
    with town.app.test_request_context():
        step = step_after(named, booked=False)
    assert (step.tone, step.title) == ("plain", "Ask a doctor what your last result means")
