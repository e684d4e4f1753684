"""Rounds of tables on the ledger: their configurations, and what a hospital enters into them.

Invariant: a hospital enters only what this version computes from the schema that its own table has; it refuses a round
with another schema, other lanes or another rule.

A federation opens with its first model. One round of statistics keeps it; from its totals everybody computes the same
design, which each further round names in its configuration (fl/replay/table_design.py compares both). A regression has
Newton steps. A network has rounds of training, and a last one that adds the numbers behind its weights.

Source: PROTOCOL.md 5L.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fl.protocol.branch import without_branch
from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation import newton, reference
from fl.training.aggregation.lanes import Entries, LanePlan
from fl.training.aggregation.newton import NEWTON, NewtonSettings
from fl.training.aggregation.newton_step import NewtonState
from fl.training.aggregation.reference import REFERENCE, ReferenceSettings
from fl.training.aggregation.work import LaneValues, Learned, SumSpec, without_sum
from fl.training.local.train import TrainContext
from fl.training.model.weights import Manifest
from fl.training.tables import statistics
from fl.training.tables.design import USUAL, Design, Options
from fl.training.tables.federation import newton_entries, reference_entries
from fl.training.tables.logistic import manifest_of
from fl.training.tables.network import NetworkRecipe, averaging, train_network
from fl.training.tables.rows import Table
from fl.training.tables.schema import Schema
from fl.training.tables.statistics import STATISTICS, Statistics, rows_bits_of
from fl.training.vector import Vector

_RULES = {STATISTICS: "keep", NEWTON: "newton", REFERENCE: reference.RULE}
_WHAT = "round configuration"
Values = tuple[LanePlan, Mapping[str, Entries]]


def settings_of(schema: Schema, options: Options = USUAL, ridge: float = 1.0, rows_bits: int = 12) -> NewtonSettings:
    """Return the settings of the Newton rounds; they do not depend on the statistics."""
    return NewtonSettings(width_of(schema, options), ridge, rows_bits)


def width_of(schema: Schema, options: Options) -> int:
    """Return the number of columns of every design for a schema, the intercept included."""
    count = len(statistics.measured(schema))
    return Design(schema, Statistics((0.0,) * count, (1.0,) * count), options).width


def first_model(settings: NewtonSettings) -> tuple[Manifest, Vector]:
    """Return the manifest and the vector with which a federation of a regression opens."""
    return manifest_of(settings), NewtonState.start(settings).to_vector()


def statistics_config(
    schema: Schema, rows_bits: int, base: RoundConfig, recipe: NetworkRecipe | None = None
) -> RoundConfig:
    """Return `base` as the configuration of a round of statistics; `recipe`: of the network that is trained later."""
    spec = SumSpec(statistics.plan_of(schema, rows_bits), "keep", {"rows_bits": rows_bits})
    return _with({"schema": schema.to_dict(), **(recipe.to_dict() if recipe else {})}, spec, base)


def newton_config(design: Design, settings: NewtonSettings, base: RoundConfig) -> RoundConfig:
    """Return `base` as the configuration of a Newton round."""
    return _with({"design": design.to_dict()}, SumSpec(newton.plan_of(settings), "newton", settings.to_dict()), base)


def network_config(design: Design, recipe: NetworkRecipe, rows_bits: int, base: RoundConfig) -> RoundConfig:
    """Return `base` as the configuration of a round that trains a network."""
    training = {"design": design.to_dict(), **recipe.to_dict()}
    return averaging(replace(base, training=training), rows_bits)


def reference_config(design: Design, recipe: NetworkRecipe, rows_bits: int, base: RoundConfig) -> RoundConfig:
    """Return `base` as the configuration of the last round of a network."""
    settings = recipe.reference(rows_bits)
    spec = SumSpec(reference.plan_of(settings), reference.RULE, settings.to_dict())
    return _with({"design": design.to_dict(), **recipe.to_dict()}, spec, base)


@dataclass(frozen=True)
class _Part:
    """A hospital's part in one round."""

    table: Table
    previous: Vector
    known: Fields
    """The configuration's `training` without the lanes."""
    recipe: NetworkRecipe | None

    def design(self) -> Design:
        self.known.only("design", *_fields(self.recipe))
        design = Design.from_dict(self.known.mapping("design"))
        _same_schema(self.table, design.schema)
        if self.recipe and self.recipe.spec.inputs + 1 != design.width:
            raise EncodingError(_WHAT, f"the network has {self.recipe.spec.inputs} inputs, not {design.width - 1}")
        return design

    def network(self) -> NetworkRecipe:
        if self.recipe is None:
            raise EncodingError(_WHAT, "it names no network of a table")
        return self.recipe


