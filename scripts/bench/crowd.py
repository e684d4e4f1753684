"""Runs one masked round of many hospitals and its audit, and says what each role pays for it.

All roles are threads of this process and share its interpreter lock; the chain is a process of its own. So the CPU
seconds of all roles together decide how long a round takes. The model is the smallest one, and nothing is trained:
what is measured is the protocol.
"""

from __future__ import annotations

import cProfile
import pstats
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import click
import numpy as np

from fl.audit.consortium import Audit
from fl.events import Event
from fl.protocol.audit import Report
from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.protocol.rounds.rules import MIN_MASKED
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.ledger_view import LedgerView, Ports
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan, WidePlan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.roles.runner import Agent
from fl.training.aggregation.quantise import LocalMetrics, Vector
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import manifest_of, to_vector
from fl.training.presets import SYNTHETIC_PRESET
from scripts.bench._counted import Cost, CountedAgent, counted
from scripts.bench._table import keep, show
from scripts.bench._vanishing import Vanishing, in_the_clear, spread
from scripts.commands.data import hospital_names
from scripts.demo.child_process import ChainProcess
from scripts.demo.threads import run_together
from scripts.demo.together import AUDITOR, COORDINATOR, found_together
from scripts.wiring.home import Home
from scripts.wiring.roles import audit_key, open_ledger, open_ports, privacy_limit, signatures

PHASES = (
    Event.ROUND_OPENED,
    "closed advertise",
    "closed share",
    "closed complain",
    Event.SET_FROZEN,
    Event.MODEL_PROPOSED,
    Event.ROUND_FINAL,
)
ROLES = ("hospital, mean", "hospital, most", COORDINATOR, AUDITOR)


DROP_OUT = "Which part of the hospitals vanishes, spread over the phases of a wide round."


@dataclass(frozen=True)
class Losses:
    """How many hospitals vanish, and how long a phase waits for them, in seconds."""

    count: int = 0
    step_s: int = 600


@dataclass
class Crowd:
    """One run."""

    costs: dict[str, Cost]
    seconds: dict[str, float]
    """By phase; the whole round; the audit."""
    report: Report
    audit_cpu_s: float
    memory_mib: tuple[float, float]
    """Of this process: before the round, and at most."""
    summed: int
    """How many hospitals are in the sum."""
    exact: bool
    """Whether the model has the very bits of the sum of their updates, computed without masks."""


@click.command()
@click.option("--hospitals", default="10,30", show_default=True, help="How many, in a row.")
@click.option("--protection", type=click.Choice(["masked", "wide"]), default="masked", show_default=True)
@click.option("--replayers", type=click.IntRange(0), help="In wide rounds; 0: all; without it the fewest.")
@click.option("--drop-out", type=click.FloatRange(0, 0.1), default=0.0, show_default=True, help=DROP_OUT)
@click.option("--step-s", type=click.IntRange(1), default=90, show_default=True, help="With --drop-out, of each phase.")
@click.option("--profile", type=click.Path(path_type=Path), help="Write what cProfile counts in the largest run.")
def main(
    hospitals: str, protection: str, replayers: int | None, drop_out: float, step_s: int, profile: Path | None
) -> None:
    """Measure one masked round of many hospitals and its audit, without training."""
    counts = [int(each) for each in hospitals.split(",")]
    figures = {}
    wide = WidePlan(above=MIN_MASKED, replayers=replayers) if protection == "wide" else None
    if drop_out and wide is None:
        raise click.UsageError("--drop-out needs --protection wide")
    for count in counts:
        losses = Losses(int(drop_out * count), step_s)
        made = run_crowd(count, wide, losses, profiled=profile is not None and count == counts[-1])
        figures[str(count)] = _report(count, made)
        if profile is not None and count == counts[-1]:
            _profile(made, profile)
    keep(f"crowd-{protection}{'-drop-out' if drop_out else ''}", {"runs": figures, "replayers": replayers})


def run_crowd(count: int, wide: WidePlan | None, losses: Losses = Losses(), *, profiled: bool = False) -> Crowd:
    """Found a consortium of `count` hospitals, run one round and audit it."""
    names = hospital_names(count)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        with ChainProcess(home) as chain:
            found_together(home, chain.url, names)
            costs = {name: Cost() for name in (COORDINATOR, AUDITOR, *names)}
            for cost in costs.values():
                cost.profile = cProfile.Profile(time.thread_time) if profiled else None
            before = _memory_mib()
            seconds = _round(home, costs, _plan(count, wide, losses), spread(names, losses.count))
            began, cpu = time.perf_counter(), time.thread_time()
            report = _audited(home)
            seconds["audit"] = time.perf_counter() - began
            used = time.thread_time() - cpu
            summed, exact = _compared(home, list(costs))
            return Crowd(costs, seconds, report, used, (before, _memory_mib()), summed, exact)


def _compared(home: Home, names: Sequence[str]) -> tuple[int, bool]:
    """Return how many hospitals are in the sum, and whether the model has the very bits of their mean."""
    federation = LedgerView(open_ledger(home)).refresh()
    current, initial = federation.rounds[-1], _initial()
    accounts = {member.name: account for account, member in federation.book.members.items()}
    train = {accounts[name]: _train(initial.vector.size, place) for place, name in enumerate(names)}
    made = in_the_clear(current, home.vault, initial, train)
    return len(current.hospitals), current.proposal is not None and current.proposal.model_digest == made


