"""Risks from tables by the API: the same rules as on the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fl.crypto.capsule import Readers
from fl.protocol.names import Purpose
from fl.training.tables.rows import parse_values
from fl.training.tables.suggestions import load_suggestions
from tests.support.api import Program, as_schema
from tests.support.site_risks import PERSON, PIMA, RiskTown, fitted
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, Town, cell
from webui.config import Limit, Limits
from webui.ports.consent import Choice
from webui.store.tokens import Scope

VALUES = {
    "Pregnancies": 3,
    "Glucose": 168,
    "BMI": 38.2,
    "DiabetesPedigreeFunction": "0,6",
    "Age": 50,
    "Insulin": None,
}
ASKED = {"table": "diabetes", "values": VALUES}


@pytest.fixture
def town(tmp_path: Path) -> RiskTown:
    return RiskTown(tmp_path)


def number(town: Town, who: str) -> int:
    return town.members[who].id


def test_a_program_asks_a_table_and_reads_the_saved_risk(town: RiskTown) -> None:
    maya = Program(town, MAYA)
    made = maya.send("/risks", ASKED)
    assert made.status_code == 201
    as_schema(made.json, "Risk")
    right = fitted(PIMA).risk(parse_values({**PERSON, "BMI": "38.2"}, PIMA), load_suggestions())
    assert made.json["result"]["probability"] == right.probability
    assert made.json["values"] == dict.fromkeys(PIMA.names) | VALUES | {"DiabetesPedigreeFunction": 0.6}
    assert made.json["entered_by"] == "Maya Lindqvist"
    assert maya.get(f"/risks/{made.json['id']}").json == made.json
    listed = maya.get("/risks").json
    as_schema(listed, "Risks")
    assert listed["risks"] == [made.json]
    assert "Diabetes: " in town.visitor(MAYA).text(f"/checks/{made.json['id']}"), "it is the record of the page"


def test_the_tables_say_how_each_column_is_filled_in(town: RiskTown) -> None:
    found = Program(town, MAYA).get("/tables").json
    as_schema(found, "Tables")
    by_name = {each["table"]: each for each in found["tables"]}
    assert by_name.keys() == {"heart", "diabetes"}
    columns = {each["name"]: each for each in by_name["diabetes"]["columns"]}
    assert (columns["Glucose"]["low"], columns["Glucose"]["high"], columns["Glucose"]["unit"]) == (20, 600, "mg/dl")
    assert (columns["Age"]["may_be_unknown"], columns["Insulin"]["may_be_unknown"]) == (False, True)
    town.tables.ready = False
    late = Program(town, MAYA).get("/tables").json
    as_schema(late, "Tables")
    assert [each["ready"] for each in late["tables"]] == [False, False]
    assert Program(town, MAYA).send("/risks", ASKED).status_code == 503


def test_a_doctor_asks_for_a_patient_in_care_and_for_no_other(town: RiskTown) -> None:
    town.book(MAYA, INES)
    ines = Program(town, INES)
    made = ines.send("/risks", {**ASKED, "patient": number(town, MAYA)})
    assert (made.status_code, made.json["entered_by"]) == (201, "Dr Inês Carvalho")
    risk = made.json["id"]
    assert ines.get("/risks", patient=number(town, MAYA)).json["risks"][0]["id"] == risk
    assert ines.send("/risks", ASKED).status_code == 400, "whose?"
    assert ines.get("/risks").status_code == 400
    for wrong in (number(town, OMAR), 10**9):
        assert ines.send("/risks", {**ASKED, "patient": wrong}).status_code == 404
        assert ines.get("/risks", patient=wrong).status_code == 404
    assert Program(town, JONAS).get(f"/risks/{risk}").status_code == 404
    assert Program(town, OMAR).get(f"/risks/{risk}").status_code == 404
    assert Program(town, OMAR).send("/risks", {**ASKED, "patient": number(town, MAYA)}).status_code == 404
    assert Program(town, NOOR).get("/tables").status_code == 403
    assert risk in {each.record_row for each in town.site.openings.of_patient(number(town, MAYA), 0)}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"Glucose": 9000}, "Glucose"),
        ({"Age": None}, "Age"),
        ({"Age": True}, "Age"),
        ({"Age": [50]}, "Age"),
        ({"Age": 1e300}, "Age"),
        ({"Shoe size": 40}, "Shoe size"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_is_saved(town: RiskTown, values: dict[str, object], said: str) -> None:
    maya = Program(town, MAYA)
    answer = maya.send("/risks", {"table": "diabetes", "values": VALUES | values})
    assert answer.status_code == 400
    assert f"The field {said} is not right" in answer.json["detail"]
    assert (town.tables.asked, maya.get("/risks").json["risks"]) == (0, [])


def test_few_values_are_refused_as_on_the_page(town: RiskTown) -> None:
    answer = Program(town, MAYA).send("/risks", {"table": "heart", "values": {"age": 61}})
    assert answer.status_code == 400
    assert "Only 1 of 13 values are known" in answer.json["detail"]


def test_scopes_and_limits_hold(tmp_path: Path) -> None:
    town = RiskTown(tmp_path, limits=replace(Limits(), risks=Limit(1, 3600)))
    reader = Program(town, MAYA, Scope.RISKS_READ)
    refused = reader.send("/risks", ASKED)
    assert (refused.status_code, "risks:write" in refused.json["detail"]) == (403, True)
    assert Program(town, MAYA, Scope.CHECKS_READ).get("/risks").status_code == 403
    maya = Program(town, MAYA)
    assert [maya.send("/risks", ASKED).status_code for _ in range(2)] == [201, 429]


def test_a_busy_site_says_so(town: RiskTown) -> None:
    with town.site.doors.risks.enter():
        town.site.doors.risks._wait_s = 0.01
        assert Program(town, MAYA).send("/risks", ASKED).status_code == 503


def test_one_key_makes_one_risk(town: RiskTown) -> None:
    maya = Program(town, MAYA)
    both = [maya.send("/risks", ASKED, key="once") for _ in range(2)]
    assert both[0].json == both[1].json
    assert len(maya.get("/risks").json["risks"]) == 1


def test_without_the_hospitals_permission_a_patient_has_no_tables(tmp_path: Path) -> None:
    town = RiskTown(tmp_path, patient_risks=False)
    maya = Program(town, MAYA)
    assert maya.get("/tables").json == {"tables": []}
    assert maya.send("/risks", ASKED).status_code == 404


def test_a_picture_is_no_risk_and_a_risk_is_named_among_the_checks(town: RiskTown) -> None:
    maya = Program(town, MAYA)
    picture, risk = maya.check(cell()).json["id"], maya.send("/risks", ASKED).json["id"]
    assert maya.get(f"/risks/{picture}").status_code == 404
    assert [each["id"] for each in maya.get("/risks").json["risks"]] == [risk]
    kinds = {each["id"]: each["kind"] for each in maya.get("/checks").json["checks"]}
    assert kinds == {picture: "picture", risk: "risk"}


def test_if_only_a_quorum_opens_the_record_the_answer_is_not_in_the_reply(town: RiskTown) -> None:
    town.federation.records.hold_key()
    choice = Choice(Readers.TRUSTEES, frozenset({Purpose.TREATMENT, Purpose.PATIENT_WISH}))
    town.site.patient_records.choose(number(town, MAYA), choice)
    made = Program(town, MAYA).send("/risks", ASKED)
    as_schema(made.json, "Risk")
    assert (made.status_code, made.json["state"], made.json["result"]) == (201, "waiting", None)
