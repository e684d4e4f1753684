"""A whole consortium on one machine: registers all members, and runs every role as a thread."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from fl.events import Notify
from fl.protocol.names import CeremonyKind, KeyUse, Role
from fl.protocol.task import Task
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.ledger_view import LedgerView, Ports
from fl.roles.auditor import Auditor, Evaluate
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import Train
from fl.roles.runner import Agent
from fl.roles.trustee.agent import Trustee
from fl.timing import Stopwatch
from scripts.demo.threads import run_together
from scripts.wiring.ceremony import CeremonyPlan, start_ceremony
from scripts.wiring.founding import ChainChoice, found_consortium
from scripts.wiring.home import Home
from scripts.wiring.measured import MeasuredAgent
from scripts.wiring.options import OPERATOR
from scripts.wiring.roles import (
    create_member,
    open_ledger,
    open_ports,
    open_safe,
    operator_of,
    privacy_limit,
    register_key,
    register_member,
)

COORDINATOR, AUDITOR = "coordinator", "auditor"
TRUSTEES = ("ines", "jonas", "salma")
"""The doctors who hold the shares of the key to patient records. Any two of them can open a record."""
CEREMONY_STEP_S = 3600


def found_together(
    home: Home,
    url: str,
    hospitals: Sequence[str],
    trustees: Sequence[str] = (),
    task: Task = LEUKEMIA,
    vault: str = "",
) -> None:
    """Deploy the contracts and register a coordinator, an auditor, hospitals and trustees, with random passwords.

    After an interruption, only the missing steps are done. The chain's URL may have changed.
    """
    roles = {COORDINATOR: Role.COORDINATOR, AUDITOR: Role.AUDITOR, **dict.fromkeys(hospitals, Role.HOSPITAL)}
    roles |= dict.fromkeys(trustees, Role.TRUSTEE)
    for name in (OPERATOR, *roles):
        home.member(name).create_password()
    if home.deployment_file.exists():
        home.save(replace(home.deployment, url=url))
    else:
        found_consortium(home, ChainChoice(url, vault=vault), task)
    operator = open_ledger(home, operator_of(home))
    registered = LedgerView(operator).refresh().book.members
    for name, role in roles.items():
        account = create_member(home, name, role)
        if account not in registered:
            register_member(operator, account, role, name)
        register_key(home, name)


def share_key(home: Home, trustees: Sequence[str], notify: Notify, use: KeyUse = KeyUse.RECORDS) -> int:
    """Run the first ceremony of a key, every trustee as a thread; return its threshold.

    An earlier ceremony is not repeated. An interrupted one continues.
    """
    plan = CeremonyPlan(use, CeremonyKind.GENERATE, tuple(trustees), step_s=CEREMONY_STEP_S)
    operator = open_ledger(home, operator_of(home))
    threshold = LedgerView(operator).refresh().threshold
    running = threshold.ceremony(plan.use)
    if threshold.in_force(plan.use) is None and (running is None or running.ended):
        start_ceremony(operator, plan)
    members = [home.member(name) for name in trustees]
    first, *others = [Trustee(open_ports(home, member, notify), open_safe(member)) for member in members]

    def confirmed() -> bool:
        ceremony = first.view.federation.threshold.ceremony(plan.use)
        return ceremony is not None and len(ceremony.confirmed) == len(trustees)

    run_together(first, confirmed, others, notify)
    return first.view.federation.threshold.committee(plan.use).threshold


@dataclass
class Together:
    """All roles of a consortium in this process."""

    ports: Mapping[str, Ports]
    watches: Mapping[str, Stopwatch]
    """Measures each member's parts of the work."""
    coordinator: Coordinator
    others: list[Agent]

    def run(self, notify: Notify) -> None:
        """Run until the coordinator's plan is done."""
        leader = MeasuredAgent(self.coordinator, self.watches[COORDINATOR])
        run_together(leader, lambda: self.coordinator.done, self.others, notify)


@dataclass(frozen=True)
class Work:
    """The work of all roles."""

    plan: Plan
    initial: Initial
    train: Mapping[str, Train]
    """By hospital."""
    evaluate: Evaluate


def gather(
    home: Home, work: Work, notify: Mapping[str, Notify], apart: Mapping[str, Home] = MappingProxyType({})
) -> Together:
    """Open all members' ports and create their agents, each with a stopwatch; `apart` has members' own homes."""
    watches = {name: Stopwatch(time.perf_counter) for name in (COORDINATOR, AUDITOR, *work.train)}
    homes = {name: apart.get(name, home) for name in watches}
    ports = {name: open_ports(homes[name], homes[name].member(name), notify[name]) for name in watches}
    agents: dict[str, Agent] = {AUDITOR: Auditor(ports[AUDITOR], watches[AUDITOR].around("evaluate", work.evaluate))}
    for name, train in work.train.items():
        around, limit = watches[name].around("training", train), privacy_limit(homes[name].member(name))
        agents[name] = Hospital(ports[name], around, task=work.plan.config.task, limit=limit)
    coordinator = Coordinator(ports[COORDINATOR], work.plan, work.initial)
    others: list[Agent] = [MeasuredAgent(agent, watches[name]) for name, agent in agents.items()]
    return Together(ports, watches, coordinator, others)
