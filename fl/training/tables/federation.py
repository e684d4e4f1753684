"""The rounds of tables as functions: statistics, Newton steps, and FedAvg of the network.

Invariant: only packed lanes or quantised updates pass from one hospital to the sum, exactly as on the ledger; masks
cancel in the sum, so these functions give what masked rounds give, bit for bit.

Source: PROTOCOL.md 5 and 5L.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task import Domain, Origin, Task, TaskClass, TaskKind
from fl.training.aggregation import newton, reference
from fl.training.aggregation.lanes import Entries, LanePlan
from fl.training.aggregation.newton import NewtonSettings
from fl.training.aggregation.newton_step import NewtonState
from fl.training.aggregation.quantise import quantise
from fl.training.aggregation.reference import ReferenceSettings
from fl.training.aggregation.rules import RULES
from fl.training.aggregation.sum import Sum
from fl.training.local.train import TrainContext
from fl.training.tables import statistics
from fl.training.tables.design import Design
from fl.training.tables.mlp import TableNetwork, TableSpec
from fl.training.tables.network import (
    NETWORK_ROUNDS,
    NetworkRecipe,
    averaging,
    first_network,
    split,
    train_network,
)
from fl.training.tables.rows import Table
from fl.training.tables.schema import Schema
from fl.training.tables.statistics import Statistics
from fl.training.vector import Vector

Reals = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
MOST_ROUNDS = 16


def task_of(schema: Schema) -> Task:
    """Return what a table's federation learns: 0 = healthy, 1 = disease."""
    classes = (TaskClass("healthy", f"no {schema.reported}"), TaskClass("disease", schema.reported, disease=True))
    origin = Origin.DRAWN if schema.drawn else Origin.REAL
    return Task(schema.name, schema.reported, TaskKind.BINARY, classes, schema.reported, Domain.TABLE, origin=origin)


def summed(plan: LanePlan, parts: Iterable[Mapping[str, Entries]]) -> dict[str, Entries]:
    """Return the totals of the hospitals' entries; an entry out of range raises ClaimOutOfBounds."""
    total = np.zeros(plan.length, np.int64)
    for part in parts:
        total += plan.pack(part)
    return plan.unpack(total)


def shared_statistics(tables: Sequence[Table], rows_bits: int = 12) -> Statistics:
    """Return what one round of statistics gives to every hospital."""
    schema = tables[0].schema
    plan = statistics.plan_of(schema, rows_bits)
    totals = summed(plan, (statistics.entries(table, rows_bits) for table in tables))
    return statistics.statistics_of(schema, totals, rows_bits)


def newton_entries(table: Table, design: Design, vector: Vector, settings: NewtonSettings) -> dict[str, Entries]:
    """Return what one hospital puts into the lanes of a Newton round."""
    state = NewtonState.from_vector(vector, settings)
    return newton.entries(design.of(table), table.labels, state.candidate, settings)


def newton_fit(tables: Sequence[Table], design: Design, settings: NewtonSettings) -> list[NewtonState]:
    """Return the state after each round on tables; see `fit_rows`."""
    return fit_rows([(design.of(table), table.labels) for table in tables], settings)


def fit_rows(hospitals: Sequence[tuple[Reals, Labels]], settings: NewtonSettings) -> list[NewtonState]:
    """Return the state after each round, until a step is the last one (newton.CONVERGED) or MOST_ROUNDS.

    Args:
        hospitals: Each one's rows float64 [n, columns] within ±16 and labels [n]. The first column is 1. So a head on
            frozen features of pictures is fitted just like a table: their standardised features are the other columns.
        settings: Of the rounds; `ridge` is the penalty.
    """
    plan = newton.plan_of(settings)
    vector = NewtonState.start(settings).to_vector()
    states: list[NewtonState] = []
    while len(states) < MOST_ROUNDS and not (states and states[-1].converged):
        candidate = NewtonState.from_vector(vector, settings).candidate
        totals = summed(plan, (newton.entries(rows, labels, candidate, settings) for rows, labels in hospitals))
        vector = RULES["newton"](vector, totals, len(hospitals), settings.to_dict())
        states.append(NewtonState.from_vector(vector, settings))
    return states


def reference_entries(
    table: Table, design: Design, spec: TableSpec, vector: Vector, settings: ReferenceSettings
) -> dict[str, Entries]:
    """Return what one hospital puts into the lanes of the round that adds the numbers behind a network's weights."""
    judge, rows = TableNetwork(spec, split(spec, vector)[0]), design.of(table)
    return reference.entries(rows, judge.units(rows), judge.head, settings)


@dataclass(frozen=True)
class FedAvg:
    """How a network is trained: what the hospitals agree on, and for how many rounds."""

    recipe: NetworkRecipe
    rounds: int = NETWORK_ROUNDS
    rows_bits: int = 12


def fedavg(tables: Mapping[str, Table], design: Design, plan: FedAvg) -> Vector:
    """Return the vector after all rounds, by the hospitals' names; the numbers behind the weights are there, too.

    Updates pass through quantiser and sum as on the ledger, where round 1 sums the statistics. With a single table,
    this is training alone or pooled training, in as many passes and at the same rates.
    """
    recipe, config = plan.recipe, averaging(RoundConfig(1.0, 1.0, 1, {}, task_of(design.schema)), plan.rows_bits)
    vector = first_network(recipe)[1]
    rows = {name: design.of(table) for name, table in tables.items()}
    for number in range(2, plan.rounds + 2):
        total = Sum(vector.size, config.word_bits)
        for name, table in tables.items():
            context = TrainContext(recipe.seed, number, name, "cpu")
            learned = train_network(recipe, vector, rows[name], table.labels, context)
            total.add(quantise(vector, *learned, config))
        vector = total.apply(vector, config)
    return with_reference(list(tables.values()), design, plan, vector)


def with_reference(tables: Sequence[Table], design: Design, plan: FedAvg, vector: Vector) -> Vector:
    """Return the vector with the numbers that its last round adds."""
    spec, settings = plan.recipe.spec, plan.recipe.reference(plan.rows_bits)
    parts = (reference_entries(table, design, spec, vector, settings) for table in tables)
    return RULES[reference.RULE](vector, summed(reference.plan_of(settings), parts), len(tables), settings.to_dict())
