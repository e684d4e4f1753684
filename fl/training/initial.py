"""The model from which a federation starts: a function of the recipe, so that everybody can compute it again.

Invariant: two members with the same recipe and the same published weights get the same bits.

Source: PROTOCOL.md 5 (Update).
"""

from __future__ import annotations

import numpy as np

from fl.training.model.appendix import empty, with_calibration
from fl.training.model.network import build_model
from fl.training.model.tensors import manifest_of, to_vector
from fl.training.model.weights import Manifest, Vector
from fl.training.recipe import Recipe


def initial_model(recipe: Recipe) -> tuple[Manifest, Vector]:
    """Return the weights, an empty calibration if images are held back for one, and the first state of the rule.

    Returns:
        The manifest, and float32 [d + state].

    Raises:
        PretrainedMissing, PretrainedChanged: the published weights are not here, or are not the ones meant.
    """
    model, classes = build_model(recipe.spec, recipe.seed), recipe.spec.classes
    manifest, weights = manifest_of(model), to_vector(model)
    if recipe.local.held_back:
        manifest = with_calibration(manifest, classes)
        weights = np.concatenate([weights, empty(classes)])
    rule = recipe.aggregation
    return manifest.with_state(rule.state), np.concatenate([weights, rule.first_state(manifest.weights)])
