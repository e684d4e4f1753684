"""A hospital enters only lanes that its own version defines, and a card is one more round of the newest recipe."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fl.protocol.errors import EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA, LEUKEMIA_STAGES
from fl.roles.hospital.background_training import TrainingJob
from fl.training.aggregation.kinds import work_of
from fl.training.aggregation.work import LaneValues, SumSpec, without_sum
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.data_card import DATA_CARD, data_card_plan
from scripts.commands.coordinator_sums import SUMS
from scripts.wiring.sums import PURPOSES, count_lanes, sum_config

RECIPE: dict[str, Any] = {"seed": 1}
CONFIG = sum_config(DATA_CARD, RECIPE, RoundConfig(0.5, 50.0, 2**21, {}, LEUKEMIA))
DATA = draw_dataset(SyntheticPlan(subjects=6, cells=3, size_px=16), 3)


def job(config: RoundConfig) -> TrainingJob:
    return TrainingJob(1, np.zeros(1, np.float32), config)


def counted(config: RoundConfig) -> LaneValues:
    spec = SumSpec.from_dict(config.training)
    assert spec is not None
    return count_lanes(DATA, job(config), spec)


def test_a_card_is_counted_and_the_round_takes_it() -> None:
    values = counted(CONFIG)
    assert values.rows == int((DATA.split == 0).sum())
    words = work_of(CONFIG).encode(np.zeros(1, np.float32), values)
    assert words.dtype == np.int32
    assert without_sum(CONFIG.training) == RECIPE


def test_the_command_offers_the_sums_that_keep_the_model() -> None:
    assert set(SUMS) == {name for name, purpose in PURPOSES.items() if purpose.rule == "keep"}


@pytest.mark.parametrize("field", ["reveals", "high", "length", "name"])
def test_lanes_of_another_version_get_nothing(field: str) -> None:
    plan = data_card_plan(LEUKEMIA)
    other: dict[str, Any] = {"reveals": "Nothing.", "high": 5, "length": 4, "name": "patients"}
    changed = replace(plan, lanes=(replace(plan.lanes[0], **{field: other[field]}), *plan.lanes[1:]))
    config = replace(CONFIG, training=SumSpec(changed, "keep").to_dict())
    with pytest.raises(EncodingError, match="not those of a data-card"):
        counted(config)


def test_lanes_of_another_task_get_nothing() -> None:
    with pytest.raises(EncodingError, match="not those of a data-card"):
        counted(replace(CONFIG, task=LEUKEMIA_STAGES))


def test_an_unknown_purpose_or_another_rule_gets_nothing() -> None:
    plan = data_card_plan(LEUKEMIA)
    for spec in (SumSpec(replace(plan, purpose="survey"), "keep"), SumSpec(plan, "newton")):
        with pytest.raises(EncodingError, match="sums nothing for the purpose"):
            count_lanes(DATA, job(CONFIG), spec)
