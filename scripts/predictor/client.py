"""The site's connection to the process that runs the model (child.py). The site itself never loads torch.

Invariant: the process gets only verified weights, and the site accepts only answers that name these weights. Whatever
the process does, the site gets an answer or an error in time, and a new process for the next question.

Source: SECURITY.md (a picture that takes over that process must not get the site).
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

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
from fl.protocol.names import shown
from fl.protocol.strict_json import JsonValue
from fl.training.calibration.answer import Answer
from fl.training.model.spec import ModelSpec
from fl.training.model.weights import Vector, vector_to_bytes
from fl.training.pictures.images import Pixels, fit_square
from fl.training.plain import parse_fields
from scripts.predictor.messages import Message, receive, send
from scripts.wiring.home import PROJECT

CHILD = (sys.executable, "-m", "scripts.predictor.child")
SECRETS = "HEMALEDGER_"
"""The prefix of environment variables with passwords; the process does not get them."""
REFUSALS: tuple[type[HemaledgerError], ...] = (
    *(WeightsMismatch, NonFinite, WeightsTooLarge),
    *(PretrainedMissing, PretrainedChanged, WeightsFileMissing, WeightsFileUnusable),
    *(NetworkNotAllowed, NetworkMissing, NetworkChanged, NetworkUnusable),
)
"""The errors with which the process refuses a model."""
WHY_CHARS = 200

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long the site waits, in seconds."""

    open_s: float = 60.0
    """For the process to load torch and build the model, and for earlier questions."""
    answer_s: float = 15.0
    """For one picture, which usually takes hundredths of a second."""


def fingerprint(spec: ModelSpec, weights: bytes) -> str:
    """Return a model's name: the SHA-256 of its spec and weights."""
    state = hashlib.sha256(json.dumps(spec.to_dict(), sort_keys=True).encode() + b"\n")
    state.update(weights)
    return state.hexdigest()


@dataclass(frozen=True)
class RemoteModel:
    """A model that the process runs (a fl.roles.serving.current_model.Predictor)."""

    spec: ModelSpec
    weights: bytes
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
        picture = np.ascontiguousarray(fit_square(image, self.spec.size_px))
        return self.process.look(self, picture.tobytes())


class PredictorProcess:
    """One process, started when needed. Threads may share it; they wait for each other."""

    def __init__(self, patience: Patience = Patience(), command: Sequence[str] = CHILD) -> None:
        self._patience = patience
        self._command = command
        self._lock = threading.Lock()
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._model_name = ""
        """The model that the process has."""

    @property
    def pid(self) -> int | None:
        """Return the id of the running process, or None."""
        running = self._running
        return running[0].pid if running else None

    def start(self) -> None:
        """Start the process without waiting for it, so that it is ready for the first question."""
        with self._turn():
            self._connection()

    def open(self, spec: ModelSpec, vector: Vector) -> RemoteModel:
        """Give the process verified weights. They replace earlier ones.

        Raises:
            One of REFUSALS: the weights are unusable, or the network cannot be built here.
            PredictorSilent: the process gave no usable answer.
        """
        weights = vector_to_bytes(vector)
        model = RemoteModel(spec, weights, fingerprint(spec, weights), self)
        with self._turn():
            _twice(lambda: self._load(model))
        return model

    def look(self, model: RemoteModel, picture: bytes) -> Answer:
        """Return the model's answer about a picture of its size; raise as `RemoteModel.answer` does."""
        with self._turn():
            return _twice(lambda: self._look(model, picture))

    def close(self) -> None:
        with self._lock:
            self._stop()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._lock.acquire(timeout=self._patience.open_s):
            raise PredictorSilent("it is busy with other questions")
        try:
            yield
        finally:
            self._lock.release()

    def _look(self, model: RemoteModel, picture: bytes) -> Answer:
        self._load(model)
        question = Message({"do": "look"}, picture)
        body = self._ask(question, model, Answer.cap(model.spec.classes), self._patience.answer_s)
        try:
            return Answer.from_bytes(body, model.spec.classes, several=model.spec.several)
        except EncodingError as error:
            self._stop()
            raise PredictorSilent(str(error)) from error

    def _load(self, model: RemoteModel) -> None:
        """Make sure that the process runs and has `model`."""
        self._connection()
        if self._model_name != model.name:
            self._model_name = ""
            question = Message({"do": "open", "spec": cast("JsonValue", model.spec.to_dict())}, model.weights)
            self._ask(question, model, 0, self._patience.open_s)
            self._model_name = model.name

    def _ask(self, question: Message, model: RemoteModel, body_cap: int, seconds: float) -> bytes:
        """Return the body of the answer.

        Raises:
            EOFError, ConnectionError: the process ended.
            PredictorSilent: the answer came too late or is malformed.
            One of REFUSALS: the process refused the model.
        """
        if self._running is None:
            raise EOFError
        connection = self._running[1]
        try:
            send(connection, question, seconds)
            answer = receive(connection, body_cap, seconds)
            if answer.head == {"model": model.name}:
                return answer.body
            refusal = _refusal(answer.head)
        except BaseException as error:
            self._stop()  # else the next question would get this answer
            if isinstance(error, OSError | EncodingError) and not isinstance(error, ConnectionError):
                raise PredictorSilent(_why(error)) from error
            raise
        raise refusal

    def _connection(self) -> socket.socket:
        """Return the connection to the process; start it if it does not run."""
        if self._running and self._running[0].poll() is not None:
            self._stop()
        if self._running is None:
            self._running = _start(self._command)
        return self._running[1]

    def _stop(self) -> None:
        if self._running is not None:
            child, connection = self._running
            self._running, self._model_name = None, ""
            connection.close()
            child.kill()
            child.wait()


def _start(command: Sequence[str]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the process. It ends when the connection closes, so it never outlives this process."""
    ours, theirs = socket.socketpair()
    plain = {name: value for name, value in os.environ.items() if not name.startswith(SECRETS)}
    try:
        with theirs:
            child = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=PROJECT,
                env=plain,
                start_new_session=True,  # Ctrl-C ends the site; then the site ends the process
            )
    except OSError as error:
        ours.close()
        raise PredictorSilent("it cannot be started") from error
    return child, ours


def _why(error: OSError | EncodingError) -> str:
    """Return why there was no answer; only our own words, never the system's."""
    if isinstance(error, EncodingError):
        return str(error)
    return "it took too long" if isinstance(error, TimeoutError) else "the connection to it broke"


def _refusal(head: object) -> HemaledgerError:
    """Return the error that an answer names, or raise EncodingError if it names none."""
    match head:
        case {"error": str(name), "facts": dict(facts)}:
            leaf = next((leaf for leaf in REFUSALS if leaf.__name__ == name), None)
            if leaf is not None:
                plain = {key: _plain(value) for key, value in facts.items()}
                return parse_fields(leaf, plain, "refusal")
    raise EncodingError("answer", "it names another model or none")


def _plain(value: object) -> object:
    return shown(value)[:WHY_CHARS] if isinstance(value, str) else value


def _twice(ask: Callable[[], T]) -> T:
    """Ask, and ask again if the process ended in the meantime, because the question did not cause that."""
    try:
        return ask()
    except (EOFError, ConnectionError):
        pass
    try:
        return ask()
    except (EOFError, ConnectionError) as error:
        raise PredictorSilent("it ended") from error
