"""After an abort in UNMASK nobody offers again what shares were revealed for, whatever stops in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fl.events import Event
from fl.protocol.names import Protection
from fl.protocol.rounds.round import Phase
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import TrainingJob
from fl.training.aggregation.quantise import LocalMetrics, Vector
from tests.support.federation import initial
from tests.support.masked_world import WRITES
from tests.support.power import Fuse, PowerCut, fused, moments
from tests.support.world import COMMIT_S, World, audit

STEP_S = 60
FIRST = moments(WRITES)[: moments(WRITES).index("before append ModelAttested")]
"""Every moment of a round up to the last share that leaves."""


def coordinator(world: World) -> Coordinator:
    plan = replace(world.plan(), protection=Protection.MASKED, min_hospitals=3, min_commitments=3, attestations=0)
    plan = replace(plan, step_timeout_s=STEP_S)
    return Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())


def without_chance(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
    """Return the same weights from the same model in every round."""
    step = np.random.default_rng(7).normal(0, 0.01, task.previous.size).astype(np.float32)
    return task.previous + step, LocalMetrics(samples=100, correct=80, loss=0.5)


def idle(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
    """Return the model itself: nothing was learned."""
    return task.previous, LocalMetrics(samples=100, correct=80, loss=0.5)


def beta(world: World, train: Callable[[TrainingJob], tuple[Vector, LocalMetrics]], fuse: Fuse) -> Hospital:
    return Hospital(fused(world.party("beta").ports(world.consortium.vault), fuse), train)


def pass_round(world: World, number: int, boss: Coordinator, *hospitals: Hospital) -> None:
    """Step everybody through a round, and let the clock run when nobody has anything to do, until it ended."""
    for _ in range(400):
        boss.step()
        ended = [found.number for found in boss.view.refresh().rounds if found.ended]
        if number in ended:
            return
        acted = [hospital.step() for hospital in hospitals]
        for hospital in hospitals:
            hospital.finish_training()
        if not any(acted) and not boss.step():
            world.clock.now += COMMIT_S + 1 if world.current.phase == Phase.MASK else STEP_S + 1
    raise AssertionError(f"round {number} never ended")


def stall(world: World, number: int, boss: Coordinator, middle: Hospital) -> None:
    """Bring a round to UNMASK with everybody, and leave it there without gamma until it is aborted."""
    alpha, gamma = world.hospitals("alpha", "gamma")
    while world.round is None or world.current.number < number or world.current.phase != Phase.UNMASK:
        boss.step()
        for hospital in (alpha, middle, gamma):
            hospital.step()
            hospital.finish_training()
    pass_round(world, number, boss, alpha, middle)


def reasons(world: World, what: Event) -> list[str]:
    return [str(facts["reason"]) for event, facts in world.party("beta").events if event == what]


def test_a_training_without_chance_is_withheld_after_its_shares_were_revealed_and_says_why(world: World) -> None:
    boss, middle = coordinator(world), beta(world, without_chance, Fuse())
    stall(world, 1, boss, middle)
    assert world.federation.rounds[0].reason.startswith("RoundStalled")
    pass_round(world, 2, boss, *world.hospitals("alpha", "gamma"), middle)
    second, account = world.federation.rounds[1], world.party("beta").account
    assert account not in second.commitments
    assert set(second.commitments) == {world.party(name).account for name in ("alpha", "gamma")}
    assert [reason.split(":")[0] for reason in reasons(world, Event.UPDATE_WITHHELD)] == ["UpdateSpent"]
    assert len(reasons(world, Event.UPDATE_SPENT)) == 1
    assert "never sends that update again" in reasons(world, Event.UPDATE_SPENT)[0]
    assert any("These updates are never sent again" in note for note in audit(world).notes)


def test_a_training_with_another_seed_goes_on_and_the_round_is_final(world: World) -> None:
    boss = coordinator(world)
    middle = world.hospital("beta")
    stall(world, 1, boss, middle)
    pass_round(world, 2, boss, *world.hospitals("alpha", "gamma"), middle)
    assert world.phases() == ["ABORTED", "FINAL"]
    assert reasons(world, Event.UPDATE_WITHHELD) == []


def test_who_learned_nothing_may_say_so_as_often_as_it_likes(world: World) -> None:
    boss, middle = coordinator(world), beta(world, idle, Fuse())
    stall(world, 1, boss, middle)
    pass_round(world, 2, boss, *world.hospitals("alpha", "gamma"), middle)
    assert world.phases() == ["ABORTED", "FINAL"]


def test_before_a_share_left_the_same_update_may_be_offered_again(world: World) -> None:
    boss, middle = coordinator(world), beta(world, without_chance, Fuse())
    pass_round(world, 1, boss, *world.hospitals("alpha"), middle)  # gamma never comes
    assert world.federation.rounds[0].reason.startswith("BelowThreshold")
    pass_round(world, 2, boss, *world.hospitals("alpha", "gamma"), middle)
    assert world.phases() == ["ABORTED", "FINAL"]


@pytest.mark.parametrize("moment", range(len(FIRST)), ids=[f"{n} {what}" for n, what in enumerate(FIRST)])
def test_wherever_it_stopped_what_was_revealed_is_never_offered_again(world: World, moment: int) -> None:
    """Beta stops in round 1 and comes back in round 2, where it learns the very same."""
    boss = coordinator(world)
    with pytest.raises(PowerCut):
        stall(world, 1, boss, beta(world, without_chance, Fuse(moment)))
    pass_round(world, 1, boss, world.hospital("alpha"))
    account = world.party("beta").account
    revealed = account in world.federation.rounds[0].revealed
    assert revealed == (moment > FIRST.index("before append SharesRevealed"))
    marked = moment > FIRST.index("before journal.once spent")
    pass_round(world, 2, boss, *world.hospitals("alpha", "gamma"), beta(world, without_chance, Fuse()))
    assert (account in world.federation.rounds[1].commitments) == (not marked)
    assert world.phases() == ["ABORTED", "ABORTED" if marked else "FINAL"]