def _plan(count: int, wide: WidePlan | None, losses: Losses = Losses()) -> Plan:
    return Plan(
        rounds=1,
        min_commitments=count,
        attestations=1,
        config=RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA),
        commit_timeout_s=4 * losses.step_s if losses.count else 3600,
        close_timeout_s=3600,
        min_hospitals=count,
        protection=Protection.MASKED,
        step_timeout_s=losses.step_s,
        wide=wide,
    )


def _round(home: Home, costs: Mapping[str, Cost], plan: Plan, vanish: Mapping[str, Phase]) -> dict[str, float]:
    """Run the round; return its seconds by phase."""
    marks: dict[str, float] = {}
    agents = {name: _member(home, name, (plan, place), marks, costs) for place, name in enumerate(costs)}
    coordinator = agents.pop(COORDINATOR)
    others = [Vanishing(each, vanish[name]) if name in vanish else each for name, each in agents.items()]
    run_together(coordinator, partial(_is_done, coordinator), others, _ignore)
    spans = {f"{a} to {b}": marks[b] - marks[a] for a, b in pairwise(PHASES)}
    return {**spans, "whole round": marks[Event.ROUND_FINAL] - marks[Event.ROUND_OPENED]}


def _is_done(agent: CountedAgent) -> bool:
    return isinstance(agent.inner, Coordinator) and agent.inner.done


def _member(
    home: Home, name: str, work: tuple[Plan, int], marks: dict[str, float], costs: Mapping[str, Cost]
) -> CountedAgent:
    """Return a member's agent, which read the ledger before: members run for days before a round."""

    def notify(what: Event, facts: Mapping[str, object]) -> None:
        marks.setdefault(f"closed {facts['phase']}" if what == Event.PHASE_CLOSED else what, time.perf_counter())
        if what in (Event.WAITING, Event.ROUND_REFUSED, Event.ROUND_ABORTED, Event.MODEL_NOT_ATTESTED):
            click.echo(f"{what}: {dict(facts)}", err=True)

    initial, (plan, index) = _initial(), work
    own = name not in (COORDINATOR, AUDITOR)
    ports = counted(home, open_ports(home, home.member(name), notify, own_cluster=own), costs[name])
    agent = CountedAgent(_agent(home, name, ports, (plan, initial, _train(initial.vector.size, index))), costs[name])
    agent.view.refresh()
    return agent


def _ignore(what: Event, facts: Mapping[str, object]) -> None:
    pass


def _agent(home: Home, name: str, ports: Ports, work: tuple[Plan, Initial, Train]) -> Agent:
    plan, initial, train = work
    if name == COORDINATOR:
        return Coordinator(ports, plan, initial)
    if name == AUDITOR:
        return Auditor(ports, lambda _model, _config: Evaluation())
    return Hospital(ports, train, task=plan.config.task, limit=privacy_limit(home.member(name)))


def _initial() -> Initial:
    model = build_model(_spec(), 1)
    return Initial(manifest_of(model), to_vector(model))


def _spec() -> ModelSpec:
    return replace(SYNTHETIC_PRESET.spec, width=8)


def _train(parameters: int, index: int) -> Train:
    step = np.random.default_rng(index).normal(0, 1e-3, parameters).astype(np.float32)
    return lambda task: (_nudged(task, step), LocalMetrics(100, 80, 0.5))


def _nudged(task: TrainingJob, step: Vector) -> Vector:
    return task.previous + step


def _audited(home: Home) -> Report:
    """Audit the consortium with the auditor's key."""
    ledger = open_ledger(home)
    audit = Audit(ledger.anchor, home.vault, audit_key(home, AUDITOR), signatures())
    report, _ = audit.run(ledger.replay(), lambda _done, _of: None)
    return report


def _memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _report(count: int, made: Crowd) -> dict[str, object]:
    """Print one run; return its figures."""
    clean = "clean" if made.report.clean else f"{len(made.report.findings)} findings"
    show(f"{count} hospitals: {clean}", ("Span (wall time)", "s"), list(made.seconds.items()))
    hospitals = [cost for name, cost in made.costs.items() if name not in (COORDINATOR, AUDITOR)]
    facts = ("cpu_s", "read", "written", "transactions", "gas")
    rows = []
    for fact in facts:
        values = [getattr(each, fact) for each in hospitals]
        others = [getattr(made.costs[name], fact) for name in (COORDINATOR, AUDITOR)]
        rows.append((fact, sum(values) / len(values), max(values), *others))
    show(f"{count} hospitals: one round", ("What", *ROLES), rows)
    before, most = made.memory_mib
    own: dict[str, float] = {
        "cpu_s of all": sum(each.cpu_s for each in made.costs.values()),
        "audit_cpu_s": made.audit_cpu_s,
    }
    own |= {"memory_mib before": before, "memory_mib at most": most}
    show("This process", ("What", "value"), list(own.items()))
    words = "exactly" if made.exact else "NOT"
    click.echo(
        f"{made.summed} hospitals are in the sum; the model is {words} that of their updates added in the clear."
    )
    by_role = {row[0]: dict(zip(ROLES, row[1:], strict=True)) for row in rows}
    return {
        "seconds": made.seconds,
        "by_role": by_role,
        "clean": made.report.clean,
        "summed": made.summed,
        "exact": made.exact,
        **own,
    }


def _profile(made: Crowd, path: Path) -> None:
    stats: pstats.Stats | None = None
    for cost in made.costs.values():
        if cost.profile is not None:
            stats = pstats.Stats(cost.profile) if stats is None else stats.add(cost.profile)
    if stats is not None:
        stats.dump_stats(path)


if __name__ == "__main__":
    main()
