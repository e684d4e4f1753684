"""A trained regression of a table on a ledger in memory, and the site's service over it.

Invariant: only the chain is in memory; rounds, envelopes, vault, model and the verified path are the real ones.
"""

from __future__ import annotations

import atexit
import os
import shutil
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from fl.protocol.names import Role
from fl.protocol.rounds.config import RoundConfig
from fl.replay.ledger_view import Keyring
from fl.roles.auditor import Auditor
from fl.training.tables.federation import task_of
from fl.training.tables.plans import NetworkPlan, TablePlan
from fl.training.tables.rows import Table, groups_of
from fl.training.tables.saved import SavedModel
from fl.training.tables.schema import Kind, Schema, load_schema
from scripts.wiring.tables import TableCoordinator, table_evaluator, table_trainer
from tests.support.federation import Party, endorser
from tests.support.masked_world import NAMES, Four, rest
from webui.federation.tables import TableSource

PIMA = load_schema("pima-diabetes")
ROWS = 60


def drawn_rows(schema: Schema, name: str, count: int = ROWS) -> Table:
    """Return invented patients: values near the lower half of each range, and a disease that follows from them."""
    draw = np.random.default_rng(int.from_bytes(name.encode(), "big") % 2**32)
    columns = []
    for column in schema.columns:
        if column.kind is Kind.NUMBER:
            span = column.high - column.low
            values = np.round(column.low + span * draw.beta(3, 5, count), 1)
        else:
            values = draw.integers(0, len(column.categories), count).astype(np.float64)
        if column.missing:
            values[draw.random(count) < 0.1] = np.nan
        columns.append(values)
    table = np.stack(columns, axis=1)
    known = np.nan_to_num((table - np.nanmean(table, axis=0)) / (np.nanstd(table, axis=0) + 1e-9))
    ill = draw.random(count) < 1 / (1 + np.exp(-known @ np.linspace(0.9, 0.1, table.shape[1])))
    return Table(schema, table, ill.astype(np.int64), groups_of(table), name)


@dataclass(frozen=True)
class TrainedTable:
    """A federation of one table whose training has ended."""

    world: Four
    saved: SavedModel
    """What `hemaledger coordinator table --model` writes."""

    @property
    def hospital(self) -> Party:
        return self.world.consortium.hospitals[0]

    def source(self) -> TableSource:
        """Return the federation as the hospital `alpha` reads it."""
        return self.source_of(self.hospital)

    def source_of(self, party: Party) -> TableSource:
        """Return the federation as one member reads it."""
        return TableSource(
            party.ledger, self.world.consortium.vault, Keyring(party.keys), endorser(), lambda: int(time.time())
        )


@cache
def trained(schema: Schema = PIMA, steps: int = 8) -> TrainedTable:
    """Return a masked regression of four hospitals, trained once for all tests; with few steps it has not ended."""
    return play(TablePlan(schema, rows_bits=8, steps=steps))


def play(table: TablePlan | NetworkPlan, newcomer: str = "") -> TrainedTable:
    """Play all rounds of a plan, with a `newcomer` who joins after the ledger opened with the first model."""
    memory = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None  # noqa: S108  # a private folder inside it
    folder = Path(mkdtemp(prefix="hemaledger-table-", dir=memory))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    world = Four(folder)
    plan = replace(world.masked_plan(), config=RoundConfig(0.5, 50.0, 2**21, {}, task_of(table.schema)))
    vault = world.consortium.vault
    boss = TableCoordinator(world.consortium.coordinator.ports(vault), plan, table)
    if newcomer:
        while not world.federation.openings:
            boss.step()
        world.consortium.hospitals.append(world.join(newcomer, Role.HOSPITAL))
        plan = replace(plan, min_hospitals=len(NAMES) + 1)
        boss = TableCoordinator(world.consortium.coordinator.ports(vault), plan, table)
    evaluate = table_evaluator(drawn_rows(table.schema, "held-out", 40))
    auditor = Auditor(world.consortium.auditor.ports(vault), evaluate)
    names = [party.name for party in world.consortium.hospitals]
    hospitals = [world.hospital(name, table_trainer(drawn_rows(table.schema, name), name)[0]) for name in names]
    rest(boss, auditor, *hospitals)
    ended = boss.done
    assert ended
    assert boss.model is not None
    return TrainedTable(world, boss.model)
