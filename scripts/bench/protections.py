"""Compares the cost and the accuracy of our protections with those of published designs.

Three parts: `cost` (seconds and bytes by size), `targets` (what the product must show) and `accuracy` (the same
federated run under each protection). What a machine lacks is skipped with a line; bad figures are printed like good
ones. `pip install -r requirements-bench.txt` brings the libraries that only this comparison needs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import click

from fl.training.model.device import use_threads
from scripts.bench._data import images_at_hand
from scripts.bench._table import BUILD, keep, show
from scripts.bench.schemes.accuracy import Outcome, all_outcomes, prepare
from scripts.bench.schemes.base import Case, Scheme, missing
from scripts.bench.schemes.ckks import LEAN, Ckks
from scripts.bench.schemes.elgamal import ElGamal
from scripts.bench.schemes.flower import Flower
from scripts.bench.schemes.ours import Masked, Plain, Sealed
from scripts.bench.schemes.page import write_page
from scripts.bench.schemes.paillier import Paillier
from scripts.bench.schemes.report import HOSPITAL_PARTS, SERVER_PARTS, SHOWN_HOSPITALS, Row, write_csv, write_plot
from scripts.bench.schemes.targets import LARGE, Target, all_targets

DOCS = Path("docs")
HOSPITALS, PARAMETERS = (3, 10, 50), (100_000, 1_000_000, LARGE)
PARTS = ("targets", "cost", "accuracy")
TOTALS = ["hospital s", "server s", "replay s", "upload bytes", "measured"]
CLOSE = 0.005
"""The allowed difference in AUROC to plain averaging."""


@click.command()
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Run only this part. Default: all.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Default: C-NMC if there, else drawn cells.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="Rounds of the accuracy part.")
@click.option("--quick", is_flag=True, help="Use small sizes only, to test the benchmark.")
@click.option(
    "--write", is_flag=True, help="Also update docs/protections.md, .csv and .svg. Only after a complete run."
)
def main(parts: tuple[str, ...], data: Path | None, rounds: int, *, quick: bool, write: bool) -> None:
    """Compare protections of federated rounds."""
    if write and (parts or quick):
        raise click.UsageError("what --write renews is of one whole run: leave out --part and --quick")
    use_threads(1)
    chosen, source = parts or PARTS, data or images_at_hand()
    figures: dict[str, object] = {} if chosen == PARTS else _known()
    rows: list[Row] = []
    for part in chosen:
        match part:
            case "targets":
                figures[part] = _targets(PARAMETERS[0] if quick else LARGE, source)
            case "cost":
                rows = _costs(PARAMETERS[:1] if quick else PARAMETERS)
                figures[part] = [row.cells() for row in rows]
            case _:
                figures[part] = _accuracy(source, rounds)
        keep("protections", figures)
    if write:
        write_csv(rows, DOCS / "protections.csv")
        write_plot(rows, DOCS / "protections.svg", click.echo)
        write_page(figures, DOCS / "protections.md")


def _targets(parameters: int, data: Path | None) -> list[dict[str, object]]:
    measured = []
    for target in all_targets(parameters, data, click.echo):
        measured.append(target)
        click.echo(f"  {target.name}: {target.figure:.4g} {target.unit}, {target.verdict} ({target.note})")
    _show_targets(f"Targets at {parameters:,} parameters", measured)
    return [_plain(target) for target in measured]


def _show_targets(title: str, targets: list[Target]) -> None:
    rows = [
        (each.name, each.figure, f"{'>=' if each.at_least else '<='} {each.bound:g} {each.unit}", each.verdict)
        for each in targets
    ]
    show(title, ("Target", "figure", "goal", "verdict"), rows)


def _plain(target: Target) -> dict[str, object]:
    return {
        "name": target.name,
        "figure": target.figure,
        "bound": target.bound,
        "at_least": target.at_least,
        "unit": target.unit,
        "verdict": target.verdict,
        "note": target.note,
    }


def _schemes() -> list[Scheme]:
    """Return each protection whose libraries are installed."""
    every: list[Scheme] = [Plain(), Sealed(), Masked(), Flower(), Ckks(), Ckks("CKKS lean", LEAN), Paillier()]
    every.append(ElGamal())
    try:
        from scripts.bench.schemes.dpsgd import DpSgd

        every.append(DpSgd())
    except ImportError as error:
        click.echo(f"skipped: DP-SGD, {error}")
    for scheme in every:
        if lacking := missing(scheme):
            click.echo(f"skipped: {scheme.name}, {', '.join(lacking)} not installed")
    return [scheme for scheme in every if not missing(scheme)]


def _costs(sizes: tuple[int, ...]) -> list[Row]:
    rows = []
    for scheme in _schemes():
        for parameters in sizes:
            for hospitals in HOSPITALS:
                case = Case(parameters, hospitals)
                rows.append(Row(scheme.name, case, scheme.cost(case)))
        click.echo(f"  measured: {scheme.name}")
    _show_costs(rows)
    return rows


def _show_costs(rows: list[Row]) -> None:
    """Print the totals for all sizes, and the parts for ten hospitals."""
    tables = {f"Totals per round, {count} hospitals": (count, TOTALS) for count in HOSPITALS}
    tables |= {
        f"One hospital of {SHOWN_HOSPITALS}, s": (SHOWN_HOSPITALS, [f"hospital {part}" for part in HOSPITAL_PARTS]),
        f"Server, {SHOWN_HOSPITALS} hospitals, s": (SHOWN_HOSPITALS, [f"server {part}" for part in SERVER_PARTS]),
    }
    for title, (count, columns) in tables.items():
        mine = [row.cells() for row in rows if row.case.hospitals == count]
        header = ["protection", "parameters", *columns]
        show(title, header, [[row["protection"], row["parameters"], *(row[each] for each in columns)] for row in mine])


def _accuracy(data: Path | None, rounds: int) -> dict[str, object]:
    run = prepare(data, rounds)
    outcomes = {}
    for outcome in all_outcomes(run, click.echo):
        outcomes[outcome.name] = outcome
        click.echo(f"  {outcome.name}: AUROC {outcome.metrics.auroc or 0:.4f}")
    title = f"{run.source}, {len(run.hospitals)} hospitals, {rounds} rounds, {outcome.vector.size:,} parameters"
    header = ("Protection", "AUROC", "accuracy", "balanced accuracy", "s", "epsilon at delta 1e-5")
    show(title, header, [_outcome_row(outcome) for outcome in outcomes.values()])
    targets = _accuracy_targets(outcomes)
    _show_targets("Accuracy", targets)
    return {
        "run": title,
        "outcomes": {each.name: _facts(each) for each in outcomes.values()},
        "targets": [_plain(target) for target in targets],
    }


def _accuracy_targets(outcomes: dict[str, Outcome]) -> list[Target]:
    plain, sealed, masked = (outcomes[name] for name in ("none", "sealed", "masked"))
    differ = float((sealed.vector != masked.vector).sum())
    away = abs((masked.metrics.auroc or 0.0) - (plain.metrics.auroc or 0.0))
    return [
        Target("weights in which masked and sealed differ", differ, 0, ""),
        Target("AUROC of masked away from plain averaging", away, CLOSE, ""),
    ]


def _outcome_row(outcome: Outcome) -> tuple[object, ...]:
    metrics = outcome.metrics
    quality = (f"{metrics.auroc or 0:.6f}", f"{metrics.accuracy:.6f}", f"{metrics.balanced_accuracy:.6f}")
    return (outcome.name, *quality, outcome.seconds, "-" if outcome.epsilon is None else outcome.epsilon)


def _facts(outcome: Outcome) -> dict[str, object]:
    epsilon = outcome.epsilon if outcome.epsilon is not None and math.isfinite(outcome.epsilon) else None
    return {"seconds": outcome.seconds, "epsilon": epsilon, **outcome.metrics.to_dict()}


def _known() -> dict[str, object]:
    """Return the figures of earlier runs, to which a single part is added."""
    path = BUILD / "protections.json"
    loads: Callable[[str], dict[str, dict[str, object]]] = json.loads
    return loads(path.read_text(encoding="utf-8"))["figures"] if path.exists() else {}


if __name__ == "__main__":
    main()
