"""Computes probabilities from weights and pictures.

Invariant: a predictor never changes; the same pixels give the same probabilities, alone or in a batch (to rounding). It
returns probabilities or raises.

Source: softmax over the logits of network.py.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fl.protocol.errors import NonFinite
from fl.protocol.task import Task
from fl.training.data.dataset import Dataset
from fl.training.evaluation.metrics import Metrics, measure
from fl.training.model.device import pick_device, place
from fl.training.model.inputs import normalise, to_tensor, views_of
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import load_vector
from fl.training.model.weights import Vector
from fl.training.pictures.images import Pixels, fit_square
from fl.training.pictures.preparation import prepare_all

BATCH = 16
"""Pictures per step: with more, the maps of a layer do not fit into a core's cache (lite0: 5 ms a view, not 8)."""


class Predictor:
    """A model that is ready to judge images."""

    def __init__(self, spec: ModelSpec, vector: Vector, device: str = "cpu") -> None:
        """Build the model.

        Args:
            spec: Its shape.
            vector: Its weights, float32 [d].
            device: See `device.pick_device`.

        Raises:
            WeightsMismatch: the weights do not fit the spec.
            NonFinite, WeightsTooLarge: a weight is NaN, infinite, or too large to compute with.
            SettingInvalid: there is no such device.
        """
        self.spec = spec
        self._device = pick_device(device)
        model = build_model(spec, 0)
        load_vector(model, vector)
        self._model = place(model, self._device).eval()

    def probabilities(self, images: Pixels) -> npt.NDArray[np.float32]:
        """Return float32 [n, classes], rows summing to 1, for uint8 [n, H, W, 3]; other sizes are fitted first.

        Raises:
            NonFinite: a result is not a probability.
        """
        rows = [np.zeros((0, self.spec.classes), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(images), BATCH):
                part = self.prepared(images[start : start + BATCH])
                rows.append(self._look(to_tensor(part).to(self._device)))
        answers = np.concatenate(rows)
        if bad := int(answers.size - np.count_nonzero(np.isfinite(answers))):
            raise NonFinite("model's answer", bad)
        return answers

    def prepared(self, images: Pixels) -> Pixels:
        """Return what the network sees of uint8 [n, H, W, 3], before normalisation: uint8 [n, S, S, 3]."""
        size_px = self.spec.size_px
        if images.shape[1:3] != (size_px, size_px):
            fitted = [fit_square(image, size_px) for image in images]
            images = np.stack(fitted) if fitted else np.zeros((0, size_px, size_px, 3), np.uint8)
        return prepare_all(self.spec.preparation, images)

    @property
    def network(self) -> nn.Module:
        """Return the network that answers, for explain.py; nobody may change it."""
        return self._model

    def _look(self, batch: Tensor) -> npt.NDArray[np.float32]:
        """Return float32 [n, classes] for prepared pixels uint8 [n, 3, S, S]: the mean over the views."""
        total = torch.zeros(len(batch), self.spec.classes, device=self._device)
        for view in views_of(normalise(batch, self.spec.kind), self.spec.views):
            logits = self._model(view.contiguous(memory_format=torch.channels_last))
            total += torch.softmax(logits.float(), dim=1)
        mean: npt.NDArray[np.float32] = (total / self.spec.views).cpu().numpy()
        return mean

    def probability(self, image: Pixels) -> npt.NDArray[np.float32]:
        """Return float32 [classes] for one picture uint8 [H, W, 3]."""
        row: npt.NDArray[np.float32] = self.probabilities(image[np.newaxis])[0]
        return row


def evaluate(predictor: Predictor, dataset: Dataset, task: Task) -> Metrics:
    """Return the quality of the predictor on all images of `dataset`, labelled by `task`, with results per group.

    Raises:
        DatasetUnusable: there are more classes than the model has outputs.
    """
    dataset = dataset.for_model(predictor.spec.size_px, predictor.spec.classes)
    disease = [one.disease for one in task.classes]
    return measure(predictor.probabilities(dataset.images), dataset.labels, disease, dataset.groups)
