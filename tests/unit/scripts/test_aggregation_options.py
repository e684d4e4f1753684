"""The coordinator's options for aggregation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from fl.protocol.errors import SettingInvalid
from fl.training.aggregation.choice import SETTINGS, Aggregation
from fl.training.local.config import LocalConfig
from fl.training.model.spec import ModelSpec
from fl.training.recipe import Recipe
from scripts.commands.coordinator import run
from scripts.wiring.options import AGGREGATIONS, AggregationOptions
from scripts.wiring.plans import aggregation_of, first_model, local_of, rounds_of


def test_the_command_offers_exactly_the_rules_that_there_are() -> None:
    assert tuple(SETTINGS) == AGGREGATIONS


@pytest.mark.parametrize("rule", AGGREGATIONS)
def test_each_rule_can_be_named_alone(rule: str) -> None:
    assert aggregation_of(AggregationOptions(rule)).rule == rule


def test_settings_reach_the_rule_and_adaptive_rules_have_a_small_step_of_their_own() -> None:
    assert aggregation_of(AggregationOptions()) == Aggregation()
    assert aggregation_of(AggregationOptions("fedadam")).lr == 0.01
    assert aggregation_of(AggregationOptions("fedyogi", server_lr=0.2)) == Aggregation("fedyogi", lr=0.2)
    assert aggregation_of(AggregationOptions("krum", attackers=2)) == Aggregation("krum", attackers=2)
    assert aggregation_of(AggregationOptions("scaffold"), 7) == Aggregation("scaffold", hospitals=7)
    assert aggregation_of(AggregationOptions("voted", groups=4)) == Aggregation("voted", groups=4)
    assert aggregation_of(AggregationOptions("clipped", shorten_to=3.5)) == Aggregation("clipped", bound=3.5)


@pytest.mark.parametrize(
    "given",
    [
        AggregationOptions("median", attackers=2),
        AggregationOptions("fedavg", server_lr=0.1),
        AggregationOptions("krum", shorten_to=0.5),
        AggregationOptions("krum", attackers=0),
        AggregationOptions("fedavg", groups=3),
        AggregationOptions("voted", groups=1),
        AggregationOptions("fedadam", server_lr=-1.0),
    ],
)
def test_a_setting_of_another_rule_or_out_of_range_is_refused(given: AggregationOptions) -> None:
    with pytest.raises(SettingInvalid):
        aggregation_of(given)


@pytest.mark.parametrize(
    ("rule", "vectors"), [("fedavg", 0), ("krum", 0), ("fedavgm", 1), ("fedadam", 2), ("scaffold", 1), ("voted", 2)]
)
def test_the_first_model_carries_the_first_state_of_its_rule(rule: str, vectors: int) -> None:
    choice = Aggregation(rule)
    first = first_model(Recipe(ModelSpec(size_px=16, width=8, depth=1), LocalConfig(), 1, choice))
    weights = first.manifest.weights
    assert first.vector.size == first.manifest.length == (1 + vectors) * weights
    assert first.manifest.state == choice.state
    assert (first.vector[weights:] == choice.first_state(weights)).all()
    assert first.vector.dtype == np.float32


def test_an_unknown_rule_is_refused_by_the_command() -> None:
    result = CliRunner().invoke(run, ["--home", "nowhere", "--aggregation", "mean"])
    assert result.exit_code == 2
    assert "trimmed-mean" in result.output


def test_a_cycle_of_voted_groups_has_a_round_for_each_group_and_one_for_the_vote() -> None:
    assert rounds_of(Aggregation("voted", groups=3), 5) == 20
    assert rounds_of(Aggregation("fedavg"), 5) == 5


def test_scaffold_has_longer_plain_steps_and_everything_else_the_preset_s() -> None:
    preset = LocalConfig(lr=3e-4, lr_final=3e-5)
    assert local_of(preset, 8, AggregationOptions()) == replace(preset, horizon=8)
    plain = local_of(preset, 8, AggregationOptions("scaffold"))
    assert (plain.lr, round(plain.lr_final, 12)) == (0.05, 0.005)
    assert local_of(preset, 8, AggregationOptions("scaffold", local_lr=0.2)).lr == 0.2


def test_hospitals_judge_under_voted_and_weights_by_quality_alone() -> None:
    plain = Recipe(ModelSpec(size_px=16, width=8, depth=1), LocalConfig(), 1)
    assert replace(plain, aggregation=Aggregation("voted")).judged
    assert replace(plain, quality=True).judged
    assert not replace(plain, aggregation=Aggregation("scaffold")).judged


def test_a_training_without_steps_gets_a_rate_and_does_not_divide_by_its_own() -> None:
    still = LocalConfig(lr=0.0, lr_final=0.0)
    assert local_of(still, 8, AggregationOptions()) == replace(still, horizon=8)
    assert local_of(still, 8, AggregationOptions(local_lr=0.1)).lr == 0.1


def test_weights_by_quality_are_written_only_where_they_are_wanted() -> None:
    recipe = Recipe(ModelSpec(size_px=16, width=8, depth=1), LocalConfig(), 1)
    assert "weights" not in recipe.to_dict()
    wanted = replace(recipe, quality=True)
    assert wanted.to_dict()["weights"] == "quality"
    assert Recipe.from_dict(wanted.to_dict()) == wanted
