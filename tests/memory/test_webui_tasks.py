"""What pages say follows from the task: its disease, its classes, where its training data come from, and an alarm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fl.protocol.task import Domain, Task, TaskClass, TaskKind
from fl.protocol.task_catalogue import LEUKEMIA, LEUKEMIA_DRAWN, LEUKEMIA_STAGES, PNEUMONIA
from tests.support.site_town import MAYA, Town, cell
from tests.support.tasks_of_tests import CHEST
from webui.ports.federation import HeldOut
from webui.presentation import wording as words
from webui.presentation.verdict_wording import verdict

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
    return Town(tmp_path)


def result_of(town: Town, task: Task, probability: float, **fields: str) -> str:
    town.federation.task, town.federation.probability = task, probability
    visitor = town.visitor(MAYA)
    answer = visitor.check(cell(), **fields)
    assert answer.status_code == 302, visitor.text("/checks/new")
    return visitor.text(answer.location)


def test_a_blast_is_called_a_blast_and_a_healthy_cell_healthy(town: Town) -> None:
    page = result_of(town, LEUKEMIA, 0.93)
    assert "signs of leukemia in this cell" in page
    assert "Most likely: leukemic blast (93 %)" in page
    page = result_of(town, LEUKEMIA, 0.08)
    assert "no signs of leukemia in this cell" in page
    assert "Most likely: healthy cell (92 %)" in page
    turned = replace(LEUKEMIA, classes=LEUKEMIA.classes[::-1])
    assert "Most likely: leukemic blast (93 %)" in result_of(town, turned, 0.93)


def test_a_task_of_x_rays_speaks_of_its_own_disease(town: Town) -> None:
    page = result_of(town, PNEUMONIA, 0.93)
    assert "signs of pneumonia in this X-ray" in page
    assert "leukem" not in page.split("Where this answer comes from")[0].lower()
    assert "blood counts" not in page


def test_several_classes_add_up_and_are_all_listed_with_the_likeliest_named(town: Town) -> None:
    page = result_of(town, LEUKEMIA_STAGES, 0.93)
    assert "signs of leukemia" in page
    assert "Most likely: pro-B leukemic blast" in page
    for one in LEUKEMIA_STAGES.classes:
        assert one.name in page
    assert "counts as leukemia" in page


def test_disease_decides_the_verdict_even_where_a_healthy_class_is_the_likeliest() -> None:
    """0.4 benign against 0.3 and 0.3 of two stages: leukemia has 0.6."""
    assert verdict(LEUKEMIA_STAGES, "benign", 0.66).tone == "bad"
    assert verdict(LEUKEMIA_STAGES, "benign", 0.6).tone == "wait"
    assert verdict(LEUKEMIA_STAGES, "early", 0.2).tone == "good"


def test_without_a_disease_the_page_names_a_class_and_no_probability_of_disease(town: Town) -> None:
    page = result_of(town, CELLS, 0.0)
    assert "The model takes this cell for: basophil" in page
    assert "probability of" not in page
    assert "basophil" in town.visitor(MAYA).text("/checks/")


# --- Drawn cells ---------------------------------------------------------------------------------------------------


def test_a_model_of_drawn_cells_asks_before_it_judges(town: Town) -> None:
    town.federation.task = LEUKEMIA_DRAWN
    visitor = town.visitor(MAYA)
    assert "I know that this model has only seen drawn cells" in visitor.text("/checks/new")
    answer = visitor.check(cell())
    assert answer.status_code == 400
    assert "Please tick this box first" in answer.text
    assert "trained on drawn cells" not in visitor.text("/checks/")
    assert visitor.check(cell(), drawn="y").status_code == 302


def test_a_model_of_real_cells_asks_nothing(town: Town) -> None:
    assert "drawn" not in town.visitor(MAYA).text("/checks/new")


def test_every_page_with_a_result_or_figure_says_that_cells_were_drawn(town: Town) -> None:
    page = result_of(town, LEUKEMIA_DRAWN, 0.9, drawn="y")
    assert "This model was trained on drawn cells" in page
    visitor = town.visitor(MAYA)
    assert "drawn cells" in visitor.text("/checks/")
    assert "This model was trained on drawn cells" in town.visitor().text("/")


# --- Figures -------------------------------------------------------------------------------------------------------


def test_figures_on_the_home_page_come_with_their_data(town: Town) -> None:
    page = town.visitor().text("/")
    assert "412 pictures of 38 persons (ALL images of one laboratory)" in page
    assert LEUKEMIA.name in page


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (HeldOut("", 1, 1, "real"), "1 pictures of 1 person"),
        (HeldOut("drawn cells", 1180, 9, "drawn"), "1,180 drawn pictures of 9 persons (drawn cells)"),
    ],
)
def test_data_in_words(data: HeldOut, said: str) -> None:
    assert words.measured_on(data) == said


def test_an_alarm_is_on_the_home_page(town: Town) -> None:
    town.federation.report = replace(town.federation.report, alarm="AUROC is 0.020")
    page = town.visitor().text("/")
    assert "far worse than chance" in page
    assert "AUROC is 0.020" in page


# --- Several labels, and many classes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "tone", "title"),
    [
        ((0.9, 0.2, 0.1), "bad", "The model sees signs of nodule and effusion in this X-ray"),
        ((0.1, 0.05, 0.9), "plain", "The model sees pacemaker in this X-ray"),
        ((0.4, 0.05, 0.3), "good", "The model sees none of its 3 findings in this X-ray"),
    ],
)
def test_each_finding_is_named_above_its_own_limit(shares: tuple[float, ...], tone: str, title: str) -> None:
    saying = verdict(CHEST, "nodule", None, None, dict(zip(CHEST.codes, shares, strict=True)))
    assert (saying.tone, saying.title) == (tone, title)


def test_a_page_lists_each_finding_with_its_probability_and_limit(town: Town) -> None:
    page = result_of(town, CHEST, 0.2)
    assert "nodule: not found (limit 50 %)" in page
    assert "effusion: found (limit 10 %)" in page
    assert "Most likely" not in page
    assert "A second look at a picture" in town.visitor().text("/")
    assert "estimate of the probability" not in page
    assert "2 of 3" in town.visitor(MAYA).text("/checks/")


def test_a_likeliest_class_below_one_half_is_not_sure() -> None:
    unsure = verdict(CELLS, "basophil", None, None, {"basophil": 0.4, "eosinophil": 0.3})
    assert (unsure.tone, unsure.title) == ("wait", "The model is not sure about this cell")
    assert "basophil, with only 40 %" in unsure.text


def test_a_mean_over_classes_or_findings_is_called_one() -> None:
    assert words.metric_name("recall", LEUKEMIA) == "Sensitivity"
    assert words.metric_name("recall", CELLS) == "Sensitivity, mean of classes"
    assert words.metric_name("auroc", CHEST) == "AUROC, mean of findings"
    assert words.metric_name("accuracy", CHEST) == "All findings right"
