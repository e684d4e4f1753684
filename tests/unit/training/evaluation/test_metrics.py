from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from fl.training.evaluation.chance import alarm
from fl.training.evaluation.metrics import auroc, measure

FINDING = (False, True)
"""Two classes, the second one disease."""


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=60))
def test_auroc_is_scikit_learns_also_with_ties(pairs: list[tuple[int, bool]]) -> None:
    scores = np.array([score / 6 for score, _ in pairs])
    positive = np.array([label for _, label in pairs])
    area = auroc(scores, positive)
    if positive.all() or not positive.any():
        assert area is None
    else:
        assert area == pytest.approx(sk.roc_auc_score(positive, scores), abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_binary_numbers_are_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 50)
    finding = (rng.random(50) * 0.7 + labels * 0.2).astype(np.float32)
    result = measure(np.stack([1 - finding, finding], axis=1), labels, FINDING)
    predicted = (finding > 1 - finding).astype(int)
    assert result.confusion == tuple(map(tuple, sk.confusion_matrix(labels, predicted, labels=[0, 1]).tolist()))
    assert result.accuracy == pytest.approx(sk.accuracy_score(labels, predicted))
    assert result.precision == pytest.approx(sk.precision_score(labels, predicted, zero_division=np.nan), nan_ok=True)
    assert result.recall == pytest.approx(sk.recall_score(labels, predicted, zero_division=np.nan))
    assert result.specificity == pytest.approx(sk.recall_score(labels, predicted, pos_label=0, zero_division=np.nan))
    assert result.f1 == pytest.approx(sk.f1_score(labels, predicted, zero_division=np.nan))
    assert result.balanced_accuracy == pytest.approx(sk.balanced_accuracy_score(labels, predicted))


def test_many_classes_are_macro_means() -> None:
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 4, 200)
    scores = rng.dirichlet(np.ones(4), 200) + 0.4 * np.eye(4)[labels]
    scores /= scores.sum(axis=1, keepdims=True)
    predicted = scores.argmax(axis=1)
    result = measure(scores, labels, [False] * 4)
    how = {"average": "macro", "zero_division": np.nan}
    precision, recall, f1, _ = sk.precision_recall_fscore_support(labels, predicted, **how)
    assert (result.precision, result.recall, result.f1) == pytest.approx((precision, recall, f1))
    assert result.auroc == pytest.approx(sk.roc_auc_score(labels, scores, multi_class="ovr", average="macro"))
    assert result.correct == int((predicted == labels).sum())


def test_subjects_are_counted_by_class() -> None:
    finding = np.array([0.9, 0.2, 0.8, 0.4, 0.6])
    labels = np.array([1, 1, 1, 0, 0])
    groups = np.array(["A1", "A1", "A2", "H1", "H1"])
    result = measure(np.stack([1 - finding, finding], axis=1), labels, FINDING, groups)
    assert [(s.group, s.label, s.images, s.correct) for s in result.subjects] == [
        ("A1", 1, 2, 1),
        ("A2", 1, 1, 1),
        ("H1", 0, 2, 1),
    ]
    assert result.to_dict()["subjects"][0]["rate"] == 0.5  # type: ignore[index]  # plain data


def test_one_class_alone_has_no_figure_about_the_other() -> None:
    result = measure(np.array([[0.8, 0.2], [0.7, 0.3]]), np.array([0, 0]), FINDING)
    assert (result.auroc, result.specificity, result.accuracy) == (None, 1, 1)
    undefined = (result.precision, result.recall, result.f1, result.balanced_accuracy, result.kappa)
    assert all(map(math.isnan, undefined))
    plain = result.to_dict()
    names = ("auroc", "precision", "recall", "f1", "balanced_accuracy", "kappa")
    assert [plain[name] for name in names] == [None] * 6
    assert alarm(result) == ""
    assert math.isnan(measure(np.zeros((0, 2)), np.zeros(0, np.int64), FINDING).accuracy)


def test_a_threshold_moves_the_decision_but_not_the_ranks() -> None:
    finding = np.array([0.1, 0.3, 0.35, 0.6])
    scores, labels = np.stack([1 - finding, finding], axis=1), np.array([0, 0, 1, 1])
    low, half = measure(scores, labels, FINDING, threshold=0.3), measure(scores, labels, FINDING)
    assert (half.recall, half.specificity, half.accuracy) == (0.5, 1, 0.75)
    assert (low.recall, low.specificity, low.accuracy) == (1, 1, 1)
    assert low.auroc == half.auroc == 1
    assert low.confusion == ((2, 0), (0, 2))
    assert measure(scores[:, ::-1], 1 - labels, FINDING[::-1], threshold=0.3).confusion == ((2, 0), (0, 2))


def test_arrays_that_do_not_fit_are_a_programmers_mistake() -> None:
    for scores, labels in (((3, 2), [0, 1]), ((2, 2), [0, 2]), ((2,), [0, 1])):
        with pytest.raises(ValueError, match="label"):
            measure(np.zeros(scores), np.array(labels), FINDING)
