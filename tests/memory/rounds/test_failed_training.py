"""A training that a passing fault stopped begins again after a pause, while the round is open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.events import Event
from fl.protocol.errors import StorageFull
from fl.protocol.rounds.round import Phase
from fl.roles.hospital.background_training import FIRST_PAUSE_S, Background, TrainingJob
from fl.roles.runner import Agent
from fl.training.aggregation.work import Learned
from tests.support.federation import CONFIG, initial, memory_folder, nudge
from tests.support.masked_world import Four, rest
from tests.support.world import check_audit

FULL = StorageFull("/home/members/alpha/training", "No space left on device")


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


class FullDisk:
    """A training whose disk is full until it is freed."""

    def __init__(self) -> None:
        self.full, self.tries = True, 0

    def __call__(self, job: TrainingJob) -> Learned:
        self.tries += 1
        if self.full:
            raise FULL
        return nudge("alpha")(job)


def test_a_hospital_whose_disk_was_freed_still_takes_part(four: Four) -> None:
    disk = FullDisk()
    alpha = four.hospital("alpha", disk)
    others: list[Agent] = [four.boss(), four.auditor(), *four.hospitals("beta", "gamma", "delta")]
    rest(*others, alpha)
    assert four.current.phase == Phase.MASK
    assert disk.tries == 1, "it waits before it tries again"
    disk.full = False
    four.clock.now += FIRST_PAUSE_S
    rest(alpha)  # it trains in the background, and commits at its next step
    rest(*others, alpha)
    assert four.phases() == ["FINAL"]
    assert four.account("alpha") in four.current.hospitals
    assert four.reported("alpha", Event.TRAINING_FAILED) == [str(FULL)]
    check_audit(four)


def test_each_further_failure_is_reported_and_waits_twice_as_long() -> None:
    disk, now = FullDisk(), 1000
    background, job = Background(disk), TrainingJob(1, initial().vector, CONFIG)
    for wanted_s in (5, 10, 20, 40, 80, 160, 300, 300):
        background.begin(b"round", job)
        background.wait()
        failure = background.failed(b"round", now)
        assert failure == (FULL, wanted_s)
        assert background.failed(b"round", now) is None, "it is reported once"
        assert background.pauses(b"round", now + wanted_s - 1)
        assert not background.pauses(b"another round", now)
        now += wanted_s
        assert not background.pauses(b"round", now)
