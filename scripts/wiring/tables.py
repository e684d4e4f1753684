"""Connects tables (fl/training/tables) to the roles: a hospital's rows, and the coordinator of their rounds.

Invariant: the coordinator's design follows from the totals of the federation's round of statistics, which it replays
like any member; it keeps nothing between two steps.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import click

from fl.files import write_atomic
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.task import Task
from fl.replay.expected_files import FileReader, read_config, read_manifest
from fl.replay.ledger_view import LedgerView, Ports
from fl.replay.round_replay import Tools, replay_round
from fl.replay.round_sum import RoundSum
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.training.aggregation.newton import NewtonSettings
from fl.training.aggregation.newton_step import NewtonState
from fl.training.aggregation.work import LaneValues, SumSpec
from fl.training.tables.design import USUAL, Design, Options
from fl.training.tables.federation import task_of
from fl.training.tables.rounds import (
    enter,
    first_model,
    newton_config,
    settings_of,
    statistics_config,
)
from fl.training.tables.rows import Table, read_table
from fl.training.tables.saved import SavedModel
from fl.training.tables.schema import Schema, load_schema
from fl.training.tables.statistics import STATISTICS, statistics_of
from scripts.wiring.home import OWNER_ONLY, MemberHome

ROWS_FILE, SCHEMA_FILE = "table.csv", "schema.json"


def import_table(source: Path, schema: Schema, member: MemberHome) -> None:
    """Check a CSV file, and copy it with its schema into a member's folder.

    Raises:
        DatasetUnusable: it does not fit the schema. Nothing was written.
    """
    table = read_table(source, schema)
    member.folder.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    write_atomic(member.folder / ROWS_FILE, source.read_bytes(), mode=0o600)
    write_atomic(member.folder / SCHEMA_FILE, json.dumps(schema.to_dict()).encode())
    ill = int(table.labels.sum())
    click.echo(f"{len(table)} rows, {ill} with {schema.reported}, are imported. They never leave {member.folder}.")


def has_table(member: MemberHome) -> bool:
    """Return whether a member has rows of a table instead of images."""
    return (member.folder / SCHEMA_FILE).exists()


def own_table(member: MemberHome) -> Table:
    """Return a member's rows.

    Raises:
        SettingInvalid, EncodingError, DatasetUnusable: the files are missing, damaged or were changed.
    """
    return read_table(member.folder / ROWS_FILE, load_schema(str(member.folder / SCHEMA_FILE)))


def table_trainer(table: Table) -> tuple[Train, Task]:
    """Return what a hospital enters into the rounds of its table, and their task."""

    def train(job: TrainingJob) -> LaneValues:
        return enter(table, job.previous, job.config)

    return train, task_of(table.schema)


@dataclass(frozen=True)
class TablePlan:
    """How a table is trained.

    Attributes:
        schema: The meaning of the columns.
        options: Of the design matrix.
        ridge: Of the logistic regression.
        rows_bits: A hospital has at most 2^rows_bits rows.
        steps: The largest number of Newton rounds; they end earlier at the optimum.
    """

    schema: Schema
    options: Options = USUAL
    ridge: float = 1.0
    rows_bits: int = 12
    steps: int = 8

    @property
    def settings(self) -> NewtonSettings:
        return settings_of(self.schema, self.options, self.ridge, self.rows_bits)


class TableCoordinator:
    """Opens one round of statistics, then Newton rounds until the optimum."""

    def __init__(self, ports: Ports, plan: Plan, table: TablePlan) -> None:
        """Start. `plan.config` gives bounds and task; its training and its number of rounds are not used."""
        self.view = LedgerView(ports.ledger)
        self._ports, self._plan, self._table = ports, plan, table
        self._reader = FileReader(ports.ledger.account, ports.vault, ports.keyring)
        self._initial = Initial(*first_model(table.settings))
        self._agent: Coordinator | None = None
        self._stage = 0
        self.model: SavedModel | None = None
        """The newest model; None before the first Newton round is final."""

    @property
    def done(self) -> bool:
        """Return whether the newest model is the optimum, or all rounds are final."""
        final = _final(self.view.federation)
        if len(final) <= 1:
            return False
        self.model = self._newest(final[-1])
        state = NewtonState.from_vector(self.model.vector, self.model.settings)
        return state.converged or len(final) > self._table.steps

    def step(self) -> bool:
        final = _final(self.view.current())
        if self.done:
            return False
        stage = min(len(final), 1)
        if self._agent is None or stage != self._stage:
            self._stage, self._agent = stage, self._next(final)
        return self._agent.step()

    def finish(self) -> None:
        """Do nothing: everything that counts is on the ledger."""

    def _next(self, final: list[Round]) -> Coordinator:
        """Return the coordinator of the round of statistics, or of the Newton rounds after it."""
        base, table = self._plan.config, self._table
        if not final:
            config, rounds = statistics_config(table.schema, table.rows_bits, base), 1
        else:
            config, rounds = newton_config(self._design(final[0]), table.settings, base), 1 + table.steps
        return Coordinator(self._ports, replace(self._plan, config=config, rounds=rounds), self._initial)

    def _design(self, statistics: Round) -> Design:
        vault, manifest = self._ports.vault, self._initial.manifest
        spec = SumSpec.from_dict(read_config(statistics, vault).training)
        if spec is None or spec.plan.purpose != STATISTICS:
            raise SettingInvalid("home", "the first round of this federation is none of a table's statistics")
        tools = Tools(RoundSum(self._reader, vault), vault, self._ports.endorser)
        totals = replay_round(statistics, self._initial.vector, manifest, tools).totals
        return Design(
            self._table.schema, statistics_of(self._table.schema, totals, self._table.rows_bits), self._table.options
        )

    def _newest(self, current: Round) -> SavedModel:
        vault = self._ports.vault
        manifest = read_manifest(self.view.federation.opening, vault)
        training = read_config(current, vault).training
        spec, design = SumSpec.from_dict(training), training.get("design")
        if spec is None or not isinstance(design, dict):
            raise EncodingError("round configuration", "it is not a Newton step of a table")
        settings = NewtonSettings.from_dict(spec.settings)
        weights = manifest.weights_of(self._reader.model(current, manifest))
        return SavedModel(Design.from_dict(design), settings, weights)


def _final(federation: Federation) -> list[Round]:
    return [each for each in federation.rounds if each.phase == Phase.FINAL]
