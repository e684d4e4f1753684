"""A hospital computes itself whether the clusters of a round bear the colluders that it expects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fl.events import Event
from fl.protocol.rounds.round import Phase
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.trusted_peers import TrustedPeers
from tests.support.clusters import ClusterTown
from tests.support.federation import memory_folder, nudge


def test_a_hospital_that_expects_more_colluders_than_clusters_bear_sends_nothing(tmp_path: Path) -> None:
    with memory_folder(tmp_path) as folder:
        town = ClusterTown(folder)
        party = town.consortium.hospitals[0]
        ports = replace(party.ports(town.consortium.vault), vault=town.vaults[party.account])
        town.hospitals[party.account] = Hospital(ports, nudge(party.name), TrustedPeers(collusion=0.3))
        town.play(lambda _who: None, until=Phase.SHARE)
        assert party.account not in town.current().advertised
        refused = {
            str(facts["reason"]).partition(":")[0] for what, facts in party.events if what == Event.ROUND_REFUSED
        }
        assert refused == {"GraphTooThin"}
