"""A hospital that trusts some peers wants them beside it for as long as it gives something away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.events import Event
from fl.protocol.rounds.round import Phase
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.trusted_peers import TrustedPeers
from tests.support.federation import memory_folder, nudge
from tests.support.masked_world import STEP_S, Four, rest
from tests.support.world import COMMIT_S


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


@pytest.mark.parametrize("phase", [Phase.ADVERTISE, Phase.MASK])
def test_a_hospital_whose_trusted_peer_drops_out_hides_its_update_among_no_strangers(world: Four, phase: Phase) -> None:
    """Whom alpha trusts vanishes before the masks are made, or before the set is frozen."""
    party = world.party("alpha")
    trust = TrustedPeers(frozenset({world.account("delta")}), 1)
    wary = Hospital(party.ports(world.consortium.vault), nudge("alpha"), trust)
    boss, hospitals = world.boss(), [wary, *world.hospitals("beta", "gamma")]
    delta = world.hospital("delta")
    world.until(phase, boss, *hospitals, *([delta] if phase == Phase.MASK else []))
    rest(boss, *hospitals)
    world.clock.now += COMMIT_S + 1 if phase == Phase.MASK else STEP_S + 1
    rest(boss, world.auditor(), *hospitals)
    assert (party.account in world.current.commitments) == (phase == Phase.MASK)
    assert party.account not in world.current.endorsed
    (reason,) = world.reported("alpha", Event.ROUND_REFUSED)
    assert reason.startswith("RosterUntrusted: The round has 0 of the hospitals")


def test_a_hospital_that_learns_whom_to_trust_after_it_signed_reveals_nothing_among_strangers(world: Four) -> None:
    boss, others, alpha = world.boss(), world.hospitals("beta", "gamma"), world.hospital("alpha")
    world.until(Phase.MASK, boss, alpha, *others, world.hospital("delta"))
    rest(boss, alpha, *others)
    world.clock.now += COMMIT_S + 1
    world.until(Phase.AGREE, boss)
    world.until(Phase.UNMASK, alpha, *others)
    party = world.party("alpha")
    assert party.account in world.current.endorsed
    trust = TrustedPeers(frozenset({world.account("delta")}), 1)
    rest(boss, Hospital(party.ports(world.consortium.vault), nudge("alpha"), trust), *others)
    assert party.account not in world.current.revealed
    assert len(world.reported("alpha", Event.ROUND_REFUSED)) == 1
