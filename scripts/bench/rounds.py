"""Compares the time of sealed and masked rounds, without training, with a plain FedAvg loop over the same model.

Three hospitals (or more) over the real embedded chain, vault and crypto; "training" adds a prepared step, so that all
that is measured is the protocol. The plain loop averages the same float32 vectors in memory and loads the result.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import click
import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fl.crypto.envelope import seal
from fl.crypto.envelope_form import Core, Kind
from fl.crypto.hpke_keys import PrivateKey
from fl.events import Event
from fl.protocol.codec import sha256
from fl.protocol.names import Address, Protection
from fl.protocol.ports import Anchor
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.protocol.rounds.rules import MIN_MASKED
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.training.aggregation.quantise import LocalMetrics, Vector
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import load_vector, manifest_of, to_vector
from fl.training.presets import DEFAULT_PRESET
from scripts.bench._machines import own_homes
from scripts.bench._table import keep, median, show
from scripts.commands.data import hospital_names
from scripts.demo.child_process import ChainProcess
from scripts.demo.together import AUDITOR, COORDINATOR, Together, Work, found_together, gather
from scripts.wiring.home import Home

PARTS = ("quantise", "mask", "seal", "hash", "chain", "vault", "open", "reconstruct", "sum", "unmask")
MARKS = {
    Protection.SEALED: (
        Event.ROUND_OPENED,
        Event.TRAINING,
        Event.UPDATE_UPLOADED,
        Event.SET_FROZEN,
        Event.MODEL_PROPOSED,
        Event.MODEL_ATTESTED,
        Event.ROUND_FINAL,
    ),
    Protection.MASKED: (
        Event.ROUND_OPENED,
        "closed advertise",
        "closed share",
        "closed complain",
        Event.UPDATE_COMMITTED,
        Event.SET_FROZEN,
        Event.SET_ENDORSED,
        Event.SHARES_REVEALED,
        Event.MODEL_PROPOSED,
        Event.MODEL_ATTESTED,
        Event.ROUND_FINAL,
    ),
}
LATEST = (Event.UPDATE_COMMITTED, Event.UPDATE_UPLOADED, Event.SET_ENDORSED, Event.SHARES_REVEALED)
"""Of these the last hospital's counts."""
REPEATS = 9


@click.command()
@click.option("--hospitals", type=click.IntRange(1), default=3, show_default=True)
@click.option("--rounds", type=click.IntRange(2), default=6, show_default=True)
def main(hospitals: int, rounds: int) -> None:
    """Measure a round without its training, and the speed of sealing."""
    initial, steps = first_steps(hospitals, DEFAULT_PRESET.spec)
    plain_s = _plain(initial.vector, steps, REPEATS)
    figures: dict[str, object] = {"parameters": initial.vector.size, "plain_s": plain_s}
    for protection in (Protection.SEALED, Protection.MASKED)[: 2 if hospitals >= MIN_MASKED else 1]:
        together, spans = _run(initial, steps, (rounds, protection))
        figures[protection.name.lower()] = _report(protection, together, spans, plain_s)
    keep("rounds", figures)
    _sealing(initial.vector.size)


def masked_spans(hospitals: int, spec: ModelSpec, rounds: int = 6, vault: str = "") -> tuple[int, dict[str, float]]:
    """Return the network's parameters, and the median seconds of a masked round by phase and as a `whole round`.

    With the address of a vault, each member has a home of its own.
    """
    initial, steps = first_steps(hospitals, spec)
    _, spans = _run(initial, steps, (rounds, Protection.MASKED), vault)
    return initial.vector.size, {span: median([each[span] for each in spans]) for span in spans[0]}


def first_steps(hospitals: int, spec: ModelSpec) -> tuple[Initial, dict[str, Vector]]:
    """Return the first model, and each hospital's change to a model."""
    model = build_model(spec, 1)
    initial = Initial(manifest_of(model), to_vector(model))
    return initial, {name: _step(initial.vector.size, index) for index, name in enumerate(hospital_names(hospitals))}


