"""Figures against scikit-learn and against cases that a person can compute."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from fl.protocol.task_catalogue import LEUKEMIA_DRAWN
from fl.training.data.dataset import Dataset
from fl.training.evaluation.answers import Answers, answer
from fl.training.evaluation.bootstrap import Bootstrap
from fl.training.evaluation.curves import ece, reliability
from fl.training.evaluation.predict import Predictor
from fl.training.evaluation.quality import NAMES, figures, judge, quality
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector

QUICK = Bootstrap(draws=100)
SICK = np.array([False, True])


def answers_of(finding: npt.ArrayLike, labels: npt.ArrayLike, persons: npt.ArrayLike | None = None) -> Answers:
    probability, truth = np.asarray(finding, np.float32), np.asarray(labels, np.int64)
    n = len(truth)
    people = np.arange(n) if persons is None else np.asarray(persons)
    scores = np.stack([1 - probability, probability], axis=1)
    return Answers(scores, truth, people.astype(np.str_), np.full(n, "alpha"), np.linspace(1, 2, n), SICK)


def by_name(answers: Answers, threshold: float = 0.5) -> dict[str, float]:
    return dict(zip(NAMES, figures(answers, threshold).tolist(), strict=True))


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.5, 0.7]))
def test_figures_of_a_finding_are_scikit_learns(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.permutation([0, 1] * 40)
    finding = np.round(rng.random(80) * 0.7 + labels * 0.2, 2).astype(np.float32)
    found, said = by_name(answers_of(finding, labels), threshold), (finding > threshold).astype(int)
    expected = {
        "accuracy": sk.accuracy_score(labels, said),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, said),
        "precision": sk.precision_score(labels, said, zero_division=np.nan),
        "recall": sk.recall_score(labels, said),
        "specificity": sk.recall_score(labels, said, pos_label=0),
        "f1": sk.f1_score(labels, said),
        "auroc": sk.roc_auc_score(labels, finding),
        "auprc": sk.average_precision_score(labels, finding),
        "brier": sk.brier_score_loss(labels, finding),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_figures_of_many_classes_are_scikit_learns() -> None:
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 4, 200)
    scores = (rng.dirichlet(np.ones(4), 200) + 0.4 * np.eye(4)[labels]).astype(np.float32)
    scores /= scores.sum(axis=1, keepdims=True)
    texts = np.arange(200).astype(np.str_)
    found = by_name(Answers(scores, labels, texts, texts, np.ones(200), np.zeros(4, np.bool_)))
    assert found["auroc"] == pytest.approx(sk.roc_auc_score(labels, scores, multi_class="ovr"), abs=1e-6)
    assert found["auprc"] == pytest.approx(sk.average_precision_score(np.eye(4)[labels], scores), abs=1e-6)
    assert found["brier"] == pytest.approx(sk.brier_score_loss(labels, scores), abs=1e-6)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, scores.argmax(axis=1)))


def test_bins_are_scikit_learns_of_equal_mass() -> None:
    rng = np.random.default_rng(5)
    score = rng.random(1000)
    truth = rng.random(1000) < score**2
    true, said = calibration_curve(truth, score, n_bins=15, strategy="quantile")
    found = reliability(score, truth)
    assert found.said == pytest.approx(said)
    assert found.true == pytest.approx(true)
    assert found.images.sum() == 1000
    assert found.images.max() - found.images.min() <= 1


def test_ece_of_two_bins_by_hand() -> None:
    score = np.array([0.1, 0.3, 0.6, 1.0])
    truth = np.array([False, True, True, True])
    assert ece(score, truth, bins=2) == pytest.approx((abs(0.2 - 0.5) + abs(0.8 - 1.0)) / 2)
    assert ece(np.array([0.0, 1.0]), np.array([False, True])) == 0
    assert ece(np.full(10, 0.5), np.arange(10) < 5) == pytest.approx(0), "equal probabilities share a bin"


def test_small_case_by_hand() -> None:
    found = by_name(answers_of([0.9, 0.6, 0.4, 0.2, 0.7], [1, 1, 1, 0, 0]))
    assert found["recall"] == pytest.approx(2 / 3)
    assert (found["specificity"], found["accuracy"]) == (0.5, 0.6)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["auroc"] == pytest.approx(4 / 6)
    assert found["brier"] == pytest.approx((0.1**2 + 0.4**2 + 0.6**2 + 0.2**2 + 0.7**2) / 5, abs=1e-6)
    assert [found["median_s"], found["p95_s"]] == pytest.approx([1.5, 1.95])


def test_with_one_class_the_figures_about_the_other_are_not_numbers() -> None:
    found = quality(answers_of([0.2, 0.6, 0.1], [0, 0, 0]), how=QUICK).figures
    undefined = {name for name, figure in found.items() if math.isnan(figure.value)}
    assert undefined == {"balanced_accuracy", "recall", "auroc", "auprc"}
    assert all(found[name].draws == 0 for name in undefined)
    assert found["recall"].to_dict() == {"value": None, "low": None, "high": None, "draws": 0}


def test_a_class_of_few_persons_has_no_interval() -> None:
    persons = ["h", "h", "i", "a", "b", "c", "d"]
    found = quality(answers_of([0.1, 0.4, 0.6, 0.9, 0.4, 0.8, 0.7], [0, 0, 0, 1, 1, 1, 1], persons), how=QUICK)
    assert found.persons == (2, 4)
    with_interval = {name for name, figure in found.figures.items() if not math.isnan(figure.low)}
    assert with_interval == {"recall", "median_s", "p95_s"}


def test_hospitals_and_persons_are_judged_apart() -> None:
    both = answers_of([0.9, 0.2, 0.8, 0.4, 0.6, 0.1], [1, 1, 1, 0, 0, 0], ["A", "A", "B", "H", "I", "I"])
    both = Answers(both.scores, both.labels, both.persons, np.array(["x", "x", "y", "x", "y", "y"]), both.seconds, SICK)
    found = judge(both, how=QUICK)
    assert {name: part.images for name, part in found.hospitals.items()} == {"x": 3, "y": 3}
    assert [part.figures["accuracy"].value for part in found.hospitals.values()] == pytest.approx([2 / 3, 2 / 3])
    assert [(row.hospital, row.person, row.label, row.images, row.correct) for row in found.people] == [
        ("x", "A", 1, 2, 1),
        ("x", "H", 0, 1, 1),
        ("y", "B", 1, 1, 1),
        ("y", "I", 0, 2, 1),
    ]
    assert found.people[0].finding == pytest.approx(0.55)


def test_every_image_is_answered_as_the_site_answers_it(tiny: ModelSpec, cells: Dataset) -> None:
    predictor = Predictor(tiny, to_vector(build_model(tiny, 1)))
    ticks = itertools.count()
    found = answer(predictor, {"alpha": cells, "beta": cells}, LEUKEMIA_DRAWN, lambda: float(next(ticks)))
    alone = np.stack([predictor.probability(image) for image in cells.images])
    assert (found.scores == np.concatenate([alone, alone])).all(), "to the last digit"
    assert found.seconds.tolist() == [1.0] * (2 * len(cells))
    assert found.hospitals.tolist() == ["alpha"] * len(cells) + ["beta"] * len(cells)
