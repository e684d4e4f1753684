"""The two rounds that calibrate a model after its last training round: their configurations, and a hospital's part.

Invariant: the recipe beside the lanes is that of the training, so hospitals hold back the same images in both rounds,
and those are the ones that no training saw.

Source: fl/training/calibration (the rule), fl/training/evaluation/scoring.py (the lanes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task import Task
from fl.training.aggregation.lanes import Entries, LanePlan
from fl.training.aggregation.quantise import Vector
from fl.training.aggregation.work import SumSpec
from fl.training.calibration.rule import RULE, STEPS, CalibrationRule
from fl.training.data.dataset import Dataset
from fl.training.data.held_back import calibrated_on
from fl.training.evaluation.predict import Predictor
from fl.training.evaluation.scoring import cells_for, entries_of, lane_plan
from fl.training.recipe import Recipe


def closing_rounds(base: RoundConfig, hospitals: int = 1) -> tuple[RoundConfig, ...]:
    """Return the configurations of the rounds that calibrate what rounds of `base` train, with room for `hospitals`."""
    return tuple(_config(base, step, hospitals) for step in STEPS)


def _config(base: RoundConfig, step: str, hospitals: int) -> RoundConfig:
    rule = CalibrationRule(step, _disease(base.task), cells=cells_for(hospitals))
    plan = lane_plan(rule)
    settings = {name: value for name, value in rule.to_dict().items() if name != "name"}
    training = {**base.training, **SumSpec(plan, RULE, settings).to_dict()}
    return replace(base, training=training, word_bits=max(base.word_bits, plan.bits_for(hospitals)))


def calibration_plan(task: Task, settings: Mapping[str, JsonValue]) -> LanePlan:
    """Return the lanes that this version knows for the rule's settings.

    Raises:
        EncodingError: the settings are no rule, or for other classes than the task's.
    """
    rule = CalibrationRule.from_dict(settings)
    if rule.disease != _disease(task):
        raise EncodingError("round configuration", "its calibration names other classes as the disease than the task")
    return lane_plan(rule)


def count_calibration(dataset: Dataset, previous: Vector, config: RoundConfig) -> dict[str, Entries]:
    """Return a hospital's entries into a round that calibrates the model `previous`, float32 [d].

    Raises:
        EncodingError: the round calibrates nothing.
        DatasetUnusable: the hospital has no training images, or more classes than the model has outputs.
        NonFinite: an answer of the model is not a probability.
    """
    spec, recipe = SumSpec.from_dict(config.training), Recipe.of(config)
    if spec is None:
        raise EncodingError("round configuration", "it trains a model and calibrates none")
    held = calibrated_on(dataset, recipe.local.held_back, recipe.seed)
    return entries_of(Predictor(recipe.spec, previous), held, CalibrationRule.from_dict(spec.settings))


def _disease(task: Task) -> tuple[bool, ...]:
    return tuple(one.disease for one in task.classes)
