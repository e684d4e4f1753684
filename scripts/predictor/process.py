"""A process that computes for the site: started when needed, asked by one thread at a time, ended when it hangs.

Invariant: only numbers and plain facts come back. A process that ended or hung is started again for the next question,
and every question ends in time.

Not here: what a process is asked (client.py for pictures, tables.py for tables).
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from fl.protocol.errors import EncodingError, HemaledgerError, PredictorSilent
from fl.protocol.names import shown
from fl.training.plain import parse_fields
from scripts.predictor.messages import Message, receive, send
from scripts.wiring.home import PROJECT

SECRETS = "HEMALEDGER_"
"""The prefix of environment variables with passwords; the process does not get them."""
WHY_CHARS = 200

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long the site waits, in seconds."""

    open_s: float = 60.0
    """For the process to load torch and build the model, and for earlier questions."""
    answer_s: float = 15.0
    """For one picture, which usually takes hundredths of a second."""


PATIENCE = Patience()


class Named(Protocol):
    """A model with a name that depends on all of it."""

    @property
    def name(self) -> str: ...


class ChildProcess:
    """One process, started when needed. Threads may share it; they wait for each other."""

    refusals: ClassVar[tuple[type[HemaledgerError], ...]] = ()
    """The errors with which the process refuses a model."""

    def __init__(self, patience: Patience, command: Sequence[str]) -> None:
        self._patience = patience
        self._command = command
        self._lock = threading.Lock()
        self._running: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    @property
    def pid(self) -> int | None:
        """Return the id of the running process, or None."""
        running = self._running
        return running[0].pid if running else None

    def start(self) -> None:
        """Start the process without waiting for it, so that it is ready for the first question."""
        with self._turn():
            self._connection()

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

    def _ask(self, question: Message, model: Named, body_cap: int, seconds: float) -> bytes:
        """Return the body of the answer.

        Raises:
            EOFError, ConnectionError: the process ended.
            PredictorSilent: the answer came too late or is malformed.
            One of `refusals`: the process refused the model.
        """
        if self._running is None:
            raise EOFError
        connection = self._running[1]
        try:
            send(connection, question, seconds)
            answer = receive(connection, body_cap, seconds)
            if answer.head == {"model": model.name}:
                return answer.body
            refusal = self._refusal(answer.head)
        except BaseException as error:
            self._stop()  # else the next question would get this answer
            if isinstance(error, OSError | EncodingError) and not isinstance(error, ConnectionError):
                late = isinstance(error, TimeoutError)
                raise PredictorSilent("it took too long" if late else "it answered in another form") from error
            raise
        raise refusal

    def _refusal(self, head: object) -> HemaledgerError:
        """Return the error that an answer names, or raise EncodingError if it names none."""
        match head:
            case {"error": str(name), "facts": dict(facts)}:
                leaf = next((leaf for leaf in self.refusals if leaf.__name__ == name), None)
                if leaf is not None:
                    plain = {key: _plain(value) for key, value in facts.items()}
                    return parse_fields(leaf, plain, "refusal")
        raise EncodingError("answer", "it names another model or none")

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
            self._running = None
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


def _plain(value: object) -> object:
    return shown(value)[:WHY_CHARS] if isinstance(value, str) else value


def twice(ask: Callable[[], T]) -> T:
    """Ask, and ask again if the process ended in the meantime, because the question did not cause that."""
    try:
        return ask()
    except (EOFError, ConnectionError):
        pass
    try:
        return ask()
    except (EOFError, ConnectionError) as error:
        raise PredictorSilent("it ended") from error
