"""A small drawn table of two columns, and the plans of a network and of a regression over it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fl.protocol.rounds.config import RoundConfig
from fl.training.tables.federation import task_of
from fl.training.tables.network import NETWORK_LOCAL
from fl.training.tables.plans import NetworkPlan, TablePlan
from fl.training.tables.rows import Table, groups_of
from fl.training.tables.schema import Column, Kind, Schema

SCHEMA = Schema(
    name="toy",
    source="drawn",
    licence="CC0",
    header=True,
    ordered=(),
    columns=(
        Column("age", "Age", Kind.NUMBER, "years", 18, 110, missing=("?",)),
        Column("pain", "Pain", Kind.CATEGORY, categories=("1", "2", "3")),
    ),
    label="ill",
    disease=("1",),
    healthy=("0",),
    reported="illness",
    population="drawn persons",
)
BASE = RoundConfig(0.5, 50.0, 2**21, {}, task_of(SCHEMA))
FAST = replace(NETWORK_LOCAL, epochs=12, lr=0.03, lr_final=0.03)
NETWORK = NetworkPlan(SCHEMA, rows_bits=8, rounds=1, hidden=(4,), local=FAST, seed=3)
REGRESSION = TablePlan(SCHEMA, rows_bits=8)


def drawn(name: str) -> Table:
    draw = np.random.default_rng(len(name))
    age, pain = draw.integers(18, 110, 40).astype(np.float64), draw.integers(0, 3, 40).astype(np.float64)
    values = np.stack([age, pain], axis=1)
    return Table(SCHEMA, values, (age + 10 * pain > 70).astype(np.int64), groups_of(values), name)
