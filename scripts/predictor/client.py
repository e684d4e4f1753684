"""The site's connection to the process that runs the model (child.py). The site itself never loads torch.

Invariant: the process gets only verified weights, and the site accepts only answers that name these weights. Whatever
the process does, the site gets an answer or an error in time, and a new process for the next question.

Source: SECURITY.md (a picture that takes over that process must not get the site).
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import numpy.typing as npt

from fl.crypto.encrypted_head import MAX_WIDTH
from fl.protocol.errors import (
    EncodingError,
    HemaledgerError,
    NetworkChanged,
    NetworkMissing,
    NetworkNotAllowed,
    NetworkUnusable,
    NonFinite,
    PredictorSilent,
    PretrainedChanged,
    PretrainedMissing,
    WeightsFileMissing,
    WeightsFileUnusable,
    WeightsMismatch,
    WeightsTooLarge,
)
from fl.protocol.strict_json import JsonValue
from fl.training.calibration.answer import Answer
from fl.training.model.spec import ModelSpec
from fl.training.model.weights import Vector, vector_to_bytes
from fl.training.pictures.heat import Seen
from fl.training.pictures.images import Pixels, fit_square
from scripts.predictor.messages import Message
from scripts.predictor.process import PATIENCE, ChildProcess, Patience, T, twice
from scripts.predictor.seen_answers import body_cap, unpacked

CHILD = (sys.executable, "-m", "scripts.predictor.child")
REFUSALS: tuple[type[HemaledgerError], ...] = (
    *(WeightsMismatch, NonFinite, WeightsTooLarge),
    *(PretrainedMissing, PretrainedChanged, WeightsFileMissing, WeightsFileUnusable),
    *(NetworkNotAllowed, NetworkMissing, NetworkChanged, NetworkUnusable),
)
"""The errors with which the process refuses a model."""


def fingerprint(spec: ModelSpec, weights: bytes) -> str:
    """Return a model's name: the SHA-256 of its spec and weights."""
    state = hashlib.sha256(json.dumps(spec.to_dict(), sort_keys=True).encode() + b"\n")
    state.update(weights)
    return state.hexdigest()


Features = npt.NDArray[np.float32]


@dataclass(frozen=True)
class RemoteModel:
    """A model that the process runs (a fl.roles.serving.current_model.Predictor)."""

    spec: ModelSpec
    weights: bytes
    """Empty for the public network alone."""
    name: str
    process: PredictorProcess

    def probability(self, image: Pixels) -> npt.NDArray[np.float32]:
        """Return float32 [classes] for one picture uint8 [H, W, 3]; raises as `answer`."""
        return self.answer(image).probabilities

    def answer(self, image: Pixels) -> Answer:
        """Return the answer about one picture uint8 [H, W, 3].

        Raises:
            NonFinite: the model did not compute a probability.
            PredictorSilent: the process gave no usable answer.
        """
        return self.process.look(self, self._picture(image))

    def see(self, image: Pixels) -> tuple[Answer, Seen | None]:
        """Return the same answer, and what the network saw if it can be looked into; raises as `answer`."""
        return self.process.see(self, self._picture(image))

    def _picture(self, image: Pixels) -> bytes:
        return _raw(fit_square(image, self.spec.size_px))


class PredictorProcess(ChildProcess):
    """The process that judges pictures."""

    refusals = REFUSALS
    _model_name = ""
    """The model that the process has."""

    def __init__(self, patience: Patience = PATIENCE, command: Sequence[str] = CHILD) -> None:
        super().__init__(patience, command)

    def open(self, spec: ModelSpec, vector: Vector) -> RemoteModel:
        """Give the process verified weights. They replace earlier ones.

        Raises:
            One of REFUSALS: the weights are unusable, or the network cannot be built here.
            PredictorSilent: the process gave no usable answer.
        """
        weights = vector_to_bytes(vector)
        model = RemoteModel(spec, weights, fingerprint(spec, weights), self)
        with self._turn():
            twice(lambda: self._load(model))
        return model

    def look(self, model: RemoteModel, picture: bytes) -> Answer:
        """Return the model's answer about a picture of its size; raise as `RemoteModel.answer` does."""
        spec, question = model.spec, Message({"do": "look"}, picture)
        parse = partial(Answer.from_bytes, classes=spec.classes, several=spec.several)
        with self._turn():
            return twice(lambda: self._look(model, question, Answer.cap(spec.classes), parse))

    def see(self, model: RemoteModel, picture: bytes) -> tuple[Answer, Seen | None]:
        """Return the same answer and what the network saw; raise as `look`."""
        question = Message({"do": "see"}, picture)
        parse = partial(unpacked, spec=model.spec)
        with self._turn():
            return twice(lambda: self._look(model, question, body_cap(model.spec), parse))

    def features(self, spec: ModelSpec, picture: Pixels) -> Features:
        """Return what the public network of a spec makes of a picture of its size: float32 [d]; raise as `look`."""
        model, question = (
            RemoteModel(spec, b"", fingerprint(spec, b""), self),
            Message({"do": "features"}, _raw(picture)),
        )
        with self._turn():
            return twice(lambda: self._look(model, question, 4 * MAX_WIDTH, _parse_features))

    def _look(self, model: RemoteModel, question: Message, cap: int, parse: Callable[[bytes], T]) -> T:
        self._load(model)
        body = self._ask(question, model, cap, self._patience.answer_s)
        try:
            return parse(body)
        except EncodingError as error:
            self._stop()
            raise PredictorSilent("it answered in another form") from error

    def _load(self, model: RemoteModel) -> None:
        """Make sure that the process runs and has `model`."""
        self._connection()
        if self._model_name != model.name:
            self._model_name = ""
            question = Message({"do": "open", "spec": cast("JsonValue", model.spec.to_dict())}, model.weights)
            self._ask(question, model, 0, self._patience.open_s)
            self._model_name = model.name

    def _stop(self) -> None:
        super()._stop()
        self._model_name = ""


def _raw(picture: Pixels) -> bytes:
    return np.ascontiguousarray(picture).tobytes()


def _parse_features(body: bytes) -> Features:
    """Return float32 [d], or raise EncodingError or NonFinite."""
    if len(body) % 4 or not body:
        raise EncodingError("answer", f"it has {len(body)} bytes of features")
    values = np.frombuffer(body, "<f4").astype(np.float32)
    if bad := int(values.size - np.count_nonzero(np.isfinite(values))):
        raise NonFinite("network's features", bad)
    return values
