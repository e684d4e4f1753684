"""Forms that say what is wrong, cancelling that asks once, erased records that promise nothing."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.site_town import INES, MAYA, OMAR, PASSWORD, Town, words

SIGN_UP = {"name": "Ada", "date_of_birth": "1990-12-10", "email": "ada@xy.example", "password": PASSWORD}
PROMISES = (
    "Can be opened",
    "soon be written",
    "Download the proof",
    "now being written to the ledger",
    "Ask the trustees",
)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"date_of_birth": "2026-02-30"}, "This is not a date"),
        ({"date_of_birth": "12/10/1990"}, "This is not a date"),
        ({"date_of_birth": "0001-01-01"}, "more than 130 years ago"),
        ({"date_of_birth": "1896-11-22"}, "more than 130 years ago"),
        ({"date_of_birth": "2026-11-24"}, "it is in the future"),
        ({"date_of_birth": ""}, "Please enter your date of birth"),
        ({"name": "Ada\u202eByron"}, "invisible character"),
        ({"name": "A\u200dda"}, "invisible character"),
        ({"password": "password1234", "again": "password1234"}, "too easy to guess"),
        ({"password": "ada ada ada ada", "again": "ada ada ada ada"}, "too easy to guess"),
        ({"password": "Test Clinic 2026!", "again": "Test Clinic 2026!"}, "too easy to guess"),
        ({"password": "a tab\there is one", "again": "a tab\there is one"}, "see and type"),
    ],
)
def test_a_bad_sign_up_is_explained(town: Town, change: dict[str, str], sentence: str) -> None:
    answer = town.visitor().post("/sign-up", **({"again": PASSWORD} | SIGN_UP | change))
    assert answer.status_code == 400
    assert sentence in words(answer)


@pytest.mark.parametrize("born", ["2026-11-23", "1896-11-23", "2024-02-29"])
def test_the_first_and_the_last_day_of_birth_are_taken(town: Town, born: str) -> None:
    assert datetime.fromtimestamp(town.federation.clock.now, UTC).date().isoformat() == "2026-11-23"
    answer = town.visitor().post("/sign-up", again=PASSWORD, **(SIGN_UP | {"date_of_birth": born}))
    assert answer.status_code == 302


def test_today_is_a_day_of_the_hospitals_zone(tmp_path: Path) -> None:
    town = Town(tmp_path, zone="Pacific/Auckland")  # noon by UTC is past midnight there
    answer = town.visitor().post("/sign-up", again=PASSWORD, **(SIGN_UP | {"date_of_birth": "2026-11-24"}))
    assert answer.status_code == 302


def test_a_bad_form_begins_with_its_errors_and_takes_the_focus(town: Town) -> None:
    answer = town.visitor().post("/sign-up", name=" ", date_of_birth="", email="x", password="x", again="y")
    page = answer.text
    assert "<title>Error: Create an account" in page
    head = page[page.index("error-summary") - 60 : page.index("<h1>")]
    assert 'role="alert" tabindex="-1" autofocus' in head
    for field in ("name", "date_of_birth", "email", "password", "again"):
        assert f'href="#{field}"' in head
        assert f'id="{field}"' in page


def test_a_good_form_has_no_summary(town: Town) -> None:
    page = town.visitor().get("/sign-up").text
    assert "error-summary" not in page
    assert "<title>Create an account" in page


@pytest.mark.parametrize(
    ("who", "page", "fields", "target"),
    [
        (None, "/sign-in", {"email": MAYA, "password": "wrong"}, "password"),
        (None, "/new-password", {"email": MAYA, "code": "", "password": "", "again": ""}, "code"),
        (MAYA, "/checks/new", {"image": (io.BytesIO(b"no image"), "x.png")}, "image"),
        (MAYA, "/consent/", {"readers": "2", "purposes": ["1"]}, "purposes-0"),
        (MAYA, "/password", {"old": "", "password": "x", "again": "x"}, "old"),
        (INES, "/requests/find", {"text": ""}, "text"),
    ],
)
def test_every_form_has_a_summary_that_leads_to_its_fields(
    town: Town, who: str | None, page: str, fields: dict[str, object], target: str
) -> None:
    visitor = town.visitor(who)
    answer = visitor.post(page, page="/requests/" if page == "/requests/find" else None, **fields)
    assert answer.status_code in {400, 401}
    assert "<title>Error: " in answer.text
    assert f'href="#{target}"' in answer.text
    assert f'id="{target}"' in answer.text


def test_cancelling_asks_once(town: Town) -> None:
    booking, patient = town.book(), town.visitor(MAYA)
    path = f"/appointments/{booking}/cancel"
    assert "Cancel this appointment?" in patient.text(path)
    assert town.site.appointments.of_patient(town.members[MAYA].id)[0].state == "booked", "looking cancels nothing"
    assert patient.post(path).location == "/appointments/"
    row = town.site.appointments.of_patient(town.members[MAYA].id)[0]
    assert (row.state, row.cancelled_by) == ("cancelled", "patient")
    assert patient.get(path).status_code == 409
    assert town.visitor(OMAR).get(path).status_code == 404


@pytest.mark.parametrize("anchored", [False, True])
def test_an_erased_record_promises_nothing(town: Town, anchored: bool) -> None:
    check = town.add_check(MAYA)
    town.book()
    if anchored:
        town.site.anchoring.anchor()
    town.site.record_store.erase(check, town.members[MAYA].id)
    for who in (MAYA, INES):
        page = town.visitor(who).text(f"/checks/{check}")
        assert "Nobody can bring it back" in page
        assert "reveals nothing about you and opens nothing" in page
        assert [promise for promise in PROMISES if promise in page] == []
        assert ("is on the ledger" in page) == anchored


def test_a_name_of_another_script_stands_on_its_own_in_a_sentence(town: Town) -> None:
    fields = SIGN_UP | {"name": "علی‌رضا  رضائیان"}
    visitor = town.visitor()
    assert visitor.post("/sign-up", again=PASSWORD, **fields).status_code == 302
    assert "<bdi>علی‌رضا رضائیان</bdi>" in visitor.get("/checks/").text
