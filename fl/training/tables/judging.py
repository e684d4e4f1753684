"""How a model of a table judges rows that no hospital trained on.

Invariant: the answer depends on the vector, the round's configuration and the rows alone. A round of statistics has no
model to judge.

Source: fl/training/evaluation/metrics.py (the figures).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fl.protocol.codec import Fields
from fl.protocol.errors import EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.newton import NewtonSettings
from fl.training.aggregation.newton_step import NewtonState
from fl.training.aggregation.work import SumSpec
from fl.training.evaluation.metrics import Metrics, measure
from fl.training.tables.design import Design
from fl.training.tables.logistic import probability
from fl.training.tables.mlp import TableNetwork
from fl.training.tables.network import NetworkRecipe, split
from fl.training.tables.rows import Table
from fl.training.vector import Vector

Reals = npt.NDArray[np.float64]
DISEASE = (False, True)
_WHAT = "round configuration"


def judge(vector: Vector, config: RoundConfig, table: Table) -> Metrics | None:
    """Return the quality of a round's model on a table's rows; None for a round of statistics.

    Raises:
        EncodingError: it is not a round of a table, or it is one of another schema.
        WeightsMismatch, NonFinite, WeightsTooLarge: the vector does not fit the configuration.
    """
    if "design" not in config.training:
        return None
    design = Design.from_dict(Fields(config.training, _WHAT).mapping("design"))
    if design.schema != table.schema:
        raise EncodingError(_WHAT, f"its schema is not the {table.schema.name} that the rows here were read by")
    chance = probability(_log_odds(vector, config, design.of(table)))
    return measure(np.stack([1.0 - chance, chance], axis=1), table.labels, DISEASE)


def _log_odds(vector: Vector, config: RoundConfig, rows: Reals) -> Reals:
    recipe, spec = NetworkRecipe.of(config.training), SumSpec.from_dict(config.training)
    if recipe is not None:
        return TableNetwork(recipe.spec, split(recipe.spec, vector)[0]).log_odds(rows)
    if spec is None:
        raise EncodingError(_WHAT, "it names neither a regression nor a network of a table")
    odds: Reals = rows @ NewtonState.from_vector(vector, NewtonSettings.from_dict(spec.settings)).candidate
    return odds
