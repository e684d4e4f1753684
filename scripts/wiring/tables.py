"""Connects tables (fl/training/tables) to the roles: a hospital's rows, and the coordinator of their rounds.

Invariant: the coordinator's design follows from the totals of the federation's round of statistics, which it replays
like any member; it keeps nothing between two steps.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import click

from fl.files import write_atomic
from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError, SettingInvalid, TaskMismatch
from fl.protocol.federation import Federation
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.task import Task
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import LedgerView, Ports, grants_of
from fl.replay.round_documents import read_config
from fl.replay.table_design import TableDesigns
from fl.roles.auditor import Evaluate, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.training.aggregation.work import Learned, SumSpec
from fl.training.evaluation.chance import alarm
from fl.training.local.train import TrainContext
from fl.training.tables.design import Design
from fl.training.tables.federation import task_of
from fl.training.tables.judging import judge
from fl.training.tables.plans import NetworkPlan, TablePlan
from fl.training.tables.rounds import enter
from fl.training.tables.rows import Table, read_table
from fl.training.tables.saved import SavedModel
from fl.training.tables.schema import Schema, load_schema
from fl.training.vector import Vector
from scripts.wiring.home import OWNER_ONLY, MemberHome
from scripts.wiring.training import PUBLISHED

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


def import_rows(member: MemberHome, table: Path, schema: str | None, pictures: Path | None) -> None:
    """Import the table of a command line; raise SettingInvalid if its schema is missing, or pictures come with it."""
    if pictures is not None or schema is None:
        raise SettingInvalid("table", "give --schema with it, and no pictures")
    import_table(table, load_schema(schema), member)


def has_table(member: MemberHome) -> bool:
    """Return whether a member has rows of a table instead of images."""
    return (member.folder / SCHEMA_FILE).exists()


def own_table(member: MemberHome) -> Table:
    """Return a member's rows.

    Raises:
        SettingInvalid, EncodingError, DatasetUnusable: the files are missing, damaged or were changed.
    """
    return read_table(member.folder / ROWS_FILE, load_schema(str(member.folder / SCHEMA_FILE)))


def table_trainer(table: Table, name: str) -> tuple[Train, Task]:
    """Return what hospital `name` enters into the rounds of its table, and their task."""

    def train(job: TrainingJob) -> Learned:
        return enter(table, job.previous, job.config, TrainContext(0, job.turn.round, name, "cpu", turn=job.turn.seed))

    return train, task_of(table.schema)


def table_evaluator(table: Table) -> Evaluate:
    """Return an auditor's evaluation on rows that no hospital trains on; of a network, only the last round alarms."""
    task = task_of(table.schema)

    def evaluate(model: Vector, config: RoundConfig) -> Evaluation:
        if config.task != task:
            raise TaskMismatch(0, config.task.code, task.code)
        metrics = judge(model, config, table)
        if metrics is None:
            return Evaluation()
        figures = metrics.to_dict()
        published = cast("dict[str, JsonValue]", {name: figures[name] for name in PUBLISHED})
        ill = int(table.labels.sum())
        data: dict[str, JsonValue] = {
            "classes": dict(zip(task.codes, (len(table) - ill, ill), strict=True)),
            "images": len(table),
            "name": table.schema.name,
            "origin": task.origin.value,
            "persons": len(set(table.groups.tolist())),
        }
        early = SumSpec.from_dict(config.training) is None  # weights drawn a few passes ago may still rank wrongly
        return Evaluation(published, data, "" if early else alarm(metrics))

    return evaluate


class TableCoordinator:
    """Opens one round of statistics, then those of the plan."""

    def __init__(self, ports: Ports, plan: Plan, table: TablePlan | NetworkPlan) -> None:
        """Start. `plan.config` gives bounds and task; its training and its number of rounds are not used."""
        self.view = LedgerView(ports.ledger)
        self._ports, self._plan, self._table = ports, plan, table
        grants = partial(grants_of, self.view)
        self._reader = FileReader(ports.ledger.account, ports.vault, ports.keyring, grants=grants)
        self._designs = TableDesigns(ports.ledger.account, self._reader, ports.vault, ports.endorser)
        self._initial = Initial(*table.first())
        self._agent: Coordinator | None = None
        self._until = 0
        self.model: SavedModel | None = None
        """The newest model; None before the first round after the statistics is final."""

    @property
    def done(self) -> bool:
        """Return whether the plan has ended with the newest model."""
        final = _final(self.view.federation)
        if len(final) <= 1:
            return False
        self.model = self._newest(final[-1])
        return self._table.ended(len(final), self.model.vector)

    def step(self) -> bool:
        federation = self.view.current()
        self._check_opening(federation)
        if self.done:
            return False
        final = len(_final(federation))
        if self._agent is None or self._table.until(final) != self._until:
            self._until, self._agent = self._table.until(final), self._next(federation, final)
        return self._agent.step()

    def finish(self) -> None:
        """Do nothing: everything that counts is on the ledger."""

    def _next(self, federation: Federation, final: int) -> Coordinator:
        """Return the coordinator of the next rounds, all with one configuration."""
        base = self._plan.config
        config = self._table.config(self._design(federation), final, base) if final else self._table.statistics(base)
        rounds = self._table.until(final)
        return Coordinator(self._ports, replace(self._plan, config=config, rounds=rounds, every=True), self._initial)

    def _design(self, federation: Federation) -> Design:
        """Return the design that follows from the newest statistics."""
        summed = self._designs.before(federation, federation.last_round + 1)
        if summed is None or summed.schema != self._table.schema:
            raise SettingInvalid("home", "no round of this federation summed the statistics of a table of this schema")
        return Design(summed.schema, summed.statistics, self._table.options)

    def _check_opening(self, federation: Federation) -> None:
        """Raise SettingInvalid if the federation opened with a model of another kind or shape."""
        if federation.openings and self._initial.manifest.digest != federation.opening.record.manifest_digest:
            why = "this federation opened with a model of another shape; give the options with which it began"
            raise SettingInvalid("home", why)

    def _newest(self, current: Round) -> SavedModel:
        manifest = self._initial.manifest
        design = read_config(current, self._ports.vault).training.get("design")
        if not isinstance(design, dict):
            raise EncodingError("round configuration", "it names no design of a table")
        weights = manifest.weights_of(self._reader.model(current, manifest))
        return SavedModel(Design.from_dict(design), self._table.kind, weights)


def _final(federation: Federation) -> list[Round]:
    """Return the final rounds from which the current model comes, in order."""
    gone = federation.superseded
    return [each for each in federation.rounds if each.phase == Phase.FINAL and each.number not in gone]
