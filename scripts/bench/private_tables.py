"""A table's network on encrypted rows: what the polynomials and CKKS cost in accuracy, time and bytes.

The networks are the project's own: 64 and 32 units, federated averaging, on the published division of
Fed-Heart-Disease, and on four fifths of two diabetes tables, divided among three artificial hospitals. What was chosen
about the polynomials was chosen on training rows; the figures are of test rows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from fl.crypto.ckks import AskerKey, HiddenRow, answer_row
from fl.protocol.names import DIGEST_BYTES, Digest
from fl.training.evaluation.metrics import auroc
from fl.training.model.device import use_threads
from fl.training.tables.design import Design
from fl.training.tables.federation import FedAvg, fedavg, shared_statistics
from fl.training.tables.mlp import TableSpec
from fl.training.tables.network import Network, NetworkRecipe
from fl.training.tables.polynomial import PolynomialNetwork
from fl.training.tables.rows import Table, folds, joined, read_table
from fl.training.tables.schema import load_schema
from fl.training.tables.study import Plan, divide
from scripts.bench._table import keep, median, show
from scripts.bench.tables import ARTIFICIAL, DIABETES, read_split

FOLDS = 5
Reals = npt.NDArray[np.float64]
Figures = dict[str, float]


@dataclass(frozen=True)
class Case:
    """A network, and the rows that it did not learn from."""

    name: str
    design: Design
    network: Network
    trained: Table
    test: Table


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="Folder with heart-disease and diabetes.")
@click.option("--answers", type=click.IntRange(0), default=5, show_default=True, help="Encrypted ones of each table.")
def main(data: Path | None, answers: int) -> None:
    """Measure encrypted rows of three tables."""
    use_threads(1)
    folder = data or Path(os.environ.get("HEMALEDGER_DATA", "../shared/data"))
    figures: dict[str, object] = {}
    for case in _cases(folder):
        weights = PolynomialNetwork.of(case.network, case.design)
        found = {
            f"{part}: {what}": value
            for part, rows in (("training rows", case.trained), ("test", case.test))
            for what, value in _quality(case, weights, rows).items()
        }
        found |= _encrypted(case, weights, answers) if answers else {}
        figures[case.name] = found
        show(f"{case.name}: {case.design.width - 1} inputs, 64 and 32 units", ("", ""), list(found.items()))
    keep("private_tables", figures)


def _cases(folder: Path) -> Iterator[Case]:
    heart = folder / "heart-disease"
    train, test = (read_split(heart, (split,)) for split in ("train", "test"))
    yield _case("heart-disease", train, joined(list(test.values())))
    for name, file in DIABETES.items():
        table = read_table(folder / "diabetes" / file, load_schema(name))
        held = folds(table, FOLDS, 0) == 0
        yield _case(name, divide(table.take(~held), ARTIFICIAL, 1), table.take(held))


def _case(name: str, hospitals: dict[str, Table], test: Table) -> Case:
    tables = list(hospitals.values())
    plan = Plan().for_rows(sum(map(len, tables)))
    design = Design(test.schema, shared_statistics(tables, plan.rows_bits), plan.options)
    spec = TableSpec(design.width - 1)
    vector = fedavg(hospitals, design, FedAvg(NetworkRecipe(spec), rows_bits=plan.rows_bits))
    return Case(name, design, Network.from_vector(vector, spec), joined(tables), test)


def _quality(case: Case, weights: PolynomialNetwork, table: Table) -> Figures:
    rows, truth = case.design.of(table), table.labels == 1
    exact, found = case.network.log_odds(rows), weights.log_odds(rows)
    apart = np.abs(exact - found)
    return {
        "rows": float(len(table)),
        "accuracy, network": float(((exact > 0) == truth).mean()),
        "accuracy, polynomials": float(((found > 0) == truth).mean()),
        "AUROC, network": auroc(exact, truth) or 0.0,
        "AUROC, polynomials": auroc(found, truth) or 0.0,
        "other answer": float(((exact > 0) != (found > 0)).sum()),
        "log-odds apart, mean": float(apart.mean()),
        "log-odds apart, largest": float(apart.max()),
        "risk apart, mean": float(np.abs(_risk(exact) - _risk(found)).mean()),
        "risk apart, largest": float(np.abs(_risk(exact) - _risk(found)).max()),
    }


def _encrypted(case: Case, weights: PolynomialNetwork, answers: int) -> Figures:
    """Ask about some test rows, and compare each answer with that of the polynomials in the clear."""
    rows = case.design.of(case.test)[np.random.default_rng(0).permutation(len(case.test))[:answers]]
    times: list[tuple[float, float, float]] = []
    apart, sizes = 0.0, (0, 0)
    for row in rows:
        began = time.process_time()
        key, question = AskerKey.ask(Digest(bytes(DIGEST_BYTES)), row[1:].tolist())
        asked = time.process_time()
        answer = answer_row(weights, HiddenRow.from_bytes(question))
        answered = time.process_time()
        apart = max(apart, abs(key.read(answer) - float(weights.log_odds(row[None, :])[0])))
        times.append((asked - began, answered - asked, time.process_time() - answered))
        sizes = (len(question), len(answer))
    names = ("s to encrypt", "s for the host", "s to decrypt")
    return {
        **{name: median([each[place] for each in times]) for place, name in enumerate(names)},
        "s for the host, slowest": max(each[1] for each in times),
        "question, MB": sizes[0] / 1e6,
        "answer, MB": sizes[1] / 1e6,
        "CKKS, log-odds apart, largest": apart,
    }


def _risk(log_odds: Reals) -> Reals:
    risk: Reals = 1 / (1 + np.exp(-log_odds))
    return risk


if __name__ == "__main__":
    main()
