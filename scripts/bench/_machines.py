"""Roles as processes that can be killed, each in its own home, and if wanted in a network namespace of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from scripts.commands.data import HOLDOUT, parts_of
from scripts.wiring.home import PROJECT, Home
from scripts.wiring.training import save_labelled

STOP_S = 60.0
PLAN = SyntheticPlan(subjects=12, cells=12, size_px=32)
SEED = 7
SMALL = (
    *("--preset", "synthetic", "--width", "8", "--image-size", "32", "--epochs", "1", "--no-calibrate"),
    *("--protection", "masked"),
)
"""Options of a coordinator whose network is so small that a round is all protocol."""


@dataclass
class Machine:
    """One role: a command that can be started again and again; what it prints is in `log`."""

    name: str
    command: tuple[str, ...]
    log: Path
    prefix: tuple[str, ...] = ()
    """For example `ip netns exec NAME`."""
    env: Mapping[str, str] = field(default_factory=dict)
    _running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [*self.prefix, sys.executable, "-m", "scripts.cli", *self.command],
                cwd=PROJECT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._running is None else self._running.poll()

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()

    def stop(self) -> int | None:
        """End it as a service manager does; return its exit status."""
        if self._running is None:
            return None
        if self.running:
            self._running.send_signal(signal.SIGTERM)
        try:
            return self._running.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._running.returncode


def draw_images(hospitals: tuple[str, ...], places: Mapping[str, Home], auditor: str) -> None:
    """Save drawn cells for each hospital and the auditor, in the home of each."""
    parts = parts_of(draw_dataset(PLAN, SEED), len(hospitals), SEED)
    labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
    save_labelled(parts.pop(HOLDOUT), labels, places[auditor].member(auditor))
    for name, part in zip(hospitals, parts.values(), strict=True):
        save_labelled(part, labels, places[name].member(name))
