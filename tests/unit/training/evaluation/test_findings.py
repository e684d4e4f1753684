from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from fl.training.evaluation.answers import Answers
from fl.training.evaluation.bootstrap import Bootstrap
from fl.training.evaluation.chance import alarm
from fl.training.evaluation.findings import measure_labels
from fl.training.evaluation.quality import judge

LIMITS = np.array([0.5, 0.3, 0.8])


def drawn(seed: int, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    marks = generator.random((count, 3)) < (0.5, 0.2, 0.1)
    return (0.6 * marks + 0.5 * generator.random((count, 3))).clip(0, 1), marks


def test_every_figure_is_the_macro_mean_of_scikit_learn() -> None:
    scores, marks = drawn(1)
    found = measure_labels(scores, marks, LIMITS)
    said = scores > LIMITS
    assert found.recall == pytest.approx(sk.recall_score(marks, said, average="macro"))
    assert found.precision == pytest.approx(sk.precision_score(marks, said, average="macro"))
    assert found.f1 == pytest.approx(sk.f1_score(marks, said, average="macro"))
    assert found.auroc == pytest.approx(sk.roc_auc_score(marks, scores, average="macro"))
    assert found.auprc == pytest.approx(sk.average_precision_score(marks, scores, average="macro"))
    assert found.accuracy == pytest.approx(sk.accuracy_score(marks, said))
    assert found.samples == 200


def test_each_label_is_judged_at_its_own_threshold() -> None:
    scores, marks = np.array([[0.4, 0.4]] * 4), np.array([[True, True]] * 4)
    found = measure_labels(scores, marks, np.array([0.5, 0.3]))
    assert [one.recall for one in found.each] == [0.0, 1.0]
    assert found.accuracy == 0.0


def test_a_label_that_no_image_has_does_not_make_the_mean_undefined() -> None:
    scores, marks = drawn(2)
    marks[:, 2] = False
    found = measure_labels(scores, marks, LIMITS)
    assert found.each[2].auroc is None
    assert math.isnan(found.each[2].recall)
    assert found.recall == pytest.approx(np.mean([one.recall for one in found.each[:2]]))
    assert found.to_dict()["kappa"] is None


def test_one_label_upside_down_is_an_alarm() -> None:
    scores, marks = drawn(3)
    assert alarm(measure_labels(scores, marks, LIMITS)) == ""
    scores[:, 1] = 1 - scores[:, 1]
    assert "far below 0.5" in alarm(measure_labels(scores, marks, LIMITS))


def test_a_judgement_has_figures_per_label_and_no_row_per_person() -> None:
    scores, marks = drawn(4, 60)
    names = np.array([f"p{row}" for row in range(60)])
    home = np.full(60, "alpha")
    disease = np.array([True, True, False])
    answers = Answers(
        scores.astype(np.float32), np.zeros(60, np.int64), names, home, np.full(60, 0.01), disease, marks, LIMITS
    )
    judged = judge(answers, how=Bootstrap(draws=20))
    assert judged.people == ()
    assert [one.images for one in judged.whole.classes] == marks.sum(axis=0).tolist()
    area = judged.whole.figures["auroc"]
    assert area.low <= area.value <= area.high


def test_of_three_classes_each_is_judged_against_the_rest() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2])
    scores = np.eye(3, dtype=np.float32)[[0, 1, 1, 1, 2, 2]]
    people = np.array([f"p{row}" for row in range(6)])
    answers = Answers(scores, labels, people, np.full(6, "a"), np.full(6, 0.0), np.zeros(3, np.bool_))
    each = judge(answers, how=Bootstrap(draws=10)).whole.classes
    assert [one.recall for one in each] == [0.5, 1.0, 1.0]
    assert [one.precision for one in each] == [1.0, pytest.approx(2 / 3), 1.0]
