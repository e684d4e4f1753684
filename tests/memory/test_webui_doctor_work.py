"""A doctor's worklist and reviews."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, Town, words
from webui.store.openings import How
from webui.store.worklist import PAGE_CHECKS, Wanted

HOUR_S = 3600


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def check(town: Town, patient: str, probability: float) -> int:
    """Let a patient have a picture checked an hour after the last one; return the row."""
    town.federation.clock.now += HOUR_S
    town.federation.probability = probability
    return town.add_check(patient)


def order(town: Town, address: str = "/worklist/", doctor: str = INES) -> list[int]:
    """Return the rows of the checks in a list, from the top."""
    found = re.findall(r'class="row-link" href="/checks/(\d+)"', town.visitor(doctor).get(address).text)
    return [int(row) for row in found]


def review(town: Town, row: int, doctor: str = INES, **fields: str) -> int:
    return town.visitor(doctor).post(f"/reviews/{row}", **({"decision": "confirmed"} | fields)).status_code


def test_the_most_urgent_check_without_a_review_comes_first_and_then_the_oldest(town: Town) -> None:
    town.book(MAYA, INES)
    town.book(OMAR, INES)
    low, high, unsure, later = (
        check(town, MAYA, 0.05),
        check(town, MAYA, 0.9),
        check(town, OMAR, 0.5),
        check(town, OMAR, 0.95),
    )
    assert order(town) == [high, later, unsure, low]
    assert review(town, high) == 302
    assert order(town) == [later, unsure, low, high]


def test_a_list_has_only_checks_of_patients_in_the_doctors_care(town: Town) -> None:
    town.book(MAYA, INES)
    mine, other = check(town, MAYA, 0.9), check(town, OMAR, 0.9)
    assert order(town) == [mine]
    assert order(town, doctor=JONAS) == []
    for address in (f"/worklist/{other}/thumb.webp", f"/reviews/{other}"):
        assert town.visitor(INES).get(address).status_code == 404
    for email in (MAYA, NOOR):
        for address in ("/worklist/", f"/worklist/{mine}/thumb.webp", f"/reviews/{mine}"):
            assert town.visitor(email).get(address).status_code == 403
    jonas = town.visitor(JONAS)
    assert jonas.post(f"/reviews/{mine}", page="/worklist/", decision="confirmed").status_code == 404
    assert jonas.post(f"/worklist/{mine}/unread", page="/requests/").status_code == 404


def test_filters_narrow_the_list(town: Town) -> None:
    town.book(MAYA, INES)
    town.book(OMAR, INES)
    low, high, unsure = check(town, MAYA, 0.05), check(town, MAYA, 0.9), check(town, OMAR, 0.5)
    review(town, low)
    assert order(town, "/worklist/?show=high") == [high]
    assert order(town, "/worklist/?show=unsure") == [unsure]
    assert order(town, "/worklist/?unreviewed=y") == [high, unsure]
    assert order(town, "/worklist/?unread=y") == [high, unsure]
    assert order(town, "/worklist/?name=HADDÁD") == [unsure], "case and accents do not count"
    assert order(town, "/worklist/?name=nobody") == []
    assert town.visitor(INES).get("/worklist/?show=x").status_code == 400
    assert town.visitor(INES).get(f"/worklist/?name={'n' * 200}").status_code == 400


def test_a_check_is_unread_until_this_doctor_opens_it_and_can_be_unread_again(town: Town) -> None:
    town.book(MAYA, INES)
    town.book(MAYA, JONAS, place=1)
    row = check(town, MAYA, 0.9)
    ines = town.visitor(INES)
    assert "Worklist 1 new" in words(ines.get("/doctor/"))
    ines.get(f"/checks/{row}")
    assert "Worklist 1 new" not in words(ines.get("/doctor/"))
    assert "Worklist 1 new" in town.visitor(JONAS).text("/doctor/"), "he has not read it"
    assert ines.post(f"/worklist/{row}/unread", page=f"/checks/{row}").status_code == 302
    assert "Worklist 1 new" in words(ines.get("/doctor/"))


def test_a_page_opens_a_bounded_number_of_records_and_the_patient_sees_each(town: Town) -> None:
    town.book(MAYA, INES)
    rows = [check(town, MAYA, 0.9) for _ in range(PAGE_CHECKS + 1)]
    assert order(town) == rows[:PAGE_CHECKS]
    openings = town.site.openings
    seen = [each for page in (0, 1) for each in openings.of_patient(town.members[MAYA].id, page)]
    assert {each.record_row for each in seen} == set(rows[:PAGE_CHECKS])
    assert {each.how for each in seen} == {How.LIST.value}
    assert order(town, "/worklist/?page=1") == rows[PAGE_CHECKS:]
    assert "There are more checks on the next page" in town.visitor(INES).text("/worklist/")


def test_an_erased_check_leaves_the_list(town: Town) -> None:
    town.book(MAYA, INES)
    row = check(town, MAYA, 0.9)
    town.site.record_store.erase(row)
    assert order(town) == []
    listed, _ = town.site.work.page(town.members[INES].id, Wanted(), 0)
    assert listed == []


def test_another_answer_stands_beside_the_models_answer(town: Town) -> None:
    town.book(MAYA, INES)
    row = check(town, MAYA, 0.9)
    told = {"answer": "healthy", "reason": "A reactive lymphocyte.", "show_reason": "y"}
    told |= {"note": "Smear of Monday agrees.", "message": "This looks harmless. We talk on Tuesday."}
    assert review(town, row, decision="other", **told) == 302
    page = town.visitor(MAYA).text(f"/checks/{row}")
    for words_of_page in (
        "The model sees signs of leukemia",
        "90 %",
        "A doctor looked at this: Dr Inês Carvalho",
        "another answer: healthy cell",
        "A reactive lymphocyte.",
        "This looks harmless.",
    ):
        assert words_of_page in page
    assert "Smear of Monday" not in page, "the doctor kept this among doctors"
    assert "Smear of Monday" in town.visitor(INES).text(f"/checks/{row}")
    assert b"reactive" not in town.stored_bytes()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"decision": ""}, "Please choose one."),
        ({"decision": "other", "reason": "I see more."}, "Please choose your own answer."),
        ({"decision": "other", "answer": "healthy"}, "Please write why"),
        ({"decision": "other", "answer": "unknown", "reason": "I see more."}, "Not a valid choice"),
        ({"decision": "confirmed", "message": "m" * 4001}, "Message to the patient: "),
    ],
)
def test_a_review_that_is_not_complete_is_not_saved(town: Town, fields: dict[str, str], problem: str) -> None:
    town.book(MAYA, INES)
    row = check(town, MAYA, 0.9)
    answer = town.visitor(INES).post(f"/reviews/{row}", **fields)
    assert answer.status_code == 400
    assert problem in words(answer)
    assert "<title>Error: " in answer.text
    assert "A doctor looked" not in town.visitor(MAYA).text(f"/checks/{row}")


def test_one_press_makes_one_review(town: Town) -> None:
    town.book(MAYA, INES)
    row = check(town, MAYA, 0.9)
    ines = town.visitor(INES)
    fields = {"csrf_token": ines.token(f"/reviews/{row}"), "decision": "confirmed"}
    assert [ines.post_bare(f"/reviews/{row}", **fields).status_code for _ in range(2)] == [302, 302]
    assert town.visitor(MAYA).text(f"/checks/{row}").count("A doctor looked at this") == 1
