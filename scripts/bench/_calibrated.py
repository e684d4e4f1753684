"""Calibrates a model of a benchmark, as the two closing rounds of a federation do, without masks."""

from __future__ import annotations

import numpy as np

from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.rules import RULES
from fl.training.calibration.rule import RULE, STEPS, CalibrationRule
from fl.training.data.dataset import Dataset
from fl.training.data.held_back import calibrated_on
from fl.training.evaluation.predict import Predictor
from fl.training.evaluation.scoring import entries_of, lane_plan
from fl.training.model.weights import Vector
from fl.training.recipe import Recipe


def calibrated(recipe: Recipe, vector: Vector, hospitals: list[Dataset], device: str = "cpu") -> Vector:
    """Return float32 [d] after both rounds of a calibration on what the hospitals held back."""
    for step in STEPS:
        rule = CalibrationRule(step, tuple(one.disease for one in LEUKEMIA.classes))
        plan, predictor = lane_plan(rule), Predictor(recipe.spec, vector, device)
        held = (calibrated_on(own, recipe.local.held_back, recipe.seed) for own in hospitals)
        totals = plan.unpack(np.sum([plan.pack(entries_of(predictor, part, rule)) for part in held], axis=0))
        vector = RULES[RULE](vector, totals, len(hospitals), rule.to_dict())
    return vector