def _run(
    initial: Initial, steps: Mapping[str, Vector], how: tuple[int, Protection], vault: str = ""
) -> tuple[Together, list[dict[str, float]]]:
    """Found a consortium and run the rounds; return the agents and the seconds of each round by phase."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        with ChainProcess(home) as chain:
            found_together(home, chain.url, list(steps), vault=vault)
            apart = own_homes(home, (COORDINATOR, AUDITOR, *steps)) if vault else {}
            return _rounds(home, initial, steps, how, apart)


def _step(parameters: int, index: int) -> Vector:
    return np.random.default_rng(index).normal(0, 1e-3, parameters).astype(np.float32)


def _plain(start: Vector, steps: Mapping[str, Vector], repeats: int) -> float:
    """Return the seconds of one plain FedAvg round without training: average in memory, load into a model."""
    model = build_model(DEFAULT_PRESET.spec, 1)
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        mean = np.zeros(start.size, np.float64)
        for step in steps.values():
            mean += (start + step).astype(np.float64) / len(steps)
        load_vector(model, mean.astype(np.float32))
        seconds.append(time.perf_counter() - began)
    return median(seconds)


def _rounds(
    home: Home,
    initial: Initial,
    steps: Mapping[str, Vector],
    how: tuple[int, Protection],
    apart: Mapping[str, Home],
) -> tuple[Together, list[dict[str, float]]]:
    """Run the rounds; return the agents and the seconds of each round by phase."""
    marks: dict[tuple[object, str], float] = {}

    def notify(what: Event, facts: Mapping[str, object]) -> None:
        mark = f"closed {facts['phase']}" if what == Event.PHASE_CLOSED else what
        key = (facts.get("round"), mark)
        marks[key] = time.perf_counter() if mark in LATEST else marks.get(key, time.perf_counter())

    rounds, protection = how
    plan = Plan(
        rounds=rounds,
        min_commitments=len(steps),
        attestations=1,
        config=RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA),
        commit_timeout_s=600,
        close_timeout_s=600,
        min_hospitals=len(steps),
        protection=protection,
    )
    trains = {name: nudging(step) for name, step in steps.items()}
    work = Work(plan, initial, trains, lambda _model, _config: Evaluation())
    together = gather(home, work, dict.fromkeys((COORDINATOR, AUDITOR, *steps), notify), apart)
    together.run(notify)
    finished = [r.number for r in together.coordinator.view.refresh().rounds if r.phase == Phase.FINAL]
    names = MARKS[protection]
    spans = [
        {f"{a} to {b}": marks[number, b] - marks[number, a] for a, b in pairwise(names)}
        | {"whole round": marks[number, Event.ROUND_FINAL] - marks[number, Event.ROUND_OPENED]}
        for number in finished[1:]
    ]
    return together, spans


def nudging(step: Vector) -> Train:
    """Return a training that adds a prepared step to the model."""

    def train(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
        return task.previous + step, LocalMetrics(100, 80, 0.5)

    return train


def _report(
    protection: Protection, together: Together, spans: list[dict[str, float]], plain_s: float
) -> dict[str, object]:
    """Print one protection's tables; return its figures."""
    name = protection.name.lower()
    whole = median([span["whole round"] for span in spans])
    rows = [(span, 1000 * median([each[span] for each in spans])) for span in spans[0]]
    title = f"One {name} round outside training: {len(together.others) - 1} hospitals"
    show(f"{title}, median of {len(spans)}", ("Span (wall time)", "ms"), rows)
    count = len(spans) + 1
    by_role = {
        member: {part: 1000 * watch.seconds.get(part, 0.0) / count for part in PARTS}
        for member, watch in together.watches.items()
    }
    header = ("Work per round (ms, overlapping)", *by_role)
    show("Split by part", header, [(part, *(row[part] for row in by_role.values())) for part in PARTS])
    ratio = whole / plain_s
    show(
        "Against plain FedAvg in memory (no chain, no crypto, no disk, no audit)",
        ("Loop", "s per round", "ratio"),
        [("plain", plain_s, 1.0), (f"{name} and audited", whole, ratio)],
    )
    return {"seconds": whole, "ratio": ratio, "spans": spans, "parts_ms": by_role}


def _sealing(parameters: int) -> None:
    """Compare sealing to two recipients with raw AES-256-GCM + SHA-256 over the same bytes."""
    rows = []
    figures: dict[str, object] = {}
    for count in (parameters, 11_000_000):
        data = os.urandom(4 * count)
        raw_s = median([_timed_raw(data) for _ in range(REPEATS)])
        seal_s = median([_timed_seal(data) for _ in range(REPEATS)])
        rows.append((f"{count:,} words", 1000 * raw_s, 1000 * seal_s, raw_s / seal_s))
        figures[str(count)] = {"raw_ms": 1000 * raw_s, "seal_ms": 1000 * seal_s, "speed": raw_s / seal_s}
    header = ("Body", "raw AES-256-GCM + SHA-256 (ms)", "envelope + its digest (ms)", "speed (1 = raw)")
    show(f"Sealing, median of {REPEATS}", header, rows)
    keep("sealing", figures)


def _timed_raw(data: bytes) -> float:
    began = time.perf_counter()
    sealed = AESGCM(bytes(32)).encrypt(bytes(12), data, None)
    hashlib.sha256(sealed).digest()
    return time.perf_counter() - began


def _timed_seal(data: bytes) -> float:
    anchor = Anchor(bytes(32), 1, Address(bytes(20)), Address(bytes(20)))
    core = Core(Kind.UPDATE, anchor, Address(bytes(20)), 1, 1, bytes(32))
    recipients = [PrivateKey.generate(1).member_key for _ in range(2)]
    began = time.perf_counter()
    sha256(seal(core, recipients, data))
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