def enter(table: Table, previous: Vector, config: RoundConfig, context: TrainContext) -> Learned:
    """Return what a hospital enters into a round of a table.

    Args:
        table: The hospital's rows.
        previous: The model before the round, float32 [d].
        config: The round's configuration.
        context: Where and when; the seed is that of the configuration.

    Raises:
        EncodingError: the round is of another purpose, schema, rule or lanes, or has too small a bound on the rows.
        ClaimOutOfBounds: an entry is outside its lane's range.
        WeightsMismatch, NonFinite: the model does not fit the network, or is or becomes no numbers.
    """
    spec = SumSpec.from_dict(config.training)
    known = Fields(without_branch(without_sum(config.training)), _WHAT)
    part = _Part(table, previous, known, NetworkRecipe.of(config.training))
    if spec is None:
        recipe, design = part.network(), part.design()
        return train_network(recipe, previous, design.of(table), table.labels, context)
    return _lanes(part, spec)


def _lanes(part: _Part, spec: SumSpec) -> LaneValues:
    purpose = spec.plan.purpose
    if _RULES.get(purpose) != spec.rule:
        raise EncodingError(_WHAT, "it is not a round of a table: neither statistics, a step, nor a network")
    entered = {STATISTICS: _statistics, NEWTON: _newton_step, REFERENCE: _reference}
    plan, values = entered[purpose](part, spec.settings)
    if plan != spec.plan:
        raise EncodingError(_WHAT, f"its lanes are not those of a {purpose} in this version")
    return LaneValues(plan.pack(values), len(part.table))


def _statistics(part: _Part, settings: Mapping[str, JsonValue]) -> Values:
    part.known.only("schema", *_fields(part.recipe))
    _same_schema(part.table, Schema.from_dict(part.known.mapping("schema")))
    bits = rows_bits_of(settings)
    return statistics.plan_of(part.table.schema, bits), statistics.entries(part.table, bits)


def _newton_step(part: _Part, settings: Mapping[str, JsonValue]) -> Values:
    parsed = NewtonSettings.from_dict(settings)
    return newton.plan_of(parsed), newton_entries(part.table, part.design(), part.previous, parsed)


def _reference(part: _Part, settings: Mapping[str, JsonValue]) -> Values:
    recipe, parsed = part.network(), ReferenceSettings.from_dict(settings)
    if parsed != recipe.reference(parsed.rows_bits):
        raise EncodingError(_WHAT, "the settings of its lanes are not those of its network")
    return reference.plan_of(parsed), reference_entries(part.table, part.design(), recipe.spec, part.previous, parsed)


def _fields(recipe: NetworkRecipe | None) -> tuple[str, ...]:
    return tuple(recipe.to_dict()) if recipe else ()


def _same_schema(table: Table, theirs: Schema) -> None:
    if theirs != table.schema:
        raise EncodingError(_WHAT, f"its schema is not the {table.schema.name} that the rows here were read by")


def _with(beside: dict[str, JsonValue], spec: SumSpec, base: RoundConfig) -> RoundConfig:
    return replace(base, training={**beside, **spec.to_dict()}, word_bits=spec.plan.word_bits)
