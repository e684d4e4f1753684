"""What a model answered for labelled images: the table from which every figure is computed.

Invariant: all arrays have one length; images of one person and hospital form a cluster.

Source: predict.py (the answers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.protocol.task import Task
from fl.training.data.dataset import Dataset
from fl.training.data.marks import Marks, all_marks
from fl.training.evaluation.predict import Predictor

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a model answered for labelled images.

    Attributes:
        scores: float32 [n, classes], rows sum to 1.
        labels: int64 [n].
        persons: text [n], the subject group of each image.
        hospitals: text [n], whose image it is.
        seconds: float64 [n], how long each answer took.
        disease: bool [classes].
        marks: bool [n, classes] where an image may have several labels; `labels` are then strata, and rows of scores
            do not sum to 1.
        thresholds: float64 [classes]: with marks, a larger probability is a finding.
    """

    scores: npt.NDArray[np.float32]
    labels: Ints
    persons: npt.NDArray[np.str_]
    hospitals: npt.NDArray[np.str_]
    seconds: Floats
    disease: npt.NDArray[np.bool_]
    marks: Marks | None = None
    thresholds: Floats | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Ints | npt.NDArray[np.bool_]) -> Answers:
        """Return the answers at `rows` (positions or a mask)."""
        return Answers(
            self.scores[rows],
            self.labels[rows],
            self.persons[rows],
            self.hospitals[rows],
            self.seconds[rows],
            self.disease,
            None if self.marks is None else self.marks[rows],
            self.thresholds,
        )

    @property
    def reports(self) -> bool:
        """Return whether an answer has one probability of disease."""
        return self.marks is None and bool(self.disease.any())

    def has(self, label: int) -> npt.NDArray[np.bool_]:
        """Return bool [n], which images have a label, or are of a class."""
        return np.asarray(self.labels == label if self.marks is None else self.marks[:, label])

    @property
    def clusters(self) -> npt.NDArray[np.str_]:
        """Return text [n], whose person each image shows: two hospitals may use one name for two persons."""
        pairs = zip(self.hospitals.tolist(), self.persons.tolist(), strict=True)
        return np.array([f"{hospital}/{person}" for hospital, person in pairs])

    @property
    def finding(self) -> Floats:
        """Return float64 [n], the probability of disease; without a disease, that of the predicted class.

        With marks: the probabilities of all labels one after the other, [n classes].
        """
        wide = self.scores.astype(np.float64)
        if self.marks is not None:
            return wide.ravel()
        return np.asarray(wide[:, self.disease].sum(axis=1) if self.disease.any() else wide.max(axis=1))

    @property
    def truth(self) -> npt.NDArray[np.bool_]:
        """Return bool, as long as `finding`: whether an image shows disease.

        Without a disease: whether the predicted class is right; with marks: whether an image has the label.
        """
        if self.marks is not None:
            return self.marks.ravel()
        right = self.scores.argmax(axis=1) == self.labels
        return np.asarray(self.disease[self.labels] if self.disease.any() else right)


def answer(predictor: Predictor, parts: Mapping[str, Dataset], task: Task, clock: Callable[[], float]) -> Answers:
    """Judge every image of each hospital, one at a time as the site does, and measure how long each answer takes.

    Args:
        predictor: The model.
        parts: Labelled images by hospital.
        task: What the labels mean.
        clock: Seconds, from any start.

    Raises:
        DatasetUnusable: there are more classes than the model has outputs.
    """
    scores, seconds = [], []
    fitted = {name: part.for_model(predictor.spec.size_px, predictor.spec.classes) for name, part in parts.items()}
    for part in fitted.values():
        predictor.probability(part.images[0])  # the first answer of a process takes longer
        for image in part.images:
            start = clock()
            scores.append(predictor.probability(image))
            seconds.append(clock() - start)
    owners = [np.full(len(part), name) for name, part in fitted.items()]
    return Answers(
        np.stack(scores),
        np.concatenate([part.labels for part in fitted.values()]),
        np.concatenate([part.groups for part in fitted.values()]),
        np.concatenate(owners),
        np.array(seconds),
        np.array([one.disease for one in task.classes], np.bool_),
        all_marks([part.marks for part in fitted.values()]),
        thresholds_of(task),
    )


def answer_together(predictor: Predictor, dataset: Dataset, task: Task, name: str) -> Answers:
    """Judge all images of one owner in batches, which is faster; the response times are unknown (NaN).

    Raises:
        DatasetUnusable: there are more classes than the model has outputs.
    """
    dataset = dataset.for_model(predictor.spec.size_px, predictor.spec.classes)
    disease = np.array([one.disease for one in task.classes], np.bool_)
    scores, unknown = predictor.probabilities(dataset.images), np.full(len(dataset), np.nan)
    names = np.full(len(dataset), name)
    return Answers(scores, dataset.labels, dataset.groups, names, unknown, disease, dataset.marks, thresholds_of(task))


def thresholds_of(task: Task) -> Floats | None:
    """Return the threshold of each label, float64 [classes]; None where an image has one class."""
    return np.array([one.threshold for one in task.classes]) if task.several else None
