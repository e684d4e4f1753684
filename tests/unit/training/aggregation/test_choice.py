"""The aggregation entry of a configuration is parsed strictly; configurations without it mean what they meant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.training.aggregation.choice import SETTINGS, Aggregation
from fl.training.local.config import LocalConfig
from fl.training.model.spec import ModelSpec
from fl.training.recipe import Recipe

EACH = [Aggregation(rule) for rule in SETTINGS]
RECIPE = Recipe(ModelSpec(size_px=16, width=8, depth=1), LocalConfig(), 1)


@pytest.mark.parametrize("choice", EACH, ids=SETTINGS)
def test_an_entry_is_read_as_it_was_written(choice: Aggregation) -> None:
    assert Aggregation.from_dict(choice.to_dict()) == choice
    recipe = replace(RECIPE, aggregation=choice, local=LocalConfig(mu=0.25))
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"rule": "mean"},
        {"rule": 7},
        {"rule": "fedavg", "lr": 1.0},
        {"rule": "krum"},
        {"rule": "krum", "attackers": 1.0},
        {"rule": "krum", "attackers": True},
        {"rule": "krum", "attackers": 0},
        {"rule": "krum", "attackers": 512},
        {"rule": "clipped", "bound": 0},
        {"rule": "clipped", "bound": "1"},
        {"rule": "fedavgm", "lr": 0.1},
        {"rule": "fedavgm", "lr": 0.1, "beta1": 1.0},
        {"rule": "fedadam", "lr": 0.1, "beta1": 0.9, "beta2": 1.0, "tau": 0.001},
        {"rule": "fedadam", "lr": 0.1, "beta1": 0.9, "beta2": 0.9, "tau": 0.0},
        {"rule": "fedadam", "lr": 11.0, "beta1": 0.9, "beta2": 0.9, "tau": 0.1},
        {"rule": "fedavgm", "lr": 0.1, "beta1": 0.9, "beta2": 0.9},
    ],
)
def test_a_wrong_entry_is_malformed(raw: dict[str, JsonValue]) -> None:
    with pytest.raises(EncodingError):
        Aggregation.from_dict(raw)
    with pytest.raises(EncodingError):
        Recipe.from_dict({**RECIPE.to_dict(), "aggregation": raw})


def test_an_entry_that_is_no_object_is_malformed() -> None:
    with pytest.raises(EncodingError):
        Aggregation.of({"aggregation": "fedavg"})


def test_a_setting_of_another_rule_is_refused_and_named() -> None:
    with pytest.raises(SettingInvalid, match="the rule median has no such setting"):
        Aggregation("median", attackers=2)


def test_a_document_from_before_aggregation_and_fedprox_has_the_same_bytes_and_meaning() -> None:
    old = RECIPE.to_dict()
    assert sorted(old) == ["local", "model", "seed"]
    local = old["local"]
    assert isinstance(local, dict)
    assert "mu" not in local
    assert Recipe.from_dict(old) == RECIPE
    assert RECIPE.aggregation == Aggregation.of(old) == Aggregation("fedavg")
