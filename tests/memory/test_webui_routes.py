"""A check that another hospital's server answers: the choice, the record, the page, the receipt."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from tests.support.site_town import MAYA, Town, cell
from webui.ports.federation import Route

HERE, SOUTH = Route("North", "home"), Route("South", "wish", 667.4)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    found = Town(tmp_path)
    found.federation.routes = (HERE, SOUTH)
    return found


def test_a_patient_chooses_the_hospital_and_the_result_says_which_one_answered(town: Town) -> None:
    visitor = town.visitor(MAYA)
    assert "South" in visitor.text("/checks/new")
    path = visitor.check(cell(), server="South").location
    assert "South: you chose this hospital. It is about 667 km away." in visitor.text(path)


def test_people_read_the_hospitals_own_name_and_the_ledgers_name_below_it(tmp_path: Path) -> None:
    town = Town(tmp_path, hospitals={"South": "Douro Hospital", "North": "Test Clinic"})
    town.federation.routes = (HERE, SOUTH)
    visitor = town.visitor(MAYA)
    assert '<option value="South">Douro Hospital</option>' in visitor.get("/checks/new").text
    page = visitor.text(visitor.check(cell(), server="South").location)
    assert "Douro Hospital: you chose this hospital. It is about 667 km away. Its name on the ledger South" in page


def test_the_sentence_about_a_model_names_who_attested_it_as_people_call_it(tmp_path: Path) -> None:
    town = Town(tmp_path, hospitals={"National Audit Laboratory": "Isar Hospital"})
    page = town.visitor().text("/model")
    assert "the same was computed again by: Isar Hospital. They got the same model" in page
    assert "Attested by National Audit Laboratory" in page, "the facts below it have the name on the ledger"


def test_without_a_choice_the_site_chooses(town: Town) -> None:
    visitor = town.visitor(MAYA)
    path = visitor.check(cell()).location
    assert "North: it is this site's own hospital." in visitor.text(path)


def test_a_hospital_that_was_not_offered_is_no_choice(town: Town) -> None:
    visitor = town.visitor(MAYA)
    path = visitor.check(cell(), server="Elsewhere").location
    assert "North: it is this site's own hospital." in visitor.text(path)


def test_a_site_with_one_server_offers_no_choice(tmp_path: Path) -> None:
    visitor = Town(tmp_path).visitor(MAYA)
    assert "Which hospital" not in visitor.text("/checks/new")
    path = visitor.post("/checks/new", image=(io.BytesIO(cell()), "cell.png")).location
    assert "Answered by" not in visitor.text(path)


def test_the_receipt_names_the_route(town: Town) -> None:
    visitor = town.visitor(MAYA)
    path = visitor.check(cell(), server="South").location
    receipt = visitor.get(f"{path}/receipt.json").json
    assert receipt is not None
    assert '"server": "South"' in str(receipt).replace("'", '"')
