"""A hospital's folder that was copied and runs twice: the second one stops before it records anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.protocol.errors import FolderCopied
from fl.protocol.records import SharesChecked
from fl.protocol.rounds.round import Phase
from fl.roles.hospital.agent import Hospital
from tests.support.federation import memory_folder, nudge
from tests.support.masked_world import Four, rest, step
from tests.support.world import World, check_audit, restless


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


def copy_of(world: World, name: str) -> Hospital:
    """Return another machine's hospital whose folder is a copy of this one's as it is now."""
    party = world.party(name)
    copied = replace(party, folder=party.folder.parent / f"{name}-copy", events=[])
    if party.folder.exists():
        shutil.copytree(party.folder, copied.folder)
    return world.hospital_of(copied, restless(f"{name} elsewhere"))


@pytest.mark.parametrize("phase", [Phase.ADVERTISE, Phase.SHARE, Phase.COMPLAIN])
def test_a_copy_stops_and_the_round_ends_without_a_false_complaint(four: Four, phase: Phase) -> None:
    boss, alpha, others = four.boss(), four.hospital("alpha"), four.hospitals("beta", "gamma", "delta")
    step(alpha)
    copied = copy_of(four, "alpha")
    four.until(phase, boss, alpha, *others)
    if phase == Phase.ADVERTISE:
        step(alpha)
        step(alpha)
    before = len(list(four.consortium.operator.replay()))
    with pytest.raises(FolderCopied, match="A copy of this folder runs elsewhere"):
        rest(copied)
    assert len(list(four.consortium.operator.replay())) == before, "it recorded nothing"
    rest(boss, four.auditor(), alpha, *others)
    assert four.phases() == ["FINAL"]
    checked = [each.record for each in four.consortium.operator.replay() if isinstance(each.record, SharesChecked)]
    assert [record.complaints for record in checked] == [b""] * 4
    check_audit(four)


def test_a_copy_made_in_the_round_uploads_no_second_update(four: Four) -> None:
    boss, others = four.boss(), four.hospitals("beta", "gamma", "delta")
    alpha = four.hospital("alpha", nudge("alpha"))
    four.until(Phase.MASK, boss, alpha, *others)
    copied = copy_of(four, "alpha")
    while four.account("alpha") not in four.current.commitments:
        step(alpha)
    with pytest.raises(FolderCopied, match="has an update of"):
        rest(copied)
    rest(boss, four.auditor(), alpha, *others)
    assert four.phases() == ["FINAL"]
    check_audit(four)


def test_a_copy_in_a_sealed_round_stops_too(world: World) -> None:
    boss, hospitals = world.coordinator(), world.hospitals()
    copied = copy_of(world, "alpha")
    rest(*hospitals, boss, *hospitals)
    while world.round is None or world.party("alpha").account not in world.current.commitments:
        rest(boss)
        rest(*hospitals)
    if not world.current.ended:
        with pytest.raises(FolderCopied):
            rest(copied)
