"""The recipe of a round comes from the coordinator: what is wrong with it is somebody else's document, no setting."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA, LEUKEMIA_STAGES
from fl.training.local.config import LocalConfig
from fl.training.model.spec import ModelSpec
from fl.training.recipe import Recipe

RECIPE = Recipe(ModelSpec(size_px=16, width=8, depth=1), LocalConfig(), 1)


def test_a_recipe_is_read_as_it_was_written() -> None:
    assert Recipe.from_dict(RECIPE.to_dict()) == RECIPE


def test_a_recipe_is_read_beside_the_lanes_of_a_sum() -> None:
    lanes = {"sum": {"purpose": "x", "lanes": []}, "rule": {"name": "keep"}}
    assert Recipe.from_dict({**RECIPE.to_dict(), **cast("dict[str, JsonValue]", lanes)}) == RECIPE
    with pytest.raises(EncodingError):
        Recipe.from_dict({**RECIPE.to_dict(), "sums": {}})


@pytest.mark.parametrize(
    "change",
    [{"lr": 1e9}, {"epochs": 0}, {"epochs": "many"}, {"unknown": 1}],
    ids=["too fast", "nothing", "no number", "unknown"],
)
def test_a_recipe_whose_values_are_out_of_range_is_malformed(change: dict[str, JsonValue]) -> None:
    raw = RECIPE.to_dict()
    raw["local"] = {**cast("dict[str, JsonValue]", raw["local"]), **change}
    with pytest.raises(EncodingError):
        Recipe.from_dict(raw)


def test_a_recipe_has_one_output_per_class_of_the_task() -> None:
    config = RoundConfig(0.5, 50.0, 100, RECIPE.to_dict(), LEUKEMIA)
    assert Recipe.of(config) == RECIPE
    with pytest.raises(EncodingError, match="one output per class"):
        Recipe.of(replace(config, task=LEUKEMIA_STAGES))
