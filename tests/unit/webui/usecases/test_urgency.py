"""The order of a worklist."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl.protocol.task import Task
from fl.protocol.task_catalogue import LEUKEMIA, LEUKEMIA_STAGES
from fl.training.tables.answer import Risk
from fl.training.tables.schema import load_schema
from tests.support.site_services import FakeFederation
from tests.support.site_town import cell
from webui.presentation.risk_wording import risk_saying
from webui.presentation.verdict_wording import verdict
from webui.usecases.record_format import Check, Subject
from webui.usecases.risk_format import RiskRecord
from webui.usecases.urgency import Urgency, place, urgency_of, urgency_of_risk

MODEL = FakeFederation().verified_model()
TONES = {Urgency.HIGH: "bad", Urgency.UNSURE: "wait", Urgency.OTHER: "plain", Urgency.LOW: "good"}
KEPT = (None, (), ("leukemia",), ("healthy",), ("healthy", "leukemia"))


def check(task: Task, probability: float, kept: tuple[str, ...] | None) -> Check:
    last, first = task.codes[-1], task.codes[0]
    shares = dict.fromkeys(task.codes, 0.0) | {first: 1 - probability, last: probability}
    label = last if probability >= 0.5 else first
    model, patient = replace(MODEL, task=task), Subject(1, "Maya Lindqvist", "1987-04-12")
    return Check(patient, 0, label, probability, model, cell(), shares, kept)


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("probability", [0.0, 0.2, 0.34, 0.35, 0.5, 0.64, 0.65, 0.8, 1.0])
def test_urgency_and_the_sentence_on_the_page_say_the_same(probability: float, kept: tuple[str, ...] | None) -> None:
    one = check(LEUKEMIA, probability, kept)
    said = verdict(LEUKEMIA, one.label, one.probability, one.kept, one.shares)
    assert TONES[urgency_of(one)] == said.tone


def test_urgency_and_the_sentence_agree_for_stages() -> None:
    for kept in (None, ("pre", "pro"), ("benign", "pro")):
        one = check(LEUKEMIA_STAGES, 0.9, kept)
        assert TONES[urgency_of(one)] == verdict(one.model.task, one.label, one.probability, kept, one.shares).tone


def test_a_record_that_the_site_cannot_open_comes_before_answers_without_signs() -> None:
    assert Urgency.UNSURE < urgency_of(None) < urgency_of(check(LEUKEMIA, 0.01, None))


def test_review_counts_before_urgency_and_urgency_before_age() -> None:
    old_low = place(Urgency.LOW, 1, 1, reviewed=False)
    new_high = place(Urgency.HIGH, 9, 9, reviewed=False)
    old_high = place(Urgency.HIGH, 2, 2, reviewed=False)
    reviewed = place(Urgency.HIGH, 0, 0, reviewed=True)
    assert sorted([reviewed, old_low, new_high, old_high]) == [old_high, new_high, old_low, reviewed]


@pytest.mark.parametrize(
    ("low", "probability", "high"), [(0.6, 0.8, 0.9), (0.4, 0.66, 0.8), (0.01, 0.03, 0.09), (0.01, 0.05, 0.2)]
)
def test_urgency_and_the_words_for_a_risk_agree(low: float, probability: float, high: float) -> None:
    risk = Risk(probability, low, high, "", (), "", "", (), None, "")
    schema = load_schema("heart-disease")
    values = (None,) * len(schema.columns)
    record = RiskRecord(Subject(1, "Maya", "1987-04-12"), 0, "Maya", "heart", schema, values, risk, (), MODEL, {}, 0)
    assert TONES[urgency_of_risk(risk)] == risk_saying(record).tone
