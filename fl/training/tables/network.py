"""The network of a table in a federation: its recipe, its first model, one hospital's training, and its answers.

Invariant: training changes the weights only; the numbers behind them (fl/training/aggregation/reference.py) come from
the last round. The first model follows from the recipe.

Source: B. McMahan et al., "Communication-Efficient Learning", 2017 (federated averaging).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self, cast

import numpy as np
import numpy.typing as npt

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, SettingInvalid, WeightsMismatch
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.quantise import LocalMetrics
from fl.training.aggregation.reference import ReferenceSettings
from fl.training.aggregation.work import TrainedWeights
from fl.training.linear import full
from fl.training.local.config import LocalConfig
from fl.training.local.train import TrainContext
from fl.training.model.weights import Manifest
from fl.training.tables.mlp import KIND, TableNetwork, TableSpec, initial_vector, manifest_of_spec, train_rows
from fl.training.vector import Vector, check_vector

Reals = npt.NDArray[np.float64]
NETWORK_ROUNDS = 12
NETWORK_LOCAL = LocalConfig(
    epochs=1,
    batch=16,
    lr=3e-3,
    lr_final=3e-4,
    horizon=NETWORK_ROUNDS + 1,  # the first one sums the statistics
    weight_decay=0.0,
    augment=0.0,
    class_balance=0.0,
    smoothing=0.0,
    clip_norm=0.0,
)
"""Of 21 settings, the one with the least log loss in a cross-validation within the training rows of
Fed-Heart-Disease. Adam without decay, as in the published designs; they make 50 passes, which is too many."""
_NOT_FOR_TABLES = ("augment", "mu", "held_back")
_WHAT = "recipe of a table's network"


@dataclass(frozen=True)
class NetworkRecipe:
    """What the hospitals train, beside the schema or the design of their rounds."""

    spec: TableSpec
    local: LocalConfig = NETWORK_LOCAL
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise EncodingError if a setting is only for pictures, or for one class or more than two."""
        if wrong := [name for name in _NOT_FOR_TABLES if getattr(self.local, name)]:
            raise EncodingError(_WHAT, f"{wrong[0]} is not 0; tables have no such setting")
        if self.spec.classes != 2:  # noqa: PLR2004  # disease or not: a schema has no more
            raise EncodingError(_WHAT, f"the network has {self.spec.classes} outputs; a table has disease and healthy")

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the fields for `RoundConfig.training`."""
        local = cast("dict[str, JsonValue]", self.local.to_dict())
        return {"local": local, "model": self.spec.to_dict(), "seed": self.seed}

    @classmethod
    def of(cls, training: Mapping[str, JsonValue]) -> Self | None:
        """Return the recipe in `RoundConfig.training`, None if it is for something else; or raise EncodingError.

        Other fields may be beside it.
        """
        model = training.get("model")
        if not isinstance(model, dict) or model.get("kind") != KIND:
            return None
        fields = Fields(dict(training), _WHAT)
        try:
            local = LocalConfig.from_dict(fields.mapping("local"))
            return cls(TableSpec.from_dict(model), local, fields.integer("seed"))
        except (SettingInvalid, WeightsMismatch) as error:  # another member's document, no setting of this installation
            raise EncodingError(_WHAT, str(error)) from error

    def reference(self, rows_bits: int = 12) -> ReferenceSettings:
        """Return the settings of the round that adds the numbers behind the weights."""
        return reference_of(self.spec, rows_bits)


def reference_of(spec: TableSpec, rows_bits: int = 12) -> ReferenceSettings:
    return ReferenceSettings(spec.inputs + 1, (spec.hidden or (spec.inputs,))[-1] + 1, rows_bits)


def manifest_of_network(spec: TableSpec) -> Manifest:
    """Return names and shapes of the weights and of the numbers behind them."""
    weights, behind = manifest_of_spec(spec), reference_of(spec).shapes
    return Manifest((*weights.names, *behind), (*weights.shapes, *behind.values()))


def first_network(recipe: NetworkRecipe) -> tuple[Manifest, Vector]:
    """Return the manifest and the vector with which a federation opens: drawn weights, and zeros behind them."""
    behind = np.zeros(recipe.reference().length, np.float32)
    return manifest_of_network(recipe.spec), np.concatenate([initial_vector(recipe.spec, recipe.seed), behind])


def averaging(base: RoundConfig, rows_bits: int) -> RoundConfig:
    """Return `base` with bounds of updates for hospitals of at most 2^rows_bits rows, in the finest steps."""
    return replace(base, clip=1.0, l2_bound=100.0, w_max=1 << rows_bits, word_bits=64)


def train_network(
    recipe: NetworkRecipe, previous: Vector, rows: Reals, labels: npt.NDArray[np.int64], context: TrainContext
) -> TrainedWeights:
    """Return one hospital's weights after a round, with the numbers behind them as they were, and its results.

    Raises:
        WeightsMismatch, NonFinite, DatasetUnusable: see `train_rows`.
    """
    weights, behind = split(recipe.spec, previous)
    where = replace(context, seed=recipe.seed)
    result = train_rows(recipe.spec, weights, rows, labels, recipe.local, where)
    return np.concatenate([result.vector, behind]), LocalMetrics(result.samples, result.correct, result.loss)


def split(spec: TableSpec, vector: Vector) -> tuple[Vector, Vector]:
    """Return the weights and the numbers behind them, or raise WeightsMismatch, NonFinite or WeightsTooLarge."""
    whole, behind = manifest_of_network(spec).length, reference_of(spec).length
    check_vector(vector, whole)
    return vector[: whole - behind], vector[whole - behind :]


@dataclass(frozen=True, eq=False)
class Network:
    """A network that answers.

    Attributes:
        judge: The network itself.
        background: float64 [width], the mean row of all patients.
        covariance: float64 [units + 1, units + 1], of the coefficients of the last layer.
    """

    judge: TableNetwork
    background: Reals
    covariance: Reals

    @classmethod
    def from_vector(cls, vector: Vector, spec: TableSpec) -> Self:
        """Return the model in the vector of the last round.

        Raises:
            WeightsMismatch: it has another length, or the round that adds the reference is missing.
            NonFinite, WeightsTooLarge: a value is no weight.
        """
        weights, behind = split(spec, vector)
        settings = reference_of(spec)
        numbers = behind.astype(np.float64)
        background, triangle = numbers[: settings.columns], numbers[settings.columns :]
        if background[0] != 1.0:
            raise WeightsMismatch("the last round of the federation is missing; continue with `coordinator table`")
        return cls(TableNetwork(spec, weights), background, full(triangle, settings.units))

    def log_odds(self, rows: Reals) -> Reals:
        """Return float64 [n] for rows [n, width]."""
        return self.judge.log_odds(rows)

    def spread(self, rows: Reals) -> Reals:
        """Return float64 [n], the standard error of each log-odds: √(uᵀ Σ u) with the units u before the last layer."""
        units = self.judge.units(rows)
        variance: Reals = np.einsum("ij,jk,ik->i", units, self.covariance, units)
        return np.sqrt(np.maximum(variance, 0.0))
