"""One role of a consortium in a process of its own, which prints its memory; started by the benchmark `parts`.

    python -m scripts.bench._one_role HOME NAME PARAMETERS HOSPITALS PART_BYTES

It takes part in two rounds. Its idle memory is what it has before it opens a model; the coordinator of a new federation
holds the first model already.

Source: /proc/self/status (VmRSS, VmHWM), proc(5).
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fl.events import Event
from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import TrainingJob
from fl.roles.runner import Agent, Run, run
from fl.training.aggregation.quantise import LocalMetrics, Vector
from fl.training.model.weights import Manifest
from scripts.demo.together import AUDITOR, COORDINATOR
from scripts.wiring.home import Home
from scripts.wiring.roles import open_ports, privacy_limit

ROUNDS = 2
_STATUS = Path("/proc/self/status")


class Memory:
    """This process's resident size."""

    def __init__(self, agent: Agent, stop: threading.Event) -> None:
        self._agent, self._stop = agent, stop
        self._idle = resident("VmRSS")
        self._began = 0.0

    def look(self) -> None:
        """After each step: note when the first round is final; report and stop after the last."""
        ended = [each for each in self._agent.view.federation.rounds if each.ended]
        if any(each.phase == Phase.ABORTED for each in ended):
            raise SystemExit(f"round {ended[-1].number} was aborted")
        if ended and not self._began:
            self._began = time.perf_counter()
        if len(ended) == ROUNDS and not self._stop.is_set():
            figures = {
                "idle": self._idle,
                "peak": resident("VmHWM"),
                "seconds": time.perf_counter() - self._began,
                "model": ended[-1].proposal.model_digest.hex() if ended[-1].proposal else "",
            }
            print(json.dumps(figures), flush=True)
            self._stop.set()


def resident(what: str) -> int:
    """Return a size of this process in bytes, by its name in /proc/self/status."""
    fields = dict(line.split(":", 1) for line in _STATUS.read_text(encoding="ascii").splitlines())
    return int(fields[what].split()[0]) * 1024


def nudge(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
    """Train nothing: add a little to each weight, in the memory of one new model."""
    changed = task.previous.copy()
    changed += np.float32(1e-3)
    return changed, LocalMetrics(100, 80, 0.5)


def first_model(parameters: int) -> Initial:
    """Return a model of one long row."""
    drawn = np.random.default_rng(1).standard_normal(parameters, np.float32)
    return Initial(Manifest(("weights",), ((parameters,),)), drawn)


def agent_of(home: Home, name: str, parameters: int, hospitals: int, part_bytes: int) -> Agent:
    """Return the agent of one member."""

    def notify(what: Event, facts: Mapping[str, object]) -> None:
        print(name, what, dict(facts), file=sys.stderr)

    ports = open_ports(home, home.member(name), notify)
    if name == AUDITOR:
        return Auditor(ports, lambda _model, _config: Evaluation())
    if name != COORDINATOR:
        return Hospital(ports, nudge, task=LEUKEMIA, limit=privacy_limit(home.member(name)))
    plan = Plan(
        rounds=ROUNDS,
        min_commitments=hospitals,
        attestations=1,
        config=RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA),
        commit_timeout_s=600,
        close_timeout_s=600,
        min_hospitals=hospitals,
        protection=Protection.MASKED,
        part_bytes=part_bytes,
    )
    return Coordinator(ports, plan, first_model(parameters))


def main(folder: str, name: str, *numbers: str) -> None:
    """Run one role until both rounds are final."""
    stop = threading.Event()
    agent = agent_of(Home(Path(folder)), name, *map(int, numbers))
    run(agent, Run(stop, lambda _what, _facts: None, step_ended=Memory(agent, stop).look))


if __name__ == "__main__":
    main(*sys.argv[1:])
