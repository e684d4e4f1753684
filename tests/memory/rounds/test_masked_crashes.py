"""A hospital of a masked round is stopped before and after each of its writes, and started again from its folder."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl.protocol.names import Protection
from fl.protocol.records import (
    KeysAdvertised,
    ModelAttested,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
    UpdateCommitted,
)
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.roles.runner import Agent
from tests.support.federation import initial
from tests.support.masked_world import WRITES
from tests.support.power import Fuse, PowerCut, fused, moments
from tests.support.world import World, check_audit, restless

ONCE = (KeysAdvertised, SharesDealt, SharesChecked, UpdateCommitted, SetEndorsed, SharesRevealed, ModelAttested)


def coordinator(world: World) -> Coordinator:
    plan = replace(world.plan(), protection=Protection.MASKED, min_hospitals=3, min_commitments=3)
    return Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())


def beta(world: World, fuse: Fuse) -> Hospital:
    return Hospital(fused(world.party("beta").ports(world.consortium.vault), fuse), restless("beta"))


def rest(*agents: Agent) -> None:
    """Step until nobody has anything to do, trainings included."""
    for _ in range(200):
        acted = [agent.step() for agent in agents]
        for agent in agents:
            if isinstance(agent, Hospital):
                agent.finish_training()
        if not any(acted) and not any(agent.step() for agent in agents):
            return
    raise AssertionError("the round never came to rest")


def test_every_promise_is_on_the_own_disk_before_anything_leaves(world: World) -> None:
    fuse = Fuse()
    rest(coordinator(world), world.auditor(), *world.hospitals("alpha", "gamma"), beta(world, fuse))
    assert world.phases() == ["FINAL"]
    assert fuse.passed == moments(WRITES)


@pytest.mark.parametrize(
    "moment", range(2 * len(WRITES)), ids=[f"{n} {what}" for n, what in enumerate(moments(WRITES))]
)
def test_a_hospital_that_stops_anywhere_re_sends_the_same_bytes(world: World, moment: int) -> None:
    """The restless training learns something else at every call: nothing but what was promised may be sent."""
    others: list[Agent] = [coordinator(world), world.auditor(), *world.hospitals("alpha", "gamma")]
    with pytest.raises(PowerCut):
        rest(*others, beta(world, Fuse(moment)))
    journal = world.party("beta").ports(world.consortium.vault).journal
    keys = [f"{what}/{world.current.context.hex()}" for what in ("bundle", "update", "answer")]
    promised = [journal.get(key) for key in keys]
    rest(*others, beta(world, Fuse()))
    assert world.phases() == ["FINAL"]
    for before, key in zip(promised, keys, strict=True):
        assert before in {None, journal.get(key)}
    account = world.party("beta").account
    made = [e.record for e in world.consortium.operator.replay() if isinstance(e.record, ONCE)]
    assert sorted(type(record).__name__ for record in made if record.sender == account) == sorted(
        kind.__name__ for kind in ONCE
    )
    assert journal.get(f"keys/{world.current.context.hex()}") is None
    check_audit(world)
