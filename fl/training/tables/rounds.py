"""Rounds of tables on the ledger: their configurations, and what a hospital enters into them.

Invariant: a hospital enters only lanes that this version computes from the schema that its own table has; it refuses a
round with another schema, other lanes or another rule.

A federation opens with `first_model`. One round of statistics keeps it; from its totals, which every member has,
everybody computes the same design; each Newton round then names that design in its configuration.

Source: PROTOCOL.md 5L.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation import newton
from fl.training.aggregation.lanes import Entries, LanePlan
from fl.training.aggregation.newton import NEWTON, NewtonSettings
from fl.training.aggregation.newton_step import NewtonState
from fl.training.aggregation.work import LaneValues, SumSpec, without_sum
from fl.training.model.weights import Manifest, Vector
from fl.training.tables import statistics
from fl.training.tables.design import USUAL, Design, Options
from fl.training.tables.federation import newton_entries
from fl.training.tables.logistic import manifest_of
from fl.training.tables.rows import Table
from fl.training.tables.schema import Schema
from fl.training.tables.statistics import STATISTICS, Statistics

_WHAT = "round configuration"


def settings_of(schema: Schema, options: Options = USUAL, ridge: float = 1.0, rows_bits: int = 12) -> NewtonSettings:
    """Return the settings of the Newton rounds; they do not depend on the statistics."""
    count = len(statistics.measured(schema))
    unknown = Statistics((0.0,) * count, (1.0,) * count)
    return NewtonSettings(Design(schema, unknown, options).width, ridge, rows_bits)


def first_model(settings: NewtonSettings) -> tuple[Manifest, Vector]:
    """Return the manifest and the vector with which a federation of a table opens."""
    return manifest_of(settings), NewtonState.start(settings).to_vector()


def statistics_config(schema: Schema, rows_bits: int, base: RoundConfig) -> RoundConfig:
    """Return `base` as the configuration of a round of statistics."""
    spec = SumSpec(statistics.plan_of(schema, rows_bits), "keep", {"rows_bits": rows_bits})
    return _with({"schema": schema.to_dict()}, spec, base)


def newton_config(design: Design, settings: NewtonSettings, base: RoundConfig) -> RoundConfig:
    """Return `base` as the configuration of a Newton round."""
    return _with({"design": design.to_dict()}, SumSpec(newton.plan_of(settings), "newton", settings.to_dict()), base)


def enter(table: Table, previous: Vector, config: RoundConfig) -> LaneValues:
    """Return what a hospital enters into a round of a table.

    Args:
        table: The hospital's rows.
        previous: The model before the round, float32 [d].
        config: The round's configuration.

    Raises:
        EncodingError: the round is of another purpose, schema, rule or lanes, or has too small a bound on the rows.
        ClaimOutOfBounds: an entry is outside its lane's range.
    """
    spec = SumSpec.from_dict(config.training)
    if spec is None or (spec.plan.purpose, spec.rule) not in {(STATISTICS, "keep"), (NEWTON, "newton")}:
        raise EncodingError(_WHAT, "it is neither a round of a table's statistics nor a Newton step")
    known = Fields(without_sum(config.training), _WHAT)
    if spec.rule == "keep":
        plan, values = _statistics(table, known, spec.settings)
    else:
        plan, values = _newton_step(table, previous, known, spec.settings)
    if plan != spec.plan:
        raise EncodingError(_WHAT, f"its lanes are not those of a {spec.plan.purpose} in this version")
    return LaneValues(plan.pack(values), len(table))


def _statistics(
    table: Table, known: Fields, settings: Mapping[str, JsonValue]
) -> tuple[LanePlan, Mapping[str, Entries]]:
    known.only("schema")
    _same_schema(table, Schema.from_dict(known.mapping("schema")))
    bits = Fields(dict(settings), _WHAT).integer("rows_bits")
    if not 0 <= bits <= newton.MAX_ROWS_BITS:
        raise EncodingError(_WHAT, "rows_bits is out of its range")
    return statistics.plan_of(table.schema, bits), statistics.entries(table, bits)


def _newton_step(
    table: Table, previous: Vector, known: Fields, settings: Mapping[str, JsonValue]
) -> tuple[LanePlan, Mapping[str, Entries]]:
    known.only("design")
    design = Design.from_dict(known.mapping("design"))
    _same_schema(table, design.schema)
    parsed = NewtonSettings.from_dict(settings)
    return newton.plan_of(parsed), newton_entries(table, design, previous, parsed)


def _same_schema(table: Table, theirs: Schema) -> None:
    if theirs != table.schema:
        raise EncodingError(_WHAT, f"its schema is not the {table.schema.name} that the rows here were read by")


def _with(beside: dict[str, JsonValue], spec: SumSpec, base: RoundConfig) -> RoundConfig:
    return replace(base, training={**beside, **spec.to_dict()}, word_bits=spec.plan.word_bits)
