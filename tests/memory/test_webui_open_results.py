"""A newer record hides no open sign of disease and no unread review: on a patient's home and in a doctor's agenda."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.site_risks import PERSON, RiskTown, fields
from tests.support.site_town import INES, MAYA, OMAR
from webui.config import Limit, Limits
from webui.store.booking_rules import Visit

SIGN, UNSURE, CLEAR = 0.93, 0.5, 0.04
OTHER = {"decision": "other", "answer": "leukemia", "reason": "I see a blast.", "message": "Come and see me."}
LEUKEMIA = "The model saw signs of leukemia"
NEVER = "You have not had a picture checked"


@pytest.fixture
def town(tmp_path: Path) -> RiskTown:
    return RiskTown(tmp_path)


def check(town: RiskTown, probability: float, patient: str = MAYA) -> int:
    town.federation.probability = probability
    town.federation.clock.now += 60
    return town.add_check(patient)


def risk(town: RiskTown) -> None:
    town.federation.clock.now += 60
    assert town.visitor(MAYA).post("/risks/diabetes/mine", **fields(PERSON)).status_code == 302


def review(town: RiskTown, row: int, **said: str) -> None:
    town.federation.clock.now += 60
    assert town.visitor(INES).post(f"/reviews/{row}", **said).status_code == 302


def test_a_newer_risk_or_doubt_does_not_hide_an_open_sign_from_its_patient(town: RiskTown) -> None:
    row = check(town, SIGN)
    risk(town)
    check(town, UNSURE)
    check(town, CLEAR)
    page = town.visitor(MAYA).get("/").text
    assert LEUKEMIA in page
    assert page.index(LEUKEMIA) < page.index("My last check")
    assert f'href="/checks/{row}"' in page
    assert "Nothing because of your last result" not in page


def test_a_new_review_and_its_message_come_first_until_the_patient_has_read_it(town: RiskTown) -> None:
    town.book(MAYA, INES)
    row = check(town, CLEAR)
    check(town, SIGN)
    review(town, row, **OTHER)
    maya = town.visitor(MAYA)
    page = maya.text("/")
    assert page.index("Come and see me.") < page.index(LEUKEMIA)
    maya.get(f"/checks/{row}")
    assert "Come and see me." not in maya.text("/")
    assert "signs of leukemia" in maya.text("/"), "this one has no review"
    review(town, row, decision="confirmed", message="I looked again.")
    assert "I looked again." in maya.text("/"), "a second review is unread again"


def test_a_sign_that_a_doctor_has_reviewed_is_not_open(town: RiskTown) -> None:
    town.book(MAYA, INES)
    row = check(town, SIGN)
    check(town, CLEAR)
    review(town, row, decision="unclear", reason="It is not sharp.")
    maya = town.visitor(MAYA)
    maya.get(f"/checks/{row}")
    assert "signs of leukemia" not in maya.text("/").split("My last check")[0]


def test_a_doctor_who_reads_a_review_does_not_read_it_for_the_patient(town: RiskTown) -> None:
    town.book(MAYA, INES)
    row = check(town, CLEAR)
    review(town, row, **OTHER)
    town.visitor(INES).get(f"/checks/{row}")
    assert "Come and see me." in town.visitor(MAYA).text("/")


def test_an_older_doubt_is_named_with_its_day(town: RiskTown) -> None:
    check(town, UNSURE)
    check(town, CLEAR)
    assert "Ask a doctor about your result of" in town.visitor(MAYA).text("/")


def test_nobody_else_gets_the_open_results_of_a_patient(town: RiskTown) -> None:
    check(town, SIGN)
    assert LEUKEMIA not in town.visitor(OMAR).text("/")


def test_a_home_page_that_may_not_open_more_says_so_and_still_shows_the_rest(tmp_path: Path) -> None:
    town = RiskTown(tmp_path, limits=Limits(openings=Limit(5, 3600)))
    check(town, SIGN)
    for _ in range(12):
        check(town, CLEAR)
    answer = town.visitor(MAYA).get("/")
    assert answer.status_code == 200
    assert "could not look at all your results" in answer.text


def test_the_agenda_shows_the_check_of_the_booking_and_the_most_urgent_open_one(town: RiskTown) -> None:
    named = check(town, UNSURE)
    check(town, SIGN)
    town.federation.clock.now += 2 * 3600
    risk(town)
    maya, ines = town.members[MAYA].id, town.members[INES].id
    town.site.appointments.book(maya, ines, town.free()[0], Visit(check_id=named))
    page = town.visitor(INES).text("/doctor/")
    for fact in ("for this appointment", "50 %", "most urgent without a review", "93 %", "Signs of disease"):
        assert fact in page, fact
    assert page.index("50 %") < page.index("93 %")
    assert "2 hours ago" in page
    assert page.count("unread") >= 2
    assert "risk of" not in page, "the newest is neither"


def test_a_risk_in_the_agenda_and_in_the_time_line_has_its_age_urgency_and_marks(town: RiskTown) -> None:
    risk(town)
    town.book(MAYA, INES)
    ines = town.visitor(INES)
    line = f"/doctor/patients/{town.members[MAYA].id}"
    agenda = ines.text("/doctor/").split("My patients", 1)[1]
    assert "risk of diabetes" in agenda
    assert "0 minutes ago · unread" in agenda
    assert "no review yet" in ines.text(line)
    assert "unread" in ines.text(line)
    row = town.site.record_store.latest_of([town.members[MAYA].id])[town.members[MAYA].id].id
    review(town, row, decision="confirmed")
    assert "no review yet" not in ines.text(line)
    assert "· reviewed" in ines.text("/doctor/")


def test_the_agenda_names_no_open_result_of_a_patient_who_has_none(town: RiskTown) -> None:
    row = check(town, SIGN)
    town.book(MAYA, INES)
    review(town, row, decision="confirmed")
    page = town.visitor(INES).text("/doctor/")
    assert "newest result" in page
    assert "most urgent without a review" not in page


def test_who_opened_a_record_is_one_line_a_day_and_a_review_is_a_review(town: RiskTown) -> None:
    town.book(MAYA, INES)
    row = check(town, SIGN)
    review(town, row, decision="confirmed")
    ines = town.visitor(INES)
    for _ in range(8):
        town.federation.clock.now += 61
        ines.get("/doctor/")
        ines.get(f"/doctor/patients/{town.members[MAYA].id}")
    page = town.visitor(MAYA).text("/requests/who-sees")
    assert "the review of" in page
    assert "your note" not in page
    assert "the note of" not in page
    assert page.count("Dr Inês Carvalho ,") == 1 + 2, "her access, the check and the review"
    town.federation.clock.now += 24 * 3600
    ines.get("/doctor/")
    assert town.visitor(MAYA).text("/requests/who-sees").count("Dr Inês Carvalho ,") == 1 + 3
