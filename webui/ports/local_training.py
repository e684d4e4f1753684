"""The port to a training on this hospital's own images, which the staff start and stop on a page.

Invariant: at most one training runs. Its result leaves this machine only as an upload that a person handed over.

Source: scripts/server/local_training.py (the process behind it).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from fl.training.model.handed_in import Declared

MOST_PASSES = 100


class TrainingStep(StrEnum):
    """How far a training is."""

    NONE = "none"
    """There was none yet."""
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True)
class LocalTraining:
    """The newest training on this machine."""

    step: TrainingStep = TrainingStep.NONE
    began_at: int = 0
    """Seconds since 1970."""
    passes: int = 0
    """How many passes over the images were asked for."""
    done: int = 0
    """How many of them are over."""
    samples: int = 0
    correct: int = 0
    loss: float = 0.0
    """Of the last pass."""
    base: str = ""
    """Digest of the model that it starts from, in hexadecimal; empty until it was opened."""
    why: str = ""
    """Why it failed."""

    @property
    def version(self) -> str:
        return f"{self.began_at}-{self.step}-{self.done}"


class TrainingService(Protocol):
    """Trainings of one hospital."""

    def now(self) -> LocalTraining:
        """Return the newest training."""

    def start(self, passes: int) -> None:
        """Start a training of 1 to MOST_PASSES passes.

        Raises:
            TrainingRunning: another one has not ended.
        """

    def stop(self) -> None:
        """Stop the training that runs, if one does; nothing of it is kept."""

    def result(self) -> tuple[bytes, Declared] | None:
        """Return the weights of a training that is done, as a file; None without one."""
