"""Measured agents: every part of a round's work is counted for the member that did it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest

from fl.protocol.names import Protection
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.roles.runner import Agent
from fl.timing import Stopwatch
from scripts.wiring.measured import MeasuredAgent
from tests.support.federation import initial, nudge
from tests.support.masked_world import Four, rest

PARTS = {
    Protection.SEALED: {
        "coordinator": {"chain", "hash", "open", "seal", "sum", "vault"},
        "auditor": {"chain", "hash", "open", "sum", "vault"},
        "alpha": {"chain", "hash", "open", "quantise", "seal", "vault"},
    },
    Protection.MASKED: {
        "coordinator": {"chain", "hash", "open", "reconstruct", "seal", "sum", "unmask", "vault"},
        "auditor": {"chain", "hash", "open", "reconstruct", "sum", "unmask", "vault"},
        "alpha": {"chain", "hash", "mask", "open", "quantise", "reconstruct", "seal", "sum", "unmask", "vault"},
    },
}


@pytest.mark.parametrize("protection", [Protection.MASKED, Protection.SEALED])
def test_each_part_of_a_round_is_counted_for_who_did_it(tmp_path: Path, protection: Protection) -> None:
    world = Four(tmp_path)
    watches = {party.name: Stopwatch(perf_counter) for party in world.consortium.everybody()}
    ports = {party.name: party.ports(world.consortium.vault) for party in world.consortium.everybody()}
    hospitals = {party.name: Hospital(ports[party.name], nudge(party.name)) for party in world.consortium.hospitals}
    agents: dict[str, Agent] = {**hospitals}
    agents["auditor"] = Auditor(ports["auditor"], lambda _model, _config: Evaluation())
    plan = replace(world.masked_plan(), protection=protection)
    agents["coordinator"] = Coordinator(ports["coordinator"], plan, initial())
    for _ in range(2):  # the training ends beside the round
        rest(*(MeasuredAgent(agent, watches[name]) for name, agent in agents.items()))
        for hospital in hospitals.values():
            hospital.finish_training()
    assert world.phases() == ["FINAL"]
    counted = {name: set(watches[name].seconds) for name in PARTS[protection]}
    assert counted == PARTS[protection]
