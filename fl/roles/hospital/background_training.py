"""Local training in a second thread, so that it runs while the hospitals set up keys.

Invariant: at most one training runs; its result or its error goes to the thread that asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import numpy as np

from fl.protocol.branch import Turn
from fl.protocol.errors import UnavailableError
from fl.protocol.names import NO_DIGEST, Digest
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.quantise import Vector
from fl.training.aggregation.work import Learned


@dataclass(frozen=True)
class TrainingJob:
    """What a hospital trains or counts."""

    round: int
    previous: Vector
    """float32 [d]"""
    config: RoundConfig
    trained: bool = True
    """Whether any round made `previous`, or it is still the model that opened the federation."""
    state: Vector = field(default_factory=lambda: np.empty(0, np.float32))
    """float32 [state]: what the rule of aggregation keeps behind the weights."""
    context: bytes = b""
    """Of the round; no other round of any ledger has the same."""
    counted: bytes | None = None
    """SCAFFOLD: the context of the newest final training whose set has this hospital; None if there is none."""
    base: Digest = NO_DIGEST
    """The digest of the whole model that the round starts from."""
    turn: Turn = field(default_factory=lambda: Turn(0))
    """When it trains, for seeds and learning rates; round 0: as `round`."""

    def __post_init__(self) -> None:
        if not self.turn.round:
            object.__setattr__(self, "turn", Turn(self.round))


FIRST_PAUSE_S, LONGEST_PAUSE_S = 5, 300
"""Seconds between a failed training and the next try; the pause doubles each time."""

Train = Callable[[TrainingJob], Learned]
"""Local training, or the counting of lanes; the same job gives the same result after a restart."""


@dataclass
class Background:
    """Runs `train` in its own thread."""

    train: Train
    ready: Callable[[TrainingJob], bool] = lambda _job: True
    """Whether a job can begin; it may have to wait for weights from the staff (uploads.py)."""
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "training"))
    _running: tuple[bytes, Future[Learned]] | None = None
    _failures: tuple[bytes, int, int] = (b"", 0, 0)
    """The round whose training failed, how many times, and when it may begin again (seconds since 1970)."""

    def begun(self, key: bytes) -> bool:
        return self._running is not None and self._running[0] == key

    def begin(self, key: bytes, job: TrainingJob) -> None:
        """Start the training of round `key`, in place of an earlier round's."""
        self._running = (key, self._pool.submit(self.train, job))

    def failed(self, key: bytes, now: int) -> tuple[UnavailableError, int] | None:
        """Return why the training of round `key` failed and the pause before the next try, in seconds; else None.

        Only faults of the world that can pass count (a full disk). The failed training is forgotten, so that `begin`
        can start it again. Every other error stays for `result`.
        """
        error = self._running[1].exception() if self._running is not None and self.done(key) else None
        if not isinstance(error, UnavailableError):
            return None
        count = self._failures[1] + 1 if self._failures[0] == key else 1
        pause_s = min(FIRST_PAUSE_S * 2 ** min(count - 1, 16), LONGEST_PAUSE_S)
        self._running, self._failures = None, (key, count, now + pause_s)
        return error, pause_s

    def pauses(self, key: bytes, now: int) -> bool:
        """Return whether the training of round `key` failed so short ago that it must wait."""
        return self._failures[0] == key and now < self._failures[2]

    def forget(self, key: bytes) -> None:
        """Free the memory of the result of round `key`."""
        if self.begun(key):
            self._running = None

    def done(self, key: bytes) -> bool:
        return self._running is not None and self._running[0] == key and self._running[1].done()

    def wait(self) -> None:
        """Wait until no training runs."""
        if self._running is not None:
            wait([self._running[1]])

    def result(self, key: bytes) -> Learned:
        """Wait for the training and return its result, or raise its error."""
        if self._running is None or self._running[0] != key:
            raise LookupError("this training was never begun")
        return self._running[1].result()
