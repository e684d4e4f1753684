"""Computes probabilities from weights and pictures.

Invariant: a predictor never changes; it returns probabilities or raises. On a CPU the same pixels give the same bits,
alone or among others, with one number of threads: each picture and its views are one batch of their own. With other
pictures in the batch, or more threads, a convolution adds in another order. Probabilities are calibrated if numbers of
a calibration ride behind the weights.

Source: softmax over the logits of network.py, or a sigmoid of each where a picture may have several labels;
fl/training/calibration.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fl.protocol.errors import NonFinite, WeightsMismatch
from fl.protocol.task import Task
from fl.training.calibration.answer import Answer
from fl.training.calibration.numbers import Calibration
from fl.training.calibration.pinned import Floats
from fl.training.calibration.sketch import SKETCH, sketch
from fl.training.data.dataset import Dataset
from fl.training.evaluation.findings import measure_labels
from fl.training.evaluation.metrics import Metrics, measure
from fl.training.model.appendix import split
from fl.training.model.device import pick_device, place
from fl.training.model.inputs import normalise, to_tensor, views_of
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import load_vector, manifest_of
from fl.training.model.weights import Vector
from fl.training.pictures.heat import Seen
from fl.training.pictures.images import Pixels, fit_square
from fl.training.pictures.preparation import prepare_all

PER_STEP = {"cpu": 1}
"""Pictures per step. One with 8 views is also the fastest on a CPU (lite0: 55 ms, not 71 with 16 pictures a view)."""
PER_STEP_ELSEWHERE = 16


def no_weights(spec: ModelSpec) -> Vector:
    """Return float32 zeros for the weights that were trained: with them a predictor is the public network alone.

    Raises:
        WeightsMismatch: the network is not public.
    """
    if not spec.public_network:
        raise WeightsMismatch("its network is not public: more than the last layer was trained")
    return np.zeros(manifest_of(build_model(spec, 0)).length, np.float32)


Features = npt.NDArray[np.float32]


class Predictor:
    """A model that is ready to judge images."""

    def __init__(self, spec: ModelSpec, vector: Vector, device: str = "cpu") -> None:
        """Build the model.

        Args:
            spec: Its shape.
            vector: Its weights, float32 [d], and behind them the numbers of its calibration if it has one.
            device: See `device.pick_device`.

        Raises:
            WeightsMismatch: the weights do not fit the spec.
            EncodingError: the numbers behind them are no calibration.
            NonFinite, WeightsTooLarge: a weight is NaN, infinite, or too large to compute with.
            SettingInvalid: there is no such device.
        """
        self.spec = spec
        self._device = pick_device(device)
        model = build_model(spec, 0)
        weights, numbers = split(vector, spec.classes, manifest_of(model).length)
        load_vector(model, weights)
        self.calibration = Calibration.of(numbers, spec.classes)
        self._model: Any = place(model, self._device).eval().requires_grad_(requires_grad=False)

    def probabilities(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Return float32 [n, classes] for uint8 [n, H, W, 3]; other sizes are fitted first. Rows of classes sum to 1.

        Raises:
            NonFinite: a result is not a probability.
        """
        return self.calibration.probabilities(self.look(images)[0])

    def look(self, images: Pixels, *, recording: bool = False) -> tuple[npt.NDArray[np.float32], Floats]:
        """Return what the network alone says about uint8 [n, H, W, 3]; `recording` is for seen.py.

        Returns:
            Probabilities before calibration, float32 [n, classes], and sketches of the features, float64 [n, SKETCH].

        Raises:
            NonFinite: a result is not a probability.
        """
        rows = [np.zeros((0, self.spec.classes), np.float32)]
        sketches = [np.zeros((0, SKETCH))]
        with torch.inference_mode(not recording):
            step = PER_STEP.get(self._device.type, PER_STEP_ELSEWHERE)
            for start in range(0, len(images), step):
                part = self.prepared(images[start : start + step])
                row, features = self._look(to_tensor(part).to(self._device))
                rows.append(row)
                sketches.append(sketch(part, features))
        answers = np.concatenate(rows)
        if bad := int(answers.size - np.count_nonzero(np.isfinite(answers))):
            raise NonFinite("model's answer", bad)
        return answers, np.concatenate(sketches)

    def features(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Return what the head sees of uint8 [n, H, W, 3], the mean of the views: float32 [n, F]."""
        with torch.inference_mode():
            rows = [self._look(to_tensor(self.prepared(image[np.newaxis])).to(self._device))[1] for image in images]
        return np.concatenate(rows)

    def prepared(self, images: Pixels) -> Pixels:
        """Return what the network sees of uint8 [n, H, W, 3], before normalisation: uint8 [n, S, S, 3]."""
        size_px = self.spec.size_px
        if images.shape[1:3] != (size_px, size_px):
            fitted = [fit_square(image, size_px) for image in images]
            images = np.stack(fitted) if fitted else np.zeros((0, size_px, size_px, 3), np.uint8)
        return prepare_all(self.spec.preparation, images)

    @property
    def weights(self) -> int:
        """Return the number of weights that were trained."""
        return sum(weight.numel() for weight in self._model.parameters())

    @property
    def network(self) -> nn.Module:
        """Return the network that answers, for explain.py; nobody may change it."""
        network: nn.Module = self._model
        return network

    def _look(self, batch: Tensor) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return probabilities and features, float32 [n, ...], of pixels uint8 [n, 3, S, S], means of views."""
        views = torch.cat(views_of(normalise(batch, self.spec.kind), self.spec.views))
        features: Tensor = self._model.features(views.contiguous(memory_format=torch.channels_last))
        logits = self._model.head(features).float()
        shares = torch.sigmoid(logits) if self.spec.several else torch.softmax(logits, dim=1)
        row, mean = (_mean(total.float(), self.spec.views) for total in (shares, features))
        return row, mean

    def answers(self, images: Pixels, *, recording: bool = False) -> list[Answer]:
        """Return one answer for each of uint8 [n, H, W, 3]; `recording` is for seen.py.

        Raises:
            NonFinite: a result is not a probability.
        """
        known = self.calibration
        rows, sketches = self.look(images, recording=recording)
        calibrated = known.probabilities(rows)
        if not known.complete or self.spec.several:
            return [Answer(row) for row in calibrated]
        far = known.distances(sketches)
        facts = zip(calibrated, known.kept(rows).tolist(), far, strict=True)
        return [
            Answer(row, tuple(kept), float(np.float32(distance)), bool(distance >= known.reach))
            for row, kept, distance in facts
        ]

    def answer(self, image: Pixels) -> Answer:
        """Return the answer about one picture uint8 [H, W, 3]."""
        return self.answers(image[np.newaxis])[0]

    def see(self, image: Pixels) -> tuple[Answer, Seen | None]:
        """Return the answer about one picture uint8 [H, W, 3], and what the network saw if it can be looked into."""
        from fl.training.evaluation.seen import answer_with_map  # it needs this class

        return answer_with_map(self, image)

    def probability(self, image: Pixels) -> npt.NDArray[np.float32]:
        """Return float32 [classes] for one picture uint8 [H, W, 3]."""
        row: npt.NDArray[np.float32] = self.probabilities(image[np.newaxis])[0]
        return row


def _mean(values: Tensor, views: int) -> npt.NDArray[np.float32]:
    """Return float32 [n, width], the means of [views * n, width]; all pictures of the first view come first."""
    mean: npt.NDArray[np.float32] = (
        (values.detach().reshape(views, -1, values.shape[1]).sum(dim=0) / views).cpu().numpy()
    )
    return mean


def evaluate(predictor: Predictor, dataset: Dataset, task: Task) -> Metrics:
    """Return the quality of the predictor on all images of `dataset`, labelled by `task`, with results per group.

    Raises:
        DatasetUnusable: there are more classes than the model has outputs.
    """
    dataset = dataset.for_model(predictor.spec.size_px, predictor.spec.classes)
    if dataset.marks is not None:
        limits = np.array([one.threshold for one in task.classes])
        return measure_labels(predictor.probabilities(dataset.images), dataset.marks, limits)
    disease = [one.disease for one in task.classes]
    threshold = predictor.calibration.probability_threshold
    return measure(predictor.probabilities(dataset.images), dataset.labels, disease, dataset.groups, threshold)
