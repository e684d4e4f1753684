"""Agents that Flower calls: nobody begins a round without a call, and answers say what the ledger says, no more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fl.events import Event
from fl.protocol.names import Role
from fl.protocol.rounds.round import Phase
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import ABORT_AFTER_S, Hospital
from fl.roles.runner import Agent
from fl.transport.flower.desk import UNCALLED, CalledAgent, Desk, Who
from tests.support.federation import initial, nudge
from tests.support.masked_world import NAMES, STEP_S, Four, step


class Called(Four):
    """A consortium of four hospitals whose agents take calls."""

    def desk(self, name: str, role: Role = Role.HOSPITAL) -> Desk:
        return Desk(Who(name, role, self.party(name).account, "0.1.0"), lambda: self.clock.now)

    def called_hospital(self, desk: Desk) -> CalledAgent:
        party = self.party(desk.who.name)
        ports = party.ports(self.consortium.vault)
        ports = replace(ports, notify=desk.noting(ports.notify))
        return CalledAgent(Hospital(ports, nudge(party.name)), desk)

    def called_coordinator(self, desk: Desk, rounds: int = 1) -> CalledAgent:
        ports = self.consortium.coordinator.ports(self.consortium.vault)
        ports = replace(ports, notify=desk.noting(ports.notify))
        inner = Coordinator(ports, self.masked_plan(rounds), initial(), desk.held)
        return CalledAgent(inner, desk, lambda: inner.done)


@pytest.fixture
def world(tmp_path: Path) -> Called:
    return Called(tmp_path)


@pytest.fixture
def desks(world: Called) -> dict[str, Desk]:
    return {name: world.desk(name) for name in NAMES} | {
        "coordinator": world.desk(world.consortium.coordinator.name, Role.COORDINATOR)
    }


@pytest.fixture
def agents(world: Called, desks: Mapping[str, Desk]) -> dict[str, CalledAgent]:
    return {name: world.called_hospital(desks[name]) for name in NAMES} | {
        "coordinator": world.called_coordinator(desks["coordinator"], 2)
    }


def rest(world: Called, agents: Mapping[str, CalledAgent]) -> None:
    """Step until nobody has anything to do, trainings included."""
    everybody: list[Agent] = [*agents.values(), world.auditor()]
    for _ in range(300):
        acted = [step(agent) for agent in everybody]
        for agent in agents.values():
            if isinstance(agent.inner, Hospital):
                agent.inner.finish_training()
        if not any(acted) and not any(step(agent) for agent in everybody):
            return
    raise AssertionError("the round never came to rest")


def test_the_coordinator_opens_no_round_without_a_call_and_one_for_each(
    world: Called, desks: Mapping[str, Desk], agents: Mapping[str, CalledAgent]
) -> None:
    rest(world, agents)
    assert world.federation.openings
    assert world.round is None
    events = world.consortium.coordinator.events
    assert [facts for event, facts in events if event == Event.ALARM] == []
    assert [str(facts["reason"]) for event, facts in events if event == Event.WAITING] == [
        f"the next round is held back: {UNCALLED}"
    ]
    assert desks["coordinator"].answer("open", 0, 0)["round"] == 0
    rest(world, agents)
    assert desks["coordinator"].answer("open", 0, 0)["round"] == 1
    for name in NAMES:
        desks[name].call(1)
    rest(world, agents)
    assert world.phases() == ["FINAL"], "asking while a round runs calls for no further one"


def test_a_round_of_four_calls_ends_final_and_every_answer_says_so(
    world: Called, desks: Mapping[str, Desk], agents: Mapping[str, CalledAgent]
) -> None:
    rest(world, agents)
    desks["coordinator"].answer("open", 0, 0)
    for name in NAMES:
        desks[name].answer("join", 1, 0)
    rest(world, agents)
    answers = {name: desks[name].answer("join", 1, 0) for name in NAMES}
    assert {(answer["state"], answer["took_part"]) for answer in answers.values()} == {("final", True)}
    boss = desks["coordinator"].answer("follow", 1, 0)
    assert (boss["state"], boss["hospitals"], boss["roster"], boss["left_out"]) == ("final", 4, 4, "")
    figures = boss["figures"]
    assert isinstance(figures, dict)
    assert set(figures) == {"training_accuracy", "training_loss", "samples"}
    assert boss["model"] == world.federation.model_digest.hex()


def test_a_hospital_that_was_not_called_begins_nothing_and_the_others_go_on_without_it(
    world: Called, desks: Mapping[str, Desk], agents: Mapping[str, CalledAgent]
) -> None:
    rest(world, agents)
    desks["coordinator"].answer("open", 0, 0)
    for name in ("alpha", "gamma", "delta"):
        desks[name].call(1)
    rest(world, agents)
    assert world.current.phase == Phase.ADVERTISE
    world.clock.now += STEP_S + 1
    rest(world, agents)
    assert world.names(world.current.hospitals) == ["alpha", "delta", "gamma"]
    assert world.party("beta").account not in world.current.advertised
    assert desks["coordinator"].answer("follow", 1, 0)["left_out"] == "beta"
    assert desks["beta"].answer("follow", 1, 0)["took_part"] is False


def test_a_hospital_that_was_not_called_ends_a_round_whose_coordinator_is_gone(
    world: Called, desks: Mapping[str, Desk], agents: Mapping[str, CalledAgent]
) -> None:
    rest(world, agents)
    desks["coordinator"].answer("open", 0, 0)
    while world.round is None:
        step(agents["coordinator"])
    assert not step(agents["beta"])
    world.clock.now = world.current.terms.close_deadline + ABORT_AFTER_S + 1
    assert step(agents["beta"])
    assert world.phases() == ["ABORTED"]


def test_a_hospital_that_acted_goes_on_after_a_restart_without_another_call(
    world: Called, desks: Mapping[str, Desk], agents: dict[str, CalledAgent]
) -> None:
    rest(world, agents)
    desks["coordinator"].answer("open", 0, 0)
    rest(world, agents)
    desks["beta"].call(1)
    step(agents["beta"])
    assert world.party("beta").account in world.current.advertised
    agents["beta"] = world.called_hospital(world.desk("beta"))
    for name in NAMES:
        if name != "beta":
            desks[name].call(1)
    rest(world, agents)
    assert world.current.phase == Phase.FINAL
    assert world.party("beta").account in world.current.hospitals


def test_no_answer_of_a_hospital_says_what_only_it_knows(
    world: Called, desks: Mapping[str, Desk], agents: Mapping[str, CalledAgent]
) -> None:
    desk = desks["alpha"]
    rest(world, agents)
    desks["coordinator"].answer("open", 0, 0)
    rest(world, agents)
    note = desk.noting(lambda _what, _facts: None)
    note(Event.TRAINED, {"round": 1, "samples": 31337, "loss": 0.31337})
    note(Event.TRAINING_FAILED, {"round": 1, "reason": "/srv/secret/data.npz: disk is full"})
    note(Event.WAITING, {"reason": "https://user:secret@rpc.example does not answer"})
    said = json.dumps(desk.answer("join", 1, 0))
    assert "31337" not in said
    assert "secret" not in said
    assert "waiting" in said


def test_a_hospital_says_why_it_refuses_a_round(
    world: Called, desks: Mapping[str, Desk], agents: Mapping[str, CalledAgent]
) -> None:
    rest(world, agents)
    desks["coordinator"].answer("open", 0, 0)
    rest(world, agents)
    desks["alpha"].noting(lambda _what, _facts: None)(
        Event.ROUND_REFUSED, {"round": 1, "reason": "TaskMismatch: other"}
    )
    assert desks["alpha"].answer("join", 1, 0)["reason"] == "refused: TaskMismatch: other"
    assert desks["alpha"].answer("join", 2, 0)["state"] == "waiting"


def test_an_ended_plan_says_so(world: Called, desks: Mapping[str, Desk], agents: Mapping[str, CalledAgent]) -> None:
    for number in (1, 2):
        rest(world, agents)
        desks["coordinator"].answer("open", 0, 0)
        for name in NAMES:
            desks[name].call(number)
        rest(world, agents)
    assert desks["coordinator"].answer("follow", 2, 0)["done"] is True
    assert world.phases() == ["FINAL", "FINAL"]
