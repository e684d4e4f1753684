"""The rounds of tables as functions: statistics, Newton steps, and FedAvg of the network.

Invariant: only packed lanes or quantised updates pass from one hospital to the sum, exactly as on the ledger; masks
cancel in the sum, so these functions give what masked rounds give, bit for bit.

Source: PROTOCOL.md 5 and 5L.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task import Domain, Task, TaskClass, TaskKind
from fl.training.aggregation import newton
from fl.training.aggregation.lanes import Entries, LanePlan
from fl.training.aggregation.newton import NewtonSettings
from fl.training.aggregation.newton_step import NewtonState
from fl.training.aggregation.quantise import LocalMetrics, quantise
from fl.training.aggregation.rules import RULES
from fl.training.aggregation.sum import Sum
from fl.training.local.config import LocalConfig
from fl.training.local.train import TrainContext
from fl.training.model.weights import Vector
from fl.training.tables import statistics
from fl.training.tables.design import Design
from fl.training.tables.mlp import TableSpec, initial_vector, train_rows
from fl.training.tables.rows import Table
from fl.training.tables.schema import Schema
from fl.training.tables.statistics import Statistics

Reals = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
MOST_ROUNDS = 16
MLP_LOCAL = LocalConfig(
    epochs=2,
    batch=16,
    lr=1e-3,
    lr_final=1e-3,
    horizon=25,
    weight_decay=0.0,
    augment=0.0,
    class_balance=0.0,
    smoothing=0.0,
    clip_norm=0.0,
)
"""Adam at its usual rate, as in the published designs; 25 rounds of 2 passes are 50 passes over the rows."""


def task_of(schema: Schema) -> Task:
    """Return what a table's federation learns: 0 = healthy, 1 = disease."""
    classes = (TaskClass("healthy", f"no {schema.reported}"), TaskClass("disease", schema.reported, disease=True))
    return Task(schema.name, schema.reported, TaskKind.BINARY, classes, schema.reported, Domain.TABLE)


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


@dataclass(frozen=True)
class FedAvg:
    """How the network is trained.

    Attributes:
        spec: The network.
        rounds: Number of rounds.
        local: One hospital's training in a round.
        seed: Of initial weights and of the order of rows.
    """

    spec: TableSpec
    rounds: int = 25
    local: LocalConfig = MLP_LOCAL
    seed: int = 0

    def alone(self) -> FedAvg:
        """Return the same number of passes in one round, for one hospital or pooled rows."""
        return replace(self, rounds=1, local=replace(self.local, epochs=self.local.epochs * self.rounds, horizon=1))


def fedavg(tables: Sequence[Table], design: Design, plan: FedAvg) -> Vector:
    """Return the weights after all rounds; updates pass through quantiser and sum as on the ledger."""
    config = RoundConfig(1.0, 100.0, 1 << 12, {}, task_of(design.schema), word_bits=64)
    vector = initial_vector(plan.spec, plan.seed)
    rows = [design.of(table) for table in tables]
    for number in range(1, plan.rounds + 1):
        total = Sum(vector.size, config.word_bits)
        for place, table in enumerate(tables):
            context = TrainContext(plan.seed, number, f"hospital-{place}", "cpu")
            result = train_rows(plan.spec, vector, rows[place], table.labels, plan.local, context)
            metrics = LocalMetrics(result.samples, result.correct, result.loss)
            total.add(quantise(vector, result.vector, metrics, config))
        vector = total.apply(vector, config)
    return vector


def central(table: Table, design: Design, plan: FedAvg) -> Vector:
    """Return the weights after training on one table without rounds: pooled, or a hospital alone."""
    once = plan.alone()
    context = TrainContext(plan.seed, 1, table.source, "cpu")
    start = initial_vector(plan.spec, plan.seed)
    return train_rows(plan.spec, start, design.of(table), table.labels, once.local, context).vector
