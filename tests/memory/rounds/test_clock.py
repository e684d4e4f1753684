"""A machine whose clock is not the chain's decides nothing by it; rounds that come to nothing grow rare."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fl.events import Event
from fl.protocol.errors import ClockWrong
from fl.protocol.rounds.round import Phase
from fl.replay.ledger_view import Ports
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.clock import SKEW_S, CheckedClock, TimedLedger
from fl.roles.hospital.agent import Hospital
from fl.roles.runner import Agent
from tests.support.federation import Clock, Party, initial, nudge
from tests.support.world import World

DAY = 86400


@dataclass
class Machine:
    """A machine whose clock shows the true time and something more; it also counts the seconds of its uptime."""

    true: Clock
    off: int = 0

    def __call__(self) -> int:
        return self.true() + self.off

    def uptime(self) -> float:
        return float(self.true() - 1_700_000_000)

    def ports(self, world: World, party: Party) -> Ports:
        clock = CheckedClock(self, self.uptime)
        return replace(party.ports(world.consortium.vault), now=clock, ledger=TimedLedger(party.ledger, clock))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def coordinator_on(world: World, machine: Machine, rounds: int = 1) -> Coordinator:
    return Coordinator(machine.ports(world, world.consortium.coordinator), world.plan(rounds), initial())


def until_wrong(agent: Agent) -> ClockWrong:
    for _ in range(20):
        try:
            agent.step()
        except ClockWrong as error:
            return error
    raise AssertionError("the clock was trusted")


@pytest.mark.parametrize(("off", "amount"), [(DAY, "24 hours"), (3 * DAY, "3 days"), (600, "10 minutes")])
def test_a_coordinator_whose_clock_is_ahead_aborts_nothing_and_says_why(world: World, off: int, amount: str) -> None:
    coordinator = coordinator_on(world, Machine(world.clock, off))
    error = until_wrong(coordinator)
    assert f"clock is {amount} ahead of the chain's" in str(error)
    for _ in range(5):
        until_wrong(coordinator)
    assert "ABORTED" not in world.phases()
    assert len(world.phases()) <= 1


def test_it_goes_on_as_soon_as_the_clock_is_set_right(world: World) -> None:
    machine = Machine(world.clock, DAY)
    coordinator = coordinator_on(world, machine)
    until_wrong(coordinator)
    machine.off = 5
    hospitals = world.hospitals()
    for _ in range(20):
        agents: list[Agent] = [coordinator, world.auditor(), *hospitals]
        for agent in agents:
            agent.step()
    assert world.phases() == ["FINAL"]


def test_a_coordinator_that_joins_a_running_federation_opens_one_round_at_most(world: World) -> None:
    world.run()
    coordinator = coordinator_on(world, Machine(world.clock, DAY), rounds=9)
    for _ in range(10):
        until_wrong(coordinator)
    assert world.phases() in (["FINAL"], ["FINAL", "OPEN"])


def test_a_coordinator_whose_clock_is_behind_waits_instead_of_being_refused(world: World) -> None:
    world.run()
    error = until_wrong(coordinator_on(world, Machine(world.clock, -DAY), rounds=9))
    assert "24 hours behind" in str(error)
    assert world.phases() == ["FINAL"]


@pytest.mark.parametrize(("off", "side"), [(DAY, "ahead of"), (-DAY, "behind")])
def test_a_hospital_with_a_wrong_clock_says_so_when_a_round_opens(world: World, off: int, side: str) -> None:
    hospital = Hospital(Machine(world.clock, off).ports(world, world.party("beta")), nudge("beta"))
    coordinator = world.coordinator()
    hospital.step()
    while world.round is None:
        coordinator.step()
    assert until_wrong(hospital).side == side
    assert world.party("beta").account not in world.current.commitments


@pytest.mark.parametrize("off", [0, 1, -1, SKEW_S // 2, -SKEW_S // 2])
def test_a_clock_that_is_nearly_right_is_used_on_a_chain_that_is_quiet_for_a_week(world: World, off: int) -> None:
    machine = Machine(world.clock, off)
    coordinator = coordinator_on(world, machine, rounds=2)
    hospitals = [Hospital(machine.ports(world, each), nudge(each.name)) for each in world.consortium.hospitals]
    for rounds in (1, 2):
        agents: list[Agent] = [coordinator, world.auditor(), *hospitals]
        for _ in range(20):
            for agent in agents:
                agent.step()
            if len(world.phases()) == rounds and world.phases()[-1] == "FINAL":
                break
        world.clock.now += 7 * DAY
    assert world.phases() == ["FINAL", "FINAL"]


def test_old_records_say_nothing_of_a_clock_that_is_ahead() -> None:
    clock = CheckedClock(lambda: 2_000_000_000, lambda: 5.0)
    clock.saw(1_900_000_000, None)
    assert clock() == 2_000_000_000
    clock.saw(2_000_000_000 + DAY, None)
    with pytest.raises(ClockWrong):
        clock()


def rounds_without_anybody(world: World, coordinator: Coordinator, count: int) -> list[int]:
    """Let so many rounds end at their deadlines without one commitment; return when each was opened."""
    for _ in range(40 * count):
        coordinator.step()
        if len([phase for phase in world.phases() if phase == "ABORTED"]) == count:
            break
        world.clock.now += 30
    return [found.opened.timestamp for found in world.federation.rounds]


def test_a_coordinator_opens_rounds_more_and_more_rarely_when_nobody_commits(world: World) -> None:
    coordinator = world.coordinator(99)
    rounds_without_anybody(world, coordinator, 7)
    ended = [found.last.timestamp for found in world.federation.rounds if found.last is not None]
    opened = [found.opened.timestamp for found in world.federation.rounds]
    waits = [later - before for before, later in zip(ended, opened[1:], strict=False)]
    assert waits[:2] == [30, 30]
    assert all(later >= wait for later, wait in zip(waits[2:], (60, 120, 240, 480), strict=False))
    reported = [facts["reason"] for what, facts in world.consortium.coordinator.events if what == Event.ALARM]
    assert str(reported[0]).startswith("3 rounds in a row ended before any hospital committed")
    assert len(reported) == len(set(reported))


def test_one_commitment_ends_the_wait(world: World) -> None:
    coordinator = world.coordinator(99, min_commitments=2)
    rounds_without_anybody(world, coordinator, 3)
    world.clock.now += 3600
    hospital = world.hospital("alpha")
    while world.current.phase != Phase.OPEN:
        coordinator.step()
    hospital.step()
    world.clock.now += 300
    ended = len(world.phases())
    while len(world.phases()) == ended:
        coordinator.step()
    assert world.phases()[-2:] == ["ABORTED", "OPEN"]


def test_a_chain_whose_own_clock_was_ahead_makes_nobody_wait_once_it_goes_on() -> None:
    seconds = [0.0]
    clock = CheckedClock(lambda: 2_000_000_000 + int(seconds[0]), lambda: seconds[0])
    clock.saw(2_000_000_000 + 3600, None)
    with pytest.raises(ClockWrong):
        clock()
    seconds[0] = 7200.0  # the chain's time waited for its clock
    clock.saw(2_000_000_000 + 7200, 7199.0)
    assert clock() == 2_000_007_200
