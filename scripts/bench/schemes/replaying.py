"""The audit of one real masked round: ten hospitals over the embedded chain, replayed from ledger and vault.

Source: fl/replay/round_replay.py, which auditors and hospitals run.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fl.events import Event
from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import LedgerView, Ports
from fl.replay.round_documents import read_manifest
from fl.replay.round_replay import Tools, replay_round
from fl.replay.round_sum import RoundSum
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.timing import Stopwatch
from fl.training.aggregation.quantise import LocalMetrics, Vector
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import manifest_of, to_vector
from scripts.bench.schemes.base import least
from scripts.commands.data import hospital_names
from scripts.demo.child_process import ChainProcess
from scripts.demo.together import AUDITOR, COORDINATOR, Together, Work, found_together, gather
from scripts.wiring.home import Home

WIDTH = 192
"""Channels of a network of 11 million weights."""


def replay_s(hospitals: int) -> dict[str, float]:
    """Run one masked round; return seconds of its replay (`whole`, and split by part) and its parameters."""
    model = build_model(ModelSpec(width=WIDTH), 1)
    initial = Initial(manifest_of(model), to_vector(model))
    names = hospital_names(hospitals)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        with ChainProcess(home) as chain:
            found_together(home, chain.url, names)
            together = _run(home, initial, names)
            return {"parameters": float(initial.vector.size), **_replay(together.ports[AUDITOR])}


def _run(home: Home, initial: Initial, names: list[str]) -> Together:
    count = len(names)
    plan = Plan(
        rounds=1,
        min_commitments=count,
        attestations=1,
        config=RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA),
        commit_timeout_s=600,
        close_timeout_s=600,
        min_hospitals=count,
        protection=Protection.MASKED,
        step_timeout_s=600,
    )
    steps = {name: _trained(index) for index, name in enumerate(names)}
    work = Work(plan, initial, steps, lambda _model, _config: Evaluation())
    together = gather(home, work, dict.fromkeys((COORDINATOR, AUDITOR, *names), _ignore))
    together.run(_ignore)
    return together


def _trained(index: int) -> Train:
    def train(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
        step = np.random.default_rng(index).normal(0, 1e-3, task.previous.size).astype(np.float32)
        return task.previous + step, LocalMetrics(100, 80, 0.5)

    return train


def _replay(ports: Ports) -> dict[str, float]:
    """Replay the final round as the auditor, and open every file again."""
    federation = LedgerView(ports.ledger).refresh()
    current = next(each for each in federation.rounds if each.phase == Phase.FINAL)
    manifest = read_manifest(federation.opening, ports.vault)
    previous = FileReader(ports.ledger.account, ports.vault, ports.keyring).model(federation.opening, manifest)
    best: dict[str, float] = {}

    def work() -> None:
        watch = Stopwatch(time.perf_counter)
        reader = FileReader(ports.ledger.account, ports.vault, ports.keyring)
        with watch.running():
            replay_round(current, previous, manifest, Tools(RoundSum(reader, ports.vault), *ports.replaying))
        best.update(watch.seconds)

    whole, _ = least(work, 5, time.perf_counter)
    return {"whole": whole, **best}


def _ignore(_what: Event, _facts: Mapping[str, object]) -> None:
    """Say nothing."""
