"""`hemaledger tables`: check tables of patients, compare trainings, and answer for one person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import seed_option

if TYPE_CHECKING:
    from fl.training.tables.answer import Risk
    from fl.training.tables.rows import Table
    from fl.training.tables.schema import Schema
    from fl.training.tables.study import Answer, Plan

TEST_PARTS = 5
"""One of so many parts of each hospital's rows is for the test."""
files_argument = click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
schema_option = click.option(
    "--schema",
    required=True,
    help="The meaning of the columns: heart-disease, pima-diabetes, early-stage-diabetes, or a JSON file.",
)


@click.group()
def tables() -> None:
    """Check tables of patients, compare trainings, and compute one person's risk."""


@tables.command()
@files_argument
@schema_option
@guarded
def check(files: tuple[Path, ...], schema: str) -> None:
    """Say for each CSV file whether it fits the schema, and count its rows. This writes nothing."""
    from fl.training.tables.schema import load_schema

    for name, table in _read(files, load_schema(schema)).items():
        click.echo(f"{name}: {_described(table)}")


@tables.command()
@files_argument
@schema_option
@click.option(
    "--hospitals", type=click.IntRange(2, 50), default=3, show_default=True, help="Artificial ones, for a single file."
)
@click.option("--network/--no-network", default=True, help="Whether to train the network (64, 32), too.")
@click.option("--indicators/--no-indicators", default=True, help="Whether a missing value is an input of its own.")
@click.option("--splines/--no-splines", default=False, help="Whether numbers may have curved effects.")
@click.option("--model", "model_file", type=click.Path(path_type=Path), help="Write the federated regression here.")
@seed_option
@guarded
def train(  # noqa: PLR0913  # one parameter per option
    files: tuple[Path, ...],
    schema: str,
    *,
    hospitals: int,
    network: bool,
    indicators: bool,
    splines: bool,
    model_file: Path | None,
    seed: int,
) -> None:
    """Train pooled, federated and at each hospital alone, and compare on held-out rows.

    Each of FILES is one hospital. A single file is divided among artificial hospitals. A fifth of each hospital's rows
    is held out; equal rows stay together. The hospitals are simulated in this process: the numbers pass through the
    lanes and sums of real rounds, without masks and ledger.
    """
    from fl.training.model.device import use_threads
    from fl.training.tables.design import Options
    from fl.training.tables.rows import joined
    from fl.training.tables.schema import load_schema
    from fl.training.tables.study import Plan, compare, divide

    use_threads(1)
    named = _read(files, load_schema(schema))
    if len(named) == 1:
        named = divide(next(iter(named.values())), [f"hospital-{place + 1}" for place in range(hospitals)], seed)
    for name, table in named.items():
        click.echo(f"{name}: {_described(table)}")
    parts = {name: _halves(table, seed) for name, table in named.items()}
    own, test = {name: each[0] for name, each in parts.items()}, joined([each[1] for each in parts.values()])
    plan = Plan(Options(indicators, splines), seeds=(seed,) if network else ())
    _show(compare(own, test, plan), test)
    if model_file:
        _save(own, plan, model_file)


@tables.command()
@click.argument("model_file", metavar="MODEL", type=click.Path(path_type=Path))
@click.option("--value", "values", multiple=True, help="COLUMN=VALUE of the person. Repeatable; others are missing.")
@click.option(
    "--suggestions", type=click.Path(path_type=Path), help="The hospital's own texts (see `tables suggestions`)."
)
@guarded
def risk(model_file: Path, values: tuple[str, ...], suggestions: Path | None) -> None:
    """Compute one person's risk by the regression or network in MODEL. Nothing is kept.

    `coordinator table --model` writes MODEL, and so does `tables train --model`.
    """
    from fl.training.tables.rows import parse_values
    from fl.training.tables.saved import load_model
    from fl.training.tables.suggestions import SHIPPED, load_suggestions

    saved, texts = load_model(model_file), load_suggestions(suggestions or SHIPPED)
    texts.check(saved.design.schema.name, saved.design.schema.names)
    given = dict(each.partition("=")[::2] for each in values)
    _tell(saved.risk(parse_values(given, saved.design.schema), texts))


