"""The model with which a federation began, computed again from its recipe."""

from __future__ import annotations

import pytest

from fl.audit.first_model import check_first_model
from fl.protocol.audit import Report
from fl.protocol.errors import EncodingError, HemaledgerError, PretrainedMissing
from fl.protocol.names import Digest
from fl.protocol.rounds.config import RoundConfig
from tests.support.world import World

OTHER = Digest(bytes(range(32)))


@pytest.fixture
def ended(world: World) -> World:
    world.run()
    return world


def checked(world: World, result: Digest | HemaledgerError) -> Report:
    def compute(_config: RoundConfig) -> Digest:
        if isinstance(result, HemaledgerError):
            raise result
        return result

    report = Report()
    check_first_model(world.federation, world.consortium.vault, report, compute)
    return report


def test_a_federation_that_began_with_its_recipes_model_is_counted(ended: World) -> None:
    report = checked(ended, ended.federation.openings[0].record.model_digest)
    assert report.clean
    assert report.checks["first models"] == 1


def test_a_federation_that_began_with_other_weights_is_found(ended: World) -> None:
    (finding,) = checked(ended, OTHER).findings
    assert (finding.name, finding.subject) == ("ModelDigestMismatch", "first model")


def test_a_machine_without_the_published_weights_says_that_it_did_not_check(ended: World) -> None:
    report = checked(ended, PretrainedMissing("weights-of-somebody", "1.0"))
    assert report.clean
    assert "weights-of-somebody 1.0" in report.notes[0]
    assert not report.checks


def test_a_table_without_a_recipe_has_no_first_network(ended: World) -> None:
    report = checked(ended, EncodingError("training recipe", "there is none"))
    assert (report.notes, report.findings, dict(report.checks)) == ([], [], {})


def test_before_the_first_round_nothing_says_which_recipe_it_is(world: World) -> None:
    assert dict(checked(world, OTHER).checks) == {}
    assert not world.federation.rounds
