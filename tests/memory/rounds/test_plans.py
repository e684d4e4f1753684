"""Which round follows: only training counts, the closing rounds come after it, and a plan fits the opened model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.events import Event
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.replay.round_documents import read_config
from fl.replay.round_work import check_room
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial
from fl.roles.coordinator.progress import Kind, Part, counted
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.training.aggregation.lanes import Lane, LanePlan
from fl.training.aggregation.quantise import LocalMetrics
from fl.training.aggregation.work import LaneValues, Learned, SumSpec
from fl.training.calibrating import closing_rounds
from fl.training.calibration.numbers import length_of
from fl.training.model.appendix import empty, has_room, with_calibration
from fl.training.model.network import build_model
from fl.training.model.tensors import manifest_of, to_vector
from fl.training.model.weights import Manifest
from tests.support.federation import CONFIG, SPEC, initial, nudge, settle
from tests.support.world import World

START = initial()
ROOM = Initial(with_calibration(START.manifest, 2), np.concatenate([START.vector, empty(2)]))
OTHER = build_model(replace(SPEC, width=16), 7)
CALIBRATING = closing_rounds(CONFIG)


def lanes(purpose: str) -> RoundConfig:
    """Return the configuration of a round that sums one number of each hospital and keeps the model."""
    spec = SumSpec(LanePlan(purpose, (Lane("counts", 1, 0, 9, "A number."),)), "keep")
    return replace(CONFIG, training={**CONFIG.training, **spec.to_dict()})


CARD, CLOSING = lanes("card"), (lanes("first"), lanes("second"))


def either(name: str) -> Train:
    """Return a hospital that trains, or counts nothing where lanes are summed."""

    def act(job: TrainingJob) -> Learned:
        spec = SumSpec.from_dict(job.config.training)
        return nudge(name)(job) if spec is None else LaneValues(np.zeros(spec.plan.length, np.int64), 10)

    return act


def kept(job: TrainingJob) -> Learned:
    """Train the weights before a calibration only, or count nothing."""
    if SumSpec.from_dict(job.config.training) is not None:
        return either("")(job)
    moved = job.previous.copy()
    moved[: -length_of(2)] += np.float32(0.001)
    return moved, LocalMetrics(100, 80, 0.5)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def run(
    world: World,
    rounds: int,
    closing: Sequence[RoundConfig] = (),
    *,
    config: RoundConfig = CONFIG,
    first: Initial = START,
    train: Train | None = None,
) -> Coordinator:
    plan = replace(world.plan(rounds), config=config, closing=tuple(closing))
    boss = Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, first)
    names = [party.name for party in world.consortium.hospitals]
    settle(boss, world.auditor(), *(world.hospital(name, train or either(name)) for name in names))
    return boss


def purposes(world: World) -> list[str]:
    configs = [read_config(each, world.consortium.vault) for each in world.federation.rounds]
    specs = [SumSpec.from_dict(config.training) for config in configs]
    return [spec.plan.purpose if spec else "train" for spec in specs]


def test_a_card_before_the_training_takes_no_round_from_it(world: World) -> None:
    run(world, 1, config=CARD)
    assert run(world, 1, CLOSING).done
    assert purposes(world) == ["card", "train", "first", "second"]


def test_a_larger_number_of_rounds_trains_and_then_closes_again(world: World) -> None:
    run(world, 1, CLOSING)
    assert run(world, 3, CLOSING).done
    assert purposes(world) == ["train", "first", "second", "train", "train", "first", "second"]


def test_the_same_number_of_rounds_again_opens_nothing(world: World) -> None:
    run(world, 1, CLOSING)
    run(world, 2, config=CARD)
    assert run(world, 1, CLOSING).done
    assert purposes(world).count("train") == 1


def test_a_plan_that_was_stopped_between_its_closing_rounds_goes_on_there(world: World) -> None:
    run(world, 1, CLOSING[:1])
    run(world, 3, config=CARD)
    assert run(world, 1, CLOSING).done
    assert purposes(world) == ["train", "first", "card", "second"]


def test_a_training_that_was_not_closed_is_closed_later(world: World) -> None:
    run(world, 2)
    assert run(world, 2, CLOSING).done
    assert purposes(world) == ["train", "train", "first", "second"]


def test_a_plan_in_which_every_round_counts_counts_sums(world: World) -> None:
    run(world, 1, config=CARD)
    plan = replace(world.plan(2), every=True)
    boss = Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, START)
    settle(boss, world.auditor(), *world.hospitals())
    assert boss.done
    assert purposes(world) == ["card", "train"]


TRAIN, VOTE, SUM = Part(Kind.TRAINING), Part(Kind.VOTE), Part(Kind.SUM)
ONE, TWO = Part(Kind.GROUP, 1), Part(Kind.GROUP, 2)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([SUM], 0),
        ([ONE, TWO, VOTE], 3),
        ([ONE, SUM, ONE, TWO, VOTE], 3),
        ([ONE, ONE, TWO, VOTE], 3),
        ([ONE, TWO, VOTE, SUM, ONE], 4),
        ([TRAIN, SUM, TRAIN], 2),
    ],
)
def test_sums_and_groups_whose_cycle_ended_early_do_not_count(parts: list[Part], expected: int) -> None:
    assert counted(parts) == expected


def test_a_plan_that_calibrates_a_model_without_room_is_refused_before_a_round(world: World) -> None:
    run(world, 1)
    with pytest.raises(SettingInvalid, match="--no-calibrate"):
        run(world, 2, CALIBRATING, first=ROOM)
    assert world.phases() == ["FINAL"]


def test_a_plan_for_another_network_is_refused_before_a_round(world: World) -> None:
    run(world, 1)
    other = Initial(manifest_of(OTHER), to_vector(OTHER))
    with pytest.raises(SettingInvalid, match="other weights than the federation opened with"):
        run(world, 2, first=other)
    run(world, 2, config=CARD, first=other)
    assert purposes(world) == ["train", "card"], "a sum changes no weights"


def test_a_model_with_room_can_be_trained_without_a_calibration(world: World) -> None:
    run(world, 1, first=ROOM, train=kept)
    run(world, 2, first=START, train=kept)
    assert world.phases() == ["FINAL", "FINAL"]


def test_a_calibration_with_too_few_images_says_so_once_and_names_the_classes(world: World) -> None:
    run(world, 1, CALIBRATING, first=ROOM, train=kept)
    assert [each.phase for each in world.federation.rounds] == [Phase.FINAL] * 3
    told = [facts for what, facts in world.party("coordinator").events if what == Event.CALIBRATION_WEAK]
    assert [facts["round"] for facts in told] == [3]
    names = ", ".join(f"{one.code} (0)" for one in CONFIG.task.classes)
    assert str(told[0]["reason"]).startswith(f"too few held-back images of {names}: a class needs 9 from all hospitals")


def test_a_calibration_needs_its_own_rows_behind_the_weights() -> None:
    assert has_room(ROOM.manifest, 2)
    assert has_room(ROOM.manifest.with_state(("server.momentum",)), 2)
    for manifest in (START.manifest, with_calibration(START.manifest, 3), Manifest(("zeros",), ((10_000,),))):
        assert not has_room(manifest, 2)
        with pytest.raises(EncodingError, match="no numbers for it behind their weights"):
            check_room(CALIBRATING[0], manifest)
    check_room(CALIBRATING[0], ROOM.manifest)
    check_room(CONFIG, START.manifest)
