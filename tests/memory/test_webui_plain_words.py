"""A patient of twelve reads no distance, no code and no unexplained word on the pages for patients."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fl.protocol.errors import NoAnswer
from fl.roles.serving.routing import Why
from fl.training.calibration import answer
from tests.support.site_risks import RiskTown
from tests.support.site_town import MAYA, cell
from webui.http import error_words
from webui.ports.federation import Route
from webui.presentation.result_wording import route_reason

TRUSTEES = "Trustees are people"


@pytest.fixture
def town(tmp_path: Path) -> RiskTown:
    return RiskTown(tmp_path)


def test_a_picture_that_is_too_different_is_called_so_without_a_distance(town: RiskTown) -> None:
    assert error_words.FOREIGN == answer.FOREIGN
    error = NoAnswer(answer.FOREIGN, answer.UNLIKE, "its distance from them is 1.5, and about 1 is usual")
    with town.app.test_request_context():
        said = error_words.sentence_of(error)
    assert "it is too different from them" in said
    assert "1.5" not in said


def test_trustees_and_quorum_are_explained_where_a_patient_meets_them(town: RiskTown) -> None:
    maya = town.visitor(MAYA)
    for page in ("/consent/", "/checks/new"):
        assert TRUSTEES in maya.text(page), page


@pytest.mark.parametrize(("km", "said"), [(0.2, False), (12.0, True), (None, False)])
def test_a_way_of_no_kilometres_is_not_named(town: RiskTown, km: float | None, said: bool) -> None:
    with town.app.test_request_context():
        assert ("km away" in route_reason(Route("North", Why.HOME, km))) == said


def test_facts_for_experts_are_folded_on_the_page_of_the_model_and_of_a_result(town: RiskTown) -> None:
    maya = town.visitor(MAYA)
    for path in ("/model", maya.check(cell()).location):
        page = maya.get(path).text
        fold = page[: page.index("Facts for experts")]
        assert fold[fold.rindex("<details") :].startswith('<details class="details"><summary>'), path
        assert "replayed the round" not in page
        shown = re.sub(r"<[^>]+>", " ", fold)
        assert "plain/1" not in shown
        assert not re.search(r"[0-9a-f]{4} ?[0-9a-f]{4} ?[0-9a-f]{4} ?[0-9a-f]{4}", shown.split("Record ")[0]), path


def test_a_patients_form_and_list_use_words_that_a_patient_knows(town: RiskTown) -> None:
    maya = town.visitor(MAYA)
    form = maya.text("/risks/diabetes/mine")
    assert "Score of diabetes among relatives" not in form
    assert "Most people do not know it" in form
    assert "likeliest class" not in maya.text("/checks/")
