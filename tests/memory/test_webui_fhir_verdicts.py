"""FHIR says of a check what its page says, and nothing of other records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.fhir import System, valid
from tests.support.site_risks import PERSON, RiskTown, fields
from tests.support.site_town import INES, MAYA, Town
from tests.support.tasks_of_tests import CHEST

KINDS = ("DiagnosticReport", "Observation", "Media")


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def read(town: Town, kind: str, probability: float) -> dict[str, Any]:
    town.federation.probability = probability
    return valid(System(town, MAYA).ask(f"{kind}/{town.add_check(MAYA)}"))


@pytest.mark.parametrize(
    ("probability", "said", "code"),
    [
        (0.55, "The model is not sure about this cell", None),
        (0.9, "The model sees signs of leukemia in this cell", "leukemia"),
        (0.04, "The model sees no signs of leukemia in this cell", "healthy"),
    ],
)
def test_a_conclusion_is_the_verdict_of_the_page(town: Town, probability: float, said: str, code: str | None) -> None:
    assert read(town, "DiagnosticReport", probability)["conclusion"].startswith(f"{said}. A model's answer")
    value = read(town, "Observation", probability)["valueCodeableConcept"]
    assert value["text"] == said
    assert [each["code"] for each in value.get("coding", [])] == ([code] if code else [])


def test_a_finding_is_coded_above_its_own_threshold(town: Town) -> None:
    town.federation.task = CHEST
    value = read(town, "Observation", 0.2)["valueCodeableConcept"]
    assert [each["code"] for each in value["coding"]] == ["effusion", "pacemaker"], "effusion: 20 %, its limit is 10 %"
    assert value["text"] == "The model sees signs of effusion and pacemaker in this X-ray"


def test_a_report_says_whether_a_doctor_has_reviewed_it(town: Town) -> None:
    town.book(MAYA, INES)
    first, second = town.add_check(MAYA), town.add_check(MAYA)
    assert town.visitor(INES).post(f"/reviews/{first}", decision="confirmed").status_code == 302
    maya = System(town, MAYA)
    ends = {each["id"]: each["conclusion"] for each in maya.entries("DiagnosticReport")}
    assert ends[str(first)].startswith("The doctor agrees with the model's answer (Dr Inês Carvalho).")
    assert ends[str(second)].endswith("no doctor has reviewed it.")
    assert valid(maya.ask(f"DiagnosticReport/{first}"))["conclusion"] == ends[str(first)]


def test_an_answer_about_a_table_is_no_report_of_a_picture(tmp_path: Path) -> None:
    town = RiskTown(tmp_path)
    check = town.add_check(MAYA)
    risk = int(town.visitor(MAYA).post("/risks/diabetes/mine", **fields(PERSON)).location.rsplit("/", 1)[1])
    maya = System(town, MAYA)
    for kind in KINDS:
        assert [each["id"] for each in maya.entries(kind)] == [str(check)]
        assert maya.ask(f"{kind}/{risk}").status_code == 404
