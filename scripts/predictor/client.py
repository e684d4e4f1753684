"""The process that holds the model, as the site sees it: torch costs 200 MB, and the site never loads it.

Invariant: weights reach that process only after they were verified; an answer counts only if it names these weights.
Whatever the process does, the site gets an answer, or an error in time, and a new process for the next question.

Source: SECURITY.md (a picture that takes that process over must not have the site).
Not here: the process itself (child.py); messages (messages.py); the verified path (fl/roles/serving/current_model.py).
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
    MalformedError,
    NonFinite,
    PredictorSilent,
    WeightsMismatch,
    WeightsTooLarge,
)
from fl.protocol.names import shown
from fl.protocol.strict_json import JsonValue
from fl.training.model.spec import ModelSpec
from fl.training.model.weights import Vector, vector_to_bytes
from fl.training.pictures.images import Pixels, fit_square
from fl.training.plain import parse_fields
from scripts.predictor.messages import Message, receive, send
from scripts.wiring.home import PROJECT

CHILD = (sys.executable, "-m", "scripts.predictor.child")
SECRETS = "HEMALEDGER_"
"""How the names of variables begin that hold passwords."""
REFUSALS: tuple[type[MalformedError], ...] = (WeightsMismatch, NonFinite, WeightsTooLarge)
"""What a model can be refused for."""
WHY_CHARS = 200
SUM_SLACK = 1e-3
_ROW = np.dtype("<f4")

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long the site waits, in seconds."""

    open_s: float = 60.0
    """For the process to start (it loads torch) and to build the model; and for others who ask before."""
    answer_s: float = 15.0
    """For one picture, which takes hundredths of a second."""


def fingerprint(spec: ModelSpec, weights: bytes) -> str:
    """Return the SHA-256 by which both sides name a model: of its spec and its weights."""
    state = hashlib.sha256(json.dumps(spec.to_dict(), sort_keys=True).encode() + b"\n")
    state.update(weights)
    return state.hexdigest()


@dataclass(frozen=True)
class HeldModel:
    """A model in that process (a fl.roles.serving.current_model.Predictor)."""

    spec: ModelSpec
    weights: bytes
    name: str
    process: PredictorProcess

    def probability(self, image: Pixels) -> npt.NDArray[np.float32]:
        """Return float32 [classes] for one picture uint8 [H, W, 3].

        Raises:
            NonFinite: the model computed something that is no probability.
            PredictorSilent: no answer came that can be used.
        """
        picture = np.ascontiguousarray(fit_square(image, self.spec.size_px))
        return self.process.look(self, picture.tobytes())


class PredictorProcess:
    """One process, started when it is needed; safe among threads, who wait for each other."""

    def __init__(self, patience: Patience = Patience(), command: Sequence[str] = CHILD) -> None:
        self._patience = patience
        self._command = command
        self._lock = threading.Lock()
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._holds = ""
        """Name of the model that it holds."""

    @property
    def pid(self) -> int | None:
        """Return the process, if there is one."""
        running = self._running
        return running[0].pid if running else None

    def start(self) -> None:
        """Start the process, and wait for nothing, so that it is ready when somebody asks."""
        with self._turn():
            self._connection()

    def open(self, spec: ModelSpec, vector: Vector) -> HeldModel:
        """Let the process hold verified weights, in place of those before.

        Raises:
            WeightsMismatch, NonFinite, WeightsTooLarge: no model can be made of them.
            PredictorSilent: no answer came that can be used.
        """
        weights = vector_to_bytes(vector)
        model = HeldModel(spec, weights, fingerprint(spec, weights), self)
        with self._turn():
            _twice(lambda: self._hold(model))
        return model

    def look(self, model: HeldModel, picture: bytes) -> npt.NDArray[np.float32]:
        """Return the model's float32 [classes] for a picture of its size; raises as `HeldModel.probability`."""
        with self._turn():
            return _twice(lambda: self._look(model, picture))

    def close(self) -> None:
        """End the process; it has nothing to lose."""
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

    def _look(self, model: HeldModel, picture: bytes) -> npt.NDArray[np.float32]:
        self._hold(model)
        question = Message({"do": "look"}, picture)
        body = self._ask(question, model, _ROW.itemsize * model.spec.classes, self._patience.answer_s)
        try:
            return _row(body, model.spec.classes)
        except EncodingError as error:
            self._stop()
            raise PredictorSilent(str(error)) from error

    def _hold(self, model: HeldModel) -> None:
        """See to it that the process runs and holds `model`."""
        self._connection()
        if self._holds != model.name:
            self._holds = ""
            question = Message({"do": "open", "spec": cast("JsonValue", model.spec.to_dict())}, model.weights)
            self._ask(question, model, 0, self._patience.open_s)
            self._holds = model.name

    def _ask(self, question: Message, model: HeldModel, body_cap: int, seconds: float) -> bytes:
        """Return the body of the answer.

        Raises:
            EOFError, ConnectionError: the process has ended.
            PredictorSilent: it answers too late, or no answer; or what it refuses (REFUSALS).
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
            self._stop()  # or the next question would get this one's answer
            if isinstance(error, OSError | EncodingError) and not isinstance(error, ConnectionError):
                late = isinstance(error, TimeoutError)
                raise PredictorSilent("it took too long" if late else str(error)) from error
            raise
        raise refusal

    def _connection(self) -> socket.socket:
        """Return the connection to the process, which is started unless it runs."""
        if self._running and self._running[0].poll() is not None:
            self._stop()
        if self._running is None:
            self._running = _start(self._command)
        return self._running[1]

    def _stop(self) -> None:
        if self._running is not None:
            child, connection = self._running
            self._running, self._holds = None, ""
            connection.close()
            child.kill()
            child.wait()


def _start(command: Sequence[str]) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start the process; it ends when the connection does, so it never outlives this one."""
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
                start_new_session=True,  # Ctrl-C ends the site, and the end of the site this
            )
    except OSError as error:
        ours.close()
        raise PredictorSilent(f"it cannot be started: {error}") from error
    return child, ours


def _row(body: bytes, classes: int) -> npt.NDArray[np.float32]:
    """Return probabilities, or raise NonFinite or EncodingError."""
    if len(body) != _ROW.itemsize * classes:
        raise EncodingError("answer", f"it has {len(body)} bytes for {classes} classes")
    row = np.frombuffer(body, _ROW).astype(np.float32)
    if bad := int(row.size - np.count_nonzero(np.isfinite(row))):
        raise NonFinite("model's answer", bad)
    if row.min() < 0 or abs(float(row.sum()) - 1) > SUM_SLACK:
        raise EncodingError("answer", "its numbers are no probabilities")
    return row


def _refusal(head: object) -> MalformedError:
    """Return the error that an answer names, or raise EncodingError: it is another answer."""
    match head:
        case {"error": str(name), "facts": dict(facts)}:
            leaf = next((leaf for leaf in REFUSALS if leaf.__name__ == name), None)
            if leaf is not None:
                plain = {key: _plain(value) for key, value in facts.items()}
                return parse_fields(leaf, plain, "refusal")
    raise EncodingError("answer", "it names another model, or none")


def _plain(value: object) -> object:
    return shown(value)[:WHY_CHARS] if isinstance(value, str) else value


def _twice(ask: Callable[[], T]) -> T:
    """Ask, and once more if the process had ended since the last time: that is no fault of the question."""
    try:
        return ask()
    except (EOFError, ConnectionError):
        pass
    try:
        return ask()
    except (EOFError, ConnectionError) as error:
        raise PredictorSilent("it ended") from error
