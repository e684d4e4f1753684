"""Rounds with clusters: exact to the last bit with drop-outs in each phase, and clean in an audit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.protocol.rounds.clusters import Clusters, clusters_of
from fl.protocol.rounds.round import Phase, Round
from fl.roles.hospital.background_training import TrainingJob
from fl.training.aggregation.kinds import work_of
from fl.training.model.weights import model_digest
from tests.support.clusters import TWELVE, ClusterTown
from tests.support.federation import CONFIG, initial, memory_folder, nudge

PHASES = [Phase.ADVERTISE, Phase.SHARE, Phase.COMPLAIN, Phase.MASK, Phase.AGREE, Phase.UNMASK]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[ClusterTown]:
    with memory_folder(tmp_path) as folder:
        yield ClusterTown(folder)


def clusters(current: Round) -> Clusters:
    found = clusters_of(current)
    assert found is not None
    return found


def sum_in_the_clear(town: ClusterTown, current: Round) -> bytes:
    """Return the digest of the model of those hospitals' words, added without a mask."""
    start, work = initial(), work_of(CONFIG, 0)
    names = [party.name for party in town.consortium.hospitals if party.account in current.hospitals]
    words = [work.encode(start.vector, nudge(name)(TrainingJob(1, start.vector, CONFIG))) for name in names]
    total = work.sum_of(sum(words[1:], words[0]), len(names))
    return model_digest(start.manifest.digest, work.apply(total, start.vector).model)


def check_final(town: ClusterTown, hospitals: int) -> Round:
    """Check that the round is final with the exact sum of so many, and clean in an audit."""
    current = town.current()
    assert (current.phase, len(current.hospitals), current.reason) == (Phase.FINAL, hospitals, "")
    assert current.proposal is not None
    assert current.proposal.model_digest == sum_in_the_clear(town, current)
    report = town.audit()
    assert (report.findings, report.checks["aggregates"]) == ([], 1)
    return current


def test_a_round_in_three_clusters_is_final_and_exact(town: ClusterTown) -> None:
    assert town.play(lambda _who: None) == Phase.FINAL
    current = check_final(town, TWELVE)
    assert [len(members) for members in clusters(current).members] == [4, 4, 4]


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.name)
def test_a_hospital_and_its_partner_in_another_cluster_may_vanish_in_any_phase(town: ClusterTown, phase: Phase) -> None:
    town.play(lambda _who: None, until=Phase.ADVERTISE)
    split = clusters(town.current())
    one = split.parts[0][0]
    other = split.partners(one)[0]
    assert town.play(lambda who: phase if who in (one, other) else None) == Phase.FINAL
    check_final(town, TWELVE - (0 if phase in (Phase.AGREE, Phase.UNMASK) else 2))
