"""What a demo trains, from its stored options: the same in a new demo and in one that continues.

Invariant: options that cannot work are refused here, before a new demo writes anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fl.replay.round_aggregation import check_rule
from fl.training.aggregation.choice import FEDERATED_AVERAGING
from fl.training.presets import DEFAULT_PRESET, SYNTHETIC_PRESET, Preset, head_alone
from fl.training.recipe import Recipe, fitted_to
from fl.training.settings import Training
from scripts.demo.run import Wanted
from scripts.wiring.plans import held_back, made_private, rounds_of
from scripts.wiring.training_options import PrivacyOptions


def usual_preset(wanted: Wanted) -> Preset:
    """Return what is trained without a file of settings."""
    preset = DEFAULT_PRESET if wanted.data else SYNTHETIC_PRESET
    return head_alone(preset) if wanted.encrypted_head else preset


@dataclass(frozen=True)
class Planned:
    """What hospitals train, and in how many rounds, without those that calibrate."""

    recipe: Recipe
    rounds: int

    @classmethod
    def of(cls, wanted: Wanted) -> Planned:
        """Return what these options ask for.

        Raises:
            SettingInvalid: they contradict each other.
            AggregationUnusable: the rule cannot work with this protection, or with so few hospitals.
            EncodingError: the stored training is damaged.
        """
        training = None if wanted.training is None else Training.from_dict(wanted.training)
        rule = training.aggregation if training else FEDERATED_AVERAGING
        check_rule(rule, wanted.protection, wanted.hospitals)
        preset = training.preset_for(rule) if training else usual_preset(wanted)
        preset = made_private(preset, PrivacyOptions(wanted.epsilon), wanted.rounds)
        rounds = rounds_of(rule, preset.rounds)
        spec, local = fitted_to(preset.spec, wanted.task), replace(preset.local, horizon=rounds)
        recipe = Recipe(spec, local, wanted.seed, rule)
        return cls(held_back(recipe, calibrate=wanted.calibrate), rounds)
