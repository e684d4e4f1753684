"""What is an alarm: figures that swapped classes give; and not what a poor, an untrained or a constant model gives."""

from __future__ import annotations

import numpy as np
import pytest

from fl.protocol.task_catalogue import LEUKEMIA, LEUKEMIA_STAGES
from fl.training.evaluation.chance import alarm
from fl.training.evaluation.metrics import Metrics, measure

RNG = np.random.default_rng(11)
BINARY = [one.disease for one in LEUKEMIA.classes]
STAGES = [one.disease for one in LEUKEMIA_STAGES.classes]


def _binary(truth: list[int], quality: float) -> Metrics:
    labels = np.array(truth, np.int64)
    score = np.clip(0.5 + quality * (labels - 0.5) + RNG.normal(0, 0.15, labels.size), 0.0, 1.0)
    return measure(np.stack([1 - score, score], axis=1), labels, BINARY)


def test_turned_labels_are_an_alarm_that_names_the_figures() -> None:
    reported = alarm(_binary([0, 1] * 40, -0.6))
    assert "80 held-out images" in reported
    assert "AUROC" in reported


def test_a_good_model_its_labels_and_an_untrained_one_are_no_alarm() -> None:
    assert alarm(_binary([0, 1] * 40, 0.6)) == ""
    assert not any(alarm(_binary([0, 1] * 40, 0.0)) for _ in range(100))


def test_few_images_prove_nothing() -> None:
    assert alarm(_binary([0, 1, 0, 1], -0.9)) == ""


@pytest.mark.parametrize("truth", [[0] * 50, [1] * 50, [0, 1] * 25])
def test_one_answer_to_everything_is_no_alarm(truth: list[int]) -> None:
    scores = np.tile([0.2, 0.8], (50, 1))
    assert alarm(measure(scores, np.array(truth, np.int64), BINARY)) == ""
    assert alarm(measure(np.zeros((0, 2)), np.zeros(0, np.int64), BINARY)) == ""


def test_classes_that_changed_places_among_several_are_an_alarm_though_disease_is_told_from_health() -> None:
    labels = np.repeat(np.arange(4), 25)
    moved = np.array([0, 2, 3, 1])[labels]
    reported = alarm(measure(np.eye(4)[moved] * 0.9 + 0.025, labels, STAGES))
    assert reported == ""  # a quarter is still right: kappa is 0
    everywhere = np.array([1, 2, 3, 0])[labels]
    reported = alarm(measure(np.eye(4)[everywhere] * 0.9 + 0.025, labels, STAGES))
    assert "only 0 of 100 held-out images were judged correctly" in reported


def test_without_a_disease_the_agreement_counts() -> None:
    labels = np.repeat(np.arange(3), 30)
    assert "kappa" in alarm(measure(np.eye(3)[(labels + 1) % 3], labels, [False] * 3))
    assert alarm(measure(np.eye(3)[labels], labels, [False] * 3)) == ""
