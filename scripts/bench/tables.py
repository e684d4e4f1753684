"""Measures models of tables: heart disease at four hospitals, and two diabetes tables.

No choice looks at a test row (fl/training/tables/study.py). Fed-Heart-Disease has a published division; the diabetes
tables are measured by ten-fold cross-validation with equal rows kept together, divided among three artificial
hospitals.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from fl.training.model.device import use_threads
from fl.training.tables.rows import Table, joined, read_table
from fl.training.tables.schema import load_schema
from fl.training.tables.study import FEDERATED, POOLED, Answer, Plan, compare, cross_validate
from scripts.bench._table import keep, show

HEART = ("cleveland", "hungarian", "switzerland", "va")
ARTIFICIAL = ("alpha", "beta", "gamma")
DIABETES = {"pima-diabetes": "pima_diabetes.csv", "early-stage-diabetes": "early_stage_diabetes.csv"}
PUBLISHED = {"pooled": 0.795, "FedAvg": 0.748}
"""Fed-Heart-Disease, logistic regression, all test patients (FLamby, NeurIPS 2022)."""
TARGET, MOST_ROUNDS, DIGITS = 0.80, 8, 6
Figures = dict[str, object]


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="Folder with heart-disease and diabetes.")
@click.option("--seeds", type=click.IntRange(1, 20), default=5, show_default=True, help="Networks per training.")
@click.option("--folds", type=click.IntRange(2, 20), default=10, show_default=True, help="Of the diabetes tables.")
def main(data: Path | None, seeds: int, folds: int) -> None:
    """Measure logistic regression and the network on tables, pooled, federated and alone."""
    use_threads(1)
    folder = data or Path(os.environ.get("HEMALEDGER_DATA", "../shared/data"))
    plan = Plan(seeds=tuple(range(seeds)))
    figures: Figures = {"heart-disease": heart(folder / "heart-disease", plan)}
    for name, file in DIABETES.items():
        table = read_table(folder / "diabetes" / file, load_schema(name))
        figures[name] = diabetes(name, table, folds, Plan(seeds=(0,)))
    keep("tables", figures)


def heart(folder: Path, plan: Plan) -> Figures:
    """Compare on the published division of Fed-Heart-Disease, and with the training rows that it drops."""
    train, test = (read_split(folder, (split,)) for split in ("train", "test"))
    more = read_split(folder, ("train", ""))
    published = heart_division("the published training rows", train, test, plan)
    return {"published": published, "more rows": heart_division("and incomplete rows", more, test, plan)}


def heart_division(title: str, train: dict[str, Table], test: dict[str, Table], plan: Plan) -> Figures:
    """Compare all trainings on one division."""
    whole = joined(list(test.values()))
    sites = np.concatenate([[name] * len(table) for name, table in test.items()])
    answers = compare(train, whole, plan)
    by_site = {name(answer): _by_site(answer, whole.labels, sites) for answer in answers}
    rows = [{**_row(answer, whole.labels), "mean of hospitals": _mean(by_site[name(answer)])} for answer in answers]
    patients = sum(map(len, train.values()))
    _show(f"Heart disease, {title}: {patients} for training, {len(whole)} for the test (published: {PUBLISHED})", rows)
    facts = newton_facts(answers)
    _show("Federated Newton steps against pooled training", [facts])
    _show("Accuracy per hospital's test patients", [{"trained": key, **each} for key, each in by_site.items()])
    found = checks(rows, facts)
    _show("Aims", [{"aim": aim, "reached": reached} for aim, reached in found.items()])
    return {"rows": rows, "newton": facts, "per hospital": by_site, "checks": found}


def name(answer: Answer) -> str:
    return f"{answer.model}, {answer.trained}"


def _show(title: str, rows: Sequence[Figures]) -> None:
    show(title, tuple(rows[0]), [tuple(row.values()) for row in rows])


def _mean(by_site: Mapping[str, object]) -> float:
    return float(np.mean([float(str(each)) for each in by_site.values()]))


def checks(rows: Sequence[Figures], facts: Figures) -> Figures:
    """Return for each aim whether it is reached. Each federated model is compared with its own kind alone."""
    found: dict[str, dict[str, tuple[float, ...]]] = {}
    for row in rows:
        figures = tuple(float(str(row[figure])) for figure in ("accuracy", "mean of hospitals", "AUROC", "log loss"))
        found.setdefault(str(row["model"]), {})[str(row["trained"])] = figures
    aims: Figures = {}
    for model, ways in found.items():
        federated = ways[FEDERATED]
        alone = [figures for trained, figures in ways.items() if trained.startswith("only ")]
        aims |= {
            f"{model}: federated accuracy >= {TARGET}": federated[0] >= TARGET,
            f"{model}: more accurate than each hospital alone": federated[0] > max(each[0] for each in alone),
            f"{model}: the same, as mean of hospitals": federated[1] > max(each[1] for each in alone),
            f"{model}: larger AUROC than each hospital alone": federated[2] > max(each[2] for each in alone),
            f"{model}: smaller log loss than each hospital alone": federated[3] < min(each[3] for each in alone),
        }
    return {
        **aims,
        f"logistic: federated equals pooled to {DIGITS} digits": bool(facts["same digits"]),
        f"logistic: at most {MOST_ROUNDS} rounds": int(str(facts["rounds"])) <= MOST_ROUNDS,
    }


def newton_facts(answers: list[Answer]) -> Figures:
    """Compare the coefficients of pooled and federated training."""
    both = {answer.trained: answer for answer in answers if answer.model == "logistic"}
    pooled, federated = both[POOLED].coefficients, both[FEDERATED].coefficients
    printed = [[f"{round(value, DIGITS) + 0.0:.{DIGITS}f}" for value in each.tolist()] for each in (pooled, federated)]
    return {
        "coefficients": len(pooled),
        "rounds": both[FEDERATED].rounds,
        "largest difference": float(np.abs(pooled - federated).max()),
        "same digits": printed[0] == printed[1],
    }


def diabetes(name: str, table: Table, folds: int, plan: Plan) -> Figures:
    """Cross-validate one table."""
    answers = cross_validate(table, ARTIFICIAL, folds, plan)
    _, distinct = np.unique(table.groups, return_index=True)
    rows = []
    for answer in answers:
        different = answer.at(distinct).mean(table.labels[distinct], lambda each: each.accuracy)
        rows.append({**_row(answer, table.labels), "different rows only": different})
    title = f"{name}: {folds}-fold, {len(table)} rows, {len(distinct)} of them different, kept together"
    _show(title, rows)
    return {"rows": rows}


def _row(answer: Answer, labels: npt.NDArray[np.int64]) -> Figures:
    accuracies = [each.accuracy for each in answer.metrics(labels)]
    return {
        "model": answer.model,
        "trained": answer.trained,
        "rounds": answer.rounds,
        "accuracy": float(np.mean(accuracies)),
        "spread": float(np.std(accuracies)),
        "sensitivity": answer.mean(labels, lambda each: each.recall),
        "specificity": answer.mean(labels, lambda each: each.specificity),
        "AUROC": answer.mean(labels, lambda each: each.auroc),
        "log loss": answer.log_loss(labels),
    }


def _by_site(answer: Answer, labels: npt.NDArray[np.int64], sites: npt.NDArray[np.str_]) -> Figures:
    chosen = {site: sites == site for site in HEART}
    return {site: answer.at(rows).mean(labels[rows], lambda each: each.accuracy) for site, rows in chosen.items()}


def read_split(folder: Path, splits: tuple[str, ...]) -> dict[str, Table]:
    """Return the rows of each hospital whose `split` in splits.csv is one of these."""
    schema = load_schema("heart-disease")
    with (folder / "splits.csv").open(encoding="utf-8", newline="") as file:
        listed = [row for row in csv.DictReader(file) if row["split"] in splits]
    tables = {name: read_table(folder / f"processed.{name}.data", schema) for name in HEART}
    rows = {name: [int(row["row"]) for row in listed if row["hospital"] == name] for name in HEART}
    return {name: table.take(np.array(rows[name], np.int64)) for name, table in tables.items()}


if __name__ == "__main__":
    main()
