"""Pooled, local-only and federated training of a table side by side, in one process.

Invariant: no choice looks at a test row. The ridge is chosen by cross-validation of the log loss within the training
rows; everything else is fixed beforehand. A model of one hospital alone uses that hospital's statistics, and a
ridge chosen within its own rows.

Source: M. Stone, "Cross-Validatory Choice and Assessment of Statistical Predictions", 1974.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fl.training.evaluation.metrics import Metrics, measure
from fl.training.tables.design import USUAL, Design, Options
from fl.training.tables.federation import FedAvg, fedavg, newton_fit, shared_statistics
from fl.training.tables.logistic import Logistic, probability, settings_for
from fl.training.tables.mlp import TableSpec
from fl.training.tables.network import Network, NetworkRecipe
from fl.training.tables.rows import Table, folds, joined

Reals = npt.NDArray[np.float64]
RIDGES = (0.3, 1.0, 3.0, 10.0)
INNER_FOLDS = 5
DISEASE = (False, True)
POOLED, FEDERATED = "pooled", "federated"


@dataclass(frozen=True)
class Plan:
    """What is compared.

    Attributes:
        options: Of the design matrix.
        ridge: Of the logistic regression; None = chosen within the training rows.
        seeds: Of the network; its figures are means over them. Empty = no network.
        rows_bits: A hospital has at most 2^rows_bits patients.
    """

    options: Options = USUAL
    ridge: float | None = None
    seeds: tuple[int, ...] = (0,)
    rows_bits: int = 12

    def for_rows(self, count: int) -> Plan:
        """Return the plan with room for `count` rows at one hospital."""
        return replace(self, rows_bits=max(self.rows_bits, (count - 1).bit_length()))


@dataclass(frozen=True, eq=False)
class Answer:
    """One training's probabilities on the test rows.

    Attributes:
        model: `logistic` or `network`.
        trained: `pooled`, `federated`, or `only ` and a hospital's name.
        probabilities: float64 [seeds, n].
        rounds: Rounds of communication; 0 without.
        coefficients: Of a logistic regression, float64 [width]; else empty.
    """

    model: str
    trained: str
    probabilities: Reals
    rounds: int
    coefficients: Reals

    def metrics(self, labels: npt.NDArray[np.int64]) -> list[Metrics]:
        """Return the quality for each seed."""
        return [measure(np.stack([1.0 - row, row], axis=1), labels, DISEASE) for row in self.probabilities]

    def log_loss(self, labels: npt.NDArray[np.int64]) -> float:
        """Return the mean of -ln of the probability of what is true, over rows and seeds."""
        true = np.where(labels == 1, self.probabilities, 1.0 - self.probabilities)
        return float(-np.log(np.maximum(true, 1e-15)).mean())

    def at(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.int64]) -> Answer:
        """Return the answers on some of the test rows."""
        return replace(self, probabilities=self.probabilities[:, rows])

    def mean(self, labels: npt.NDArray[np.int64], figure: Callable[[Metrics], float | None]) -> float:
        """Return the mean of a figure over the seeds; NaN if it is unknown."""
        values = [figure(each) for each in self.metrics(labels)]
        return sum(np.nan if value is None else value for value in values) / len(values)


def choose_ridge(tables: Sequence[Table], plan: Plan) -> float:
    """Return the ridge of RIDGES with the smallest log loss in a cross-validation within these rows.

    The folds are drawn over all rows, whoever has them, so that pooled and federated training choose alike. (Hospitals
    do so without showing rows: a row's fold is a digest of its group.)
    """
    if plan.ridge is not None:
        return plan.ridge
    parts = [_inner_folds(table) for table in tables]
    losses = [0.0] * len(RIDGES)
    for fold in range(INNER_FOLDS):
        train = [table.take(part != fold) for table, part in zip(tables, parts, strict=True)]
        train = [table for table in train if len(table)]
        test = joined([table.take(part == fold) for table, part in zip(tables, parts, strict=True)])
        design = Design(test.schema, shared_statistics(train, plan.rows_bits), plan.options)
        rows = design.of(test)  # may be empty: a loss of 0
        for place, ridge in enumerate(RIDGES):
            odds = _newton(train, design, ridge, plan)[0].log_odds(rows)
            losses[place] += float(np.logaddexp(0.0, np.where(test.labels == 1, -odds, odds)).sum())
    return RIDGES[losses.index(min(losses))]


def _inner_folds(table: Table) -> npt.NDArray[np.int64]:
    """Return int64 [n], the fold of each row, from the digest that is its group."""
    return np.array([int(group, 16) % INNER_FOLDS for group in table.groups], np.int64)


def _newton(tables: Sequence[Table], design: Design, ridge: float, plan: Plan) -> tuple[Logistic, int]:
    states = newton_fit(tables, design, settings_for(design, ridge, plan.rows_bits))
    return Logistic.of(states[-1]), len(states)


def compare(hospitals: dict[str, Table], test: Table, plan: Plan) -> list[Answer]:
    """Train in every way and return the answers on the rows of `test`."""
    everybody = list(hospitals.values())
    plan = plan.for_rows(sum(map(len, everybody)))
    ways = {POOLED: [joined(everybody)], FEDERATED: everybody}
    ways |= {f"only {name}": [table] for name, table in hospitals.items()}
    answers = []
    for trained, tables in ways.items():
        design = Design(test.schema, shared_statistics(tables, plan.rows_bits), plan.options)
        rows = design.of(test)
        logistic, rounds = _newton(tables, design, choose_ridge(tables, plan), plan)
        odds = logistic.log_odds(rows)
        shown = rounds if trained == FEDERATED else 0
        answers.append(Answer("logistic", trained, probability(odds)[None, :], shown, logistic.coefficients))
        if plan.seeds:
            answers.append(_network(trained, tables, design, rows, plan))
    return answers


def _network(trained: str, tables: Sequence[Table], design: Design, rows: Reals, how: Plan) -> Answer:
    probabilities = []
    rounds = 0
    for seed in how.seeds:
        spec = TableSpec(design.width - 1)
        plan = FedAvg(NetworkRecipe(spec, seed=seed), rows_bits=how.rows_bits)
        vector = fedavg({f"hospital-{place}": table for place, table in enumerate(tables)}, design, plan)
        rounds = plan.rounds + 2 if trained == FEDERATED else 0
        probabilities.append(probability(Network.from_vector(vector, spec).log_odds(rows)))
    return Answer("network", trained, np.stack(probabilities), rounds, np.zeros(0))


def divide(table: Table, names: Sequence[str], seed: int) -> dict[str, Table]:
    """Return the rows of one table as artificial hospitals of similar shares of disease; equal rows stay together."""
    part = folds(table, len(names), seed)
    return {name: table.take(part == place) for place, name in enumerate(names)}


def cross_validate(table: Table, names: Sequence[str], count: int, plan: Plan) -> list[Answer]:
    """Return answers on all rows of `table`, each by models that saw no row of its fold.

    The rows outside of a fold are divided among artificial hospitals. `coefficients` are the last fold's, and `rounds`
    the largest number of any fold.
    """
    fold_of = folds(table, count, 0)
    merged: dict[tuple[str, str], Answer] = {}
    for fold in range(count):
        held = fold_of == fold
        for answer in compare(divide(table.take(~held), names, fold + 1), table.take(held), plan):
            key = answer.model, answer.trained
            old = merged.get(key)
            whole = old.probabilities if old else np.zeros((len(answer.probabilities), len(table)))
            whole[:, held] = answer.probabilities
            rounds = max(answer.rounds, old.rounds if old else 0)
            merged[key] = Answer(*key, whole, rounds, answer.coefficients)
    return list(merged.values())
