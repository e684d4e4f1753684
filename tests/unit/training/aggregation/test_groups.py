"""The rule `voted`: a group's change waits, a majority lets it in, and nothing else moves the weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.choice import VOTED, Aggregation
from fl.training.aggregation.groups import GROUP, VOTE, VoteRule, vote, vote_plan
from fl.training.aggregation.kinds import work_of
from fl.training.aggregation.quantise import LocalMetrics, quantise
from fl.training.aggregation.work import LaneValues, SumSpec

D = 1000
CHOICE = Aggregation(VOTED, groups=3)
CONFIG = RoundConfig(0.5, 50.0, 100, {"aggregation": CHOICE.to_dict(), GROUP: 2}, LEUKEMIA)
CHANCE = np.random.default_rng(3)
MODEL = CHANCE.normal(size=4 * D).astype(np.float32)
SETTINGS = VoteRule(3).to_dict()


def ballots(*votes: int) -> dict[str, np.ndarray]:
    return {"votes": np.array(votes, np.int64)}


def test_a_group_s_round_writes_its_mean_change_into_its_place_and_nothing_else() -> None:
    work = work_of(CONFIG)
    moved = [MODEL[:D] + CHANCE.normal(scale=0.01, size=D).astype(np.float32) for _ in range(3)]
    rows = [work.encode(MODEL[:D], (each, LocalMetrics(10, 5, 0.5))) for each in moved]
    model = work.apply(work.sum_of(np.add.reduce(rows), 3), MODEL).model
    mean = np.mean([each.astype(np.float64) - MODEL[:D] for each in moved], axis=0)
    assert np.abs(model[2 * D : 3 * D] - mean).max() < 1e-5
    for other in (slice(0, 2 * D), slice(3 * D, None)):
        assert model[other].tobytes() == MODEL[other].tobytes()


def test_the_weights_move_by_the_mean_of_the_groups_with_a_majority() -> None:
    model = vote(MODEL, ballots(4, 3, 6), 6, SETTINGS)
    weights, one, _two, three = MODEL.astype(np.float64).reshape(4, D)
    usual = min(np.linalg.norm(one), np.linalg.norm(three))
    mean = (one * (usual / np.linalg.norm(one)) + three * (usual / np.linalg.norm(three))) / 2
    assert np.abs(model[:D] - (weights + mean)).max() < 1e-6
    assert not model[D:].any()


def test_a_change_ten_times_as_long_as_the_others_counts_no_more_than_they_do() -> None:
    long = MODEL.copy()
    long[D : 2 * D] *= 10
    moved = [vote(model, ballots(6, 6, 6), 6, SETTINGS)[:D] for model in (MODEL, long)]
    lengths = [np.linalg.norm(each - MODEL[:D]) for each in moved]
    assert lengths[1] < 1.2 * lengths[0]


def test_equal_changes_are_added_as_they_are() -> None:
    weights, one = MODEL[:D], MODEL[D : 2 * D]
    model = vote(np.concatenate([weights, one, one, one]), ballots(6, 6, 6), 6, SETTINGS)
    three = one.astype(np.float64) + one + one
    assert (model[:D] == (three / 3 + weights).astype(np.float32)).all()


def test_half_of_the_votes_are_no_majority_and_the_weights_keep_their_bits() -> None:
    model = vote(MODEL, ballots(3, 0, 3), 6, SETTINGS)
    assert model[:D].tobytes() == MODEL[:D].tobytes()
    assert not model[D:].any()


def test_a_model_without_room_for_the_groups_is_refused() -> None:
    with pytest.raises(EncodingError, match="no room for 3 groups"):
        vote(MODEL[:-1], ballots(1, 1, 1), 1, SETTINGS)
    work = work_of(CONFIG)
    words = quantise(MODEL[:D], MODEL[:D], LocalMetrics(10, 5, 0.5), CONFIG)
    with pytest.raises(EncodingError):
        work.apply(work.sum_of(words, 1), np.zeros(4 * D + 4, np.float32))


@pytest.mark.parametrize(
    "training",
    [
        {"aggregation": CHOICE.to_dict()},
        {GROUP: 1},
        {"aggregation": CHOICE.to_dict(), GROUP: 4},
        {"aggregation": CHOICE.to_dict(), GROUP: 0},
        {"aggregation": CHOICE.to_dict(), GROUP: "1"},
        SumSpec(vote_plan(3), VOTE, SETTINGS).to_dict(),
        {"aggregation": CHOICE.to_dict(), **SumSpec(vote_plan(2), VOTE, VoteRule(2).to_dict()).to_dict()},
        {"aggregation": CHOICE.to_dict(), **SumSpec(vote_plan(3), VOTE, {"groups": 3, "margin": -1.0}).to_dict()},
        {"aggregation": CHOICE.to_dict(), **SumSpec(vote_plan(3), VOTE, {"groups": 3}).to_dict()},
    ],
)
def test_a_configuration_that_does_not_fit_its_rule_names_no_work(training: dict[str, JsonValue]) -> None:
    with pytest.raises(EncodingError):
        work_of(replace(CONFIG, training=training))


def test_a_vote_counts_each_hospital_once() -> None:
    training = {"aggregation": CHOICE.to_dict(), **SumSpec(vote_plan(3), VOTE, SETTINGS).to_dict()}
    work = work_of(replace(CONFIG, training=training))
    rows = [work.encode(MODEL[:D], LaneValues(np.array(each, np.int64), 5)) for each in ([1, 0, 1], [1, 1, 0])]
    outcome = work.apply(work.sum_of(np.add.reduce(rows), 2), MODEL)
    assert outcome.totals["votes"].tolist() == [2, 1, 1]
    assert outcome.model.tobytes() == vote(MODEL, ballots(2, 1, 1), 2, SETTINGS).tobytes()
