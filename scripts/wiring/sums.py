"""What a hospital enters into rounds of lanes, by purpose.

Invariant: a hospital enters only lanes that this version defines, with their ranges and the sentences on what they
reveal. It refuses a round whose lanes differ from them in anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.names import shown
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.protocol.task import Task
from fl.replay.ledger_view import LedgerView, Ports
from fl.replay.round_documents import read_config
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.background_training import TrainingJob
from fl.training.aggregation.groups import PURPOSE, VOTE, VoteRule, vote_plan
from fl.training.aggregation.lanes import Entries, LanePlan
from fl.training.aggregation.work import LaneValues, SumSpec, without_sum
from fl.training.calibrating import calibration_plan, count_calibration
from fl.training.calibration.rule import RULE, STEPS
from fl.training.data.dataset import TRAIN, Dataset
from fl.training.data.held_back import calibrated_on
from fl.training.data_card import DATA_CARD, count_data_card, data_card_plan
from fl.training.evaluation.scoring import purpose_of
from fl.training.evaluation.votes import votes_of
from fl.training.recipe import Recipe


@dataclass(frozen=True)
class Purpose:
    """One thing that hospitals can sum."""

    rule: str
    """A name in fl/training/aggregation/rules.py."""
    plan: Callable[[Task, Mapping[str, JsonValue]], LanePlan]
    """(task, settings of the rule) -> the lanes that this version knows."""
    count: Callable[[Dataset, TrainingJob, LanePlan], Mapping[str, Entries]]
    """(own images, job, lanes) -> lane's name -> int64 [length]."""


_CALIBRATION = Purpose(
    RULE, calibration_plan, lambda dataset, job, _plan: count_calibration(dataset, job.previous, job.config)
)


def _count_votes(dataset: Dataset, job: TrainingJob, _plan: LanePlan) -> dict[str, Entries]:
    """Judge each group's model on the images that this hospital holds back."""
    spec, recipe = SumSpec.from_dict(job.config.training), Recipe.of(job.config)
    rule = VoteRule.from_dict(spec.settings if spec else {})
    held = calibrated_on(dataset, recipe.local.held_back, recipe.seed)
    whole = np.concatenate([job.previous, job.state])
    return {"votes": votes_of(replace(recipe.spec, views=1), whole, held, rule)}


PURPOSES = {
    PURPOSE: Purpose(VOTE, lambda _task, settings: vote_plan(VoteRule.from_dict(settings).groups), _count_votes),
    DATA_CARD: Purpose(
        "keep",
        lambda task, _settings: data_card_plan(task),
        lambda dataset, job, _plan: count_data_card(dataset, job.config.task),
    ),
    **{purpose_of(step): _CALIBRATION for step in STEPS},
}


def count_lanes(dataset: Dataset, job: TrainingJob, spec: SumSpec) -> LaneValues:
    """Return a hospital's entries into a round.

    Raises:
        EncodingError: the round has a purpose, rule or lanes that this version does not know.
        ClaimOutOfBounds: an entry is outside its lane's range.
    """
    name = spec.plan.purpose
    purpose = PURPOSES.get(name)
    if purpose is None or purpose.rule != spec.rule:
        raise EncodingError("round configuration", f"this version sums nothing for the purpose {shown(name)}")
    if spec.plan != purpose.plan(job.config.task, spec.settings):
        raise EncodingError("round configuration", f"its lanes are not those of a {name} in this version")
    packed = spec.plan.pack(purpose.count(dataset, job, spec.plan))
    return LaneValues(packed, len(dataset.part(TRAIN)))


def sum_config(name: str, recipe: Mapping[str, JsonValue], base: RoundConfig, hospitals: int = 1) -> RoundConfig:
    """Return `base` as the configuration of a round that sums lanes beside a model.

    Args:
        name: A purpose.
        recipe: The recipe of the model (Recipe.to_dict), which readers of the model need.
        base: Everything else; its task decides the lanes.
        hospitals: For how many the words must have room.
    """
    purpose = PURPOSES[name]
    plan = purpose.plan(base.task, {})
    training = {**recipe, **SumSpec(plan, purpose.rule).to_dict()}
    return RoundConfig(
        base.clip, base.l2_bound, base.w_max, training, base.task, suite=base.suite, word_bits=plan.bits_for(hospitals)
    )


def next_sum(plan: Plan, ports: Ports) -> Plan:
    """Return `plan` for exactly one more round of its kind; the model's recipe is that of the newest final round.

    A round of the same kind that is under way is continued; a round of another kind is ended first.
    """
    federation, vault = LedgerView(ports.ledger).refresh(), ports.vault
    final, active = federation.final_round, federation.active_round
    config = plan.config
    if final is not None:
        recipe = without_sum(read_config(final, vault).training)
        config = replace(config, training={**recipe, **_sum_of(config)})
    done = sum(each.phase == Phase.FINAL for each in federation.rounds)
    other = active is not None and _sum_of(read_config(active, vault)) != _sum_of(config)
    return replace(plan, config=config, rounds=done + 1 + other)


def _sum_of(config: RoundConfig) -> dict[str, JsonValue]:
    spec = SumSpec.from_dict(config.training)
    return spec.to_dict() if spec else {}
