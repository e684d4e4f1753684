"""Local training beside the protocol: one thread, so that the set-up of keys hides behind the epochs.

Invariant: at most one training runs; its result or its error is handed out once, to the thread that asks.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.quantise import LocalMetrics, Vector


@dataclass(frozen=True)
class TrainingJob:
    """What a hospital is asked to train."""

    round: int
    previous: Vector
    """float32 [d]"""
    config: RoundConfig


Learned = tuple[Vector, LocalMetrics]
Train = Callable[[TrainingJob], Learned]
"""Local training; the same task gives the same result after a restart."""


@dataclass
class Background:
    """Runs `train` in a thread of its own."""

    train: Train
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "training"))
    _running: tuple[bytes, Future[Learned]] | None = None

    def begin(self, key: bytes, task: Callable[[], TrainingJob]) -> None:
        """Begin the training of round `key` unless it was begun; `task` is asked in this thread."""
        if self._running is None or self._running[0] != key:
            asked = task()
            self._running = (key, self._pool.submit(self.train, asked))

    def done(self, key: bytes) -> bool:
        """Return whether the training of round `key` ended."""
        return self._running is not None and self._running[0] == key and self._running[1].done()

    def wait(self) -> None:
        """Wait until no training runs."""
        if self._running is not None:
            wait([self._running[1]])

    def result(self, key: bytes) -> Learned:
        """Return what was learned, waiting for it, or raise what ended the training."""
        if self._running is None or self._running[0] != key:
            raise LookupError("this training was never begun")
        return self._running[1].result()
