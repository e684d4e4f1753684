"""The answer of a sample is the worst answer among its pictures, also where a picture may have several findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from fl.protocol.task import Domain, Task, TaskClass, TaskKind
from fl.training.pictures.decode import PictureReading
from fl.training.pictures.field import Frame
from fl.training.pictures.images import Pixels
from tests.support.site_services import FakeFederation
from tests.support.site_town import cell
from webui.ports.federation import Prediction
from webui.presentation.result_wording import answer_of, counts_of, means
from webui.usecases.record_format import Check, Subject
from webui.usecases.record_pictures import NO_VIEWS, Pictured, Sample
from webui.usecases.sampling import check_pictures
from webui.usecases.urgency import Urgency, urgency_of

FINDINGS = (TaskClass("nodule", "nodule", disease=True), TaskClass("fluid", "fluid", disease=True, threshold=0.1))
CHEST = Task("chest", "Chest", TaskKind.LABELS, FINDINGS, "a finding in the chest", Domain.XRAY)
DEVICES = Task(
    "devices", "Devices", TaskKind.LABELS, (TaskClass("lead", "lead"), TaskClass("tube", "tube")), "", Domain.XRAY
)
KINDS = Task(
    "kinds",
    "Kinds of cells",
    TaskKind.CLASSES,
    (TaskClass("eosinophil", "eosinophil"), TaskClass("basophil", "basophil"), TaskClass("monocyte", "monocyte")),
    "",
    Domain.STAINED_CELL,
)
MODEL = FakeFederation().verified_model()
CLEAR, FLUID = (0.45, 0.05), (0.01, 0.2)
"""The larger probability has no finding; the smaller one is above its own threshold."""


def check(task: Task, *rows: tuple[float, ...]) -> Check:
    """Return the check of a sample with these probabilities, as the site makes it."""
    answers: Iterator[tuple[float, ...]] = iter(rows)

    def ask(_: Pixels, __: Frame | None) -> Prediction:
        shares = dict(zip(task.codes, next(answers), strict=True))
        return Prediction(max(shares, key=shares.__getitem__), None, shares, replace(MODEL, task=task))

    found = check_pictures([cell()] * len(rows), PictureReading(), None, ask)
    lead = found.lead
    patient = Subject(1, "Maya Lindqvist", "1987-04-12")
    return Check(patient, 0, lead.label, None, lead.model, cell(), lead.shares, None, NO_VIEWS, found.sample)


@pytest.mark.parametrize("rows", [(CLEAR, FLUID), (FLUID, CLEAR)])
def test_a_disease_above_its_own_threshold_leads_a_sample(rows: tuple[tuple[float, ...], ...]) -> None:
    one = check(CHEST, *rows)
    said = answer_of(one)
    assert one.shares["fluid"] == 0.2
    assert (said.tone, urgency_of(one)) == ("bad", Urgency.HIGH)
    assert said.title == "The model sees signs of a finding in the chest in 1 of 2 pictures"
    assert "show this result to a doctor" in said.text


def test_without_a_finding_the_picture_nearest_to_a_threshold_leads() -> None:
    assert check(CHEST, (0.2, 0.01), (0.01, 0.09)).shares["fluid"] == 0.09


def test_a_sample_that_was_stored_with_another_lead_still_says_that_a_picture_shows_signs() -> None:
    one = check(CHEST, CLEAR)
    signs = Pictured(cell(), NO_VIEWS, "fluid", None, dict(zip(CHEST.codes, FLUID, strict=True)))
    old = replace(one, sample=Sample((signs,), 0))
    said = answer_of(old)
    assert (said.tone, urgency_of(old)) == ("bad", Urgency.HIGH)
    assert "show this result to a doctor" in said.text


def test_without_a_disease_an_unsure_picture_leads_a_sample() -> None:
    one = check(KINDS, (0.9, 0.05, 0.05), (0.4, 0.3, 0.3))
    assert one.shares["eosinophil"] == 0.4
    assert answer_of(one).title == "The model is not sure about 1 of 2 pictures"


def test_without_a_disease_no_sentence_has_an_empty_name() -> None:
    one = check(DEVICES, (0.1, 0.2), (0.3, 0.2))
    assert answer_of(one).title == "The model sees none of its findings in 2 of 2 pictures"
    assert counts_of(one) == ["2 pictures without a finding"]
    assert means(one) == ["The model sees none of its findings in this X-ray."]
