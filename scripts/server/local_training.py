"""Trainings that the site's staff start: a process of their own, which reports through a file.

Invariant: at most one runs; it ends with the site. The site itself never loads torch or an image.

Source: webui/ports/local_training.py (the port); scripts/commands/hospital.py (`hospital train`, which the process is).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from fl.files import write_atomic
from fl.protocol import strict_json
from fl.protocol.codec import Fields
from fl.protocol.errors import EncodingError
from fl.training.model.handed_in import Declared
from webui.errors import TrainingRunning
from webui.ports.local_training import LocalTraining, TrainingStep

STATE, WEIGHTS = "state.json", "weights.safetensors"
_CAP = 16 * 1024
_STOP_S = 5.0


class TrainingProcess:
    """Implements TrainingService with `hemaledger hospital train`."""

    def __init__(self, folder: Path, command: tuple[str, ...], clock: Callable[[], int]) -> None:
        """Use `folder` for the state and the result; `command` trains, and gets `--passes N`."""
        self._folder = folder
        self._command = command
        self._clock = clock
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None

    def now(self) -> LocalTraining:
        """Return the newest training; one whose process is gone without a result has failed."""
        with self._lock:
            return self._now()

    def start(self, passes: int) -> None:
        with self._lock:
            if self._now().step is TrainingStep.RUNNING:
                raise TrainingRunning
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._folder / WEIGHTS).unlink(missing_ok=True)
            write_state(self._folder, LocalTraining(TrainingStep.RUNNING, self._clock(), passes))
            with (self._folder / "log").open("wb") as log:
                self._running = subprocess.Popen(
                    [sys.executable, "-m", "scripts.cli", *self._command, "--passes", str(passes)],
                    stdin=subprocess.PIPE,  # it ends when the site ends
                    stdout=log,
                    stderr=log,
                    cwd=Path(__file__).resolve().parents[2],
                )

    def stop(self) -> None:
        with self._lock:
            found = self._now()
            if found.step is not TrainingStep.RUNNING or self._running is None:
                return
            self._running.terminate()
            try:
                self._running.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._running.kill()
                self._running.wait()
            (self._folder / WEIGHTS).unlink(missing_ok=True)
            write_state(self._folder, replace(found, step=TrainingStep.STOPPED))

    def result(self) -> tuple[bytes, Declared] | None:
        found = self.now()
        if found.step is not TrainingStep.DONE:
            return None
        try:
            data = (self._folder / WEIGHTS).read_bytes()
        except OSError:
            return None
        return data, Declared(found.samples, found.correct, found.loss)

    def close(self) -> None:
        """Stop what runs, because the site ends."""
        self.stop()

    def _now(self) -> LocalTraining:
        found = read_state(self._folder)
        if found.step is not TrainingStep.RUNNING:
            return found
        if self._running is not None and self._running.poll() is None:
            return found
        found = read_state(self._folder)  # it may have ended between both looks
        if found.step is not TrainingStep.RUNNING:
            return found
        why = "the program ended early" if self._running is not None else "the site was started again"
        return replace(found, step=TrainingStep.FAILED, why=f"{why}; its last words are in {self._folder / 'log'}")


def write_state(folder: Path, state: LocalTraining) -> None:
    """Write the state of a training, whole or not at all."""
    document = {**vars(state), "step": state.step.value}
    write_atomic(folder / STATE, json.dumps(document).encode(), mode=0o600)


def read_state(folder: Path) -> LocalTraining:
    """Return the state of the newest training; none if there is no readable one."""
    try:
        with (folder / STATE).open("rb") as file:
            raw = strict_json.loads(file.read(_CAP + 1), "state", _CAP)
        fields = Fields(raw if isinstance(raw, dict) else {}, "state")
        return LocalTraining(
            step=TrainingStep(fields.text("step")),
            began_at=fields.integer("began_at"),
            passes=fields.integer("passes"),
            done=fields.integer("done"),
            samples=fields.integer("samples"),
            correct=fields.integer("correct"),
            loss=fields.number("loss"),
            base=fields.text("base"),
            why=fields.text("why"),
        )
    except (OSError, EncodingError, ValueError):
        return LocalTraining()