@tables.command("suggestions")
@click.argument("file", type=click.Path(path_type=Path))
@guarded
def copy_suggestions(file: Path) -> None:
    """Write the general texts to FILE, to be edited and reviewed by the hospital.

    Give the file to `tables risk --suggestions`.
    """
    from fl.files import write_atomic
    from fl.protocol.errors import SettingInvalid
    from fl.training.tables.suggestions import SHIPPED

    if file.exists():
        raise SettingInvalid("FILE", f"{file} exists; an edited file is not replaced")
    write_atomic(file, SHIPPED.read_bytes())
    click.echo(f"The texts are in {file}. Change them, and write who reviewed them into `reviewer`.")


def _read(files: Sequence[Path], schema: Schema) -> dict[str, Table]:
    """Return the tables by the names of their files, without the parts that all share."""
    from fl.protocol.errors import SettingInvalid
    from fl.training.tables.rows import read_table

    named = {file.name.removesuffix(file.suffix).removeprefix("processed."): file for file in files}
    if len(named) != len(files):
        raise SettingInvalid("FILES", "two files have the same name")
    return {name: read_table(file, schema) for name, file in named.items()}


def _described(table: Table) -> str:
    import numpy as np

    missing = int(np.isnan(table.values).sum())
    repeats = len(table) - len(np.unique(table.groups))
    return (
        f"{len(table)} rows, {int(table.labels.sum())} with {table.schema.reported}, {missing} missing values, "
        f"{repeats} rows that repeat others"
    )


def _halves(table: Table, seed: int) -> tuple[Table, Table]:
    """Return the rows for training and those for the test."""
    from fl.training.tables.rows import folds

    held = folds(table, TEST_PARTS, seed) == 0
    return table.take(~held), table.take(held)


def _show(answers: Sequence[Answer], test: Table) -> None:
    """Print one line per training."""
    click.echo(f"\nOn {len(test)} held-out rows:")
    click.echo(f"{'model':<10}{'trained':<24}{'rounds':>6}{'accuracy':>10}{'AUROC':>8}{'log loss':>10}")
    for answer in answers:
        accuracy = answer.mean(test.labels, lambda each: each.accuracy)
        area = answer.mean(test.labels, lambda each: each.auroc)
        loss = answer.log_loss(test.labels)
        line = f"{answer.model:<10}{answer.trained:<24}{answer.rounds or '-':>6}"
        click.echo(f"{line}{accuracy:>10.4f}{area:>8.4f}{loss:>10.4f}")


def _save(own: dict[str, Table], plan: Plan, path: Path) -> None:
    from fl.training.tables.design import Design
    from fl.training.tables.federation import newton_fit, shared_statistics
    from fl.training.tables.logistic import settings_for
    from fl.training.tables.saved import SavedModel, save_model
    from fl.training.tables.study import choose_ridge

    hospitals = list(own.values())
    plan = plan.for_rows(max(map(len, hospitals)))
    design = Design(hospitals[0].schema, shared_statistics(hospitals, plan.rows_bits), plan.options)
    settings = settings_for(design, choose_ridge(hospitals, plan), plan.rows_bits)
    saved = SavedModel(design, settings, newton_fit(hospitals, design, settings)[-1].to_vector())
    save_model(saved, path)
    click.echo(f"\nThe federated regression {saved.digest.hex()[:16]} is in {path}.")


def _tell(answer: Risk) -> None:
    """Print an answer for one person."""
    click.echo(f"Risk: {answer.probability:.1%}")
    click.echo(f"{answer.doubt}: {answer.low:.1%} to {answer.high:.1%}")
    click.echo(answer.people)
    click.echo(f"\nWhat moved it ({answer.method}):")
    for factor in answer.factors:
        known = " (value not known)" if factor.missing else ""
        click.echo(f"  {factor.log_odds:+.3f}  {factor.text}{known}")
    for each in answer.suggestions:
        click.echo(
            f"\n{each.text}\n  {each.source}, {each.url}, {each.licence}, {each.date}; reviewer: {each.reviewer}"
        )
    if answer.next_step:
        step = answer.next_step
        click.echo(f"\nNext step: {step.text}\n  {step.source}, {step.url}; reviewer: {step.reviewer}")
    click.echo(f"\n{answer.warning}")
