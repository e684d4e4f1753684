"""What a person sees: a risk with its interval, what drove it, suggestions, one next step, and a warning.

Invariant: the parts of all inputs add up to the log-odds of this risk minus those of the mean person. The interval and
the method of the parts are named. No text is made up here except the sentences with the numbers.

The interval is that of the delta method on the log-odds: x·θ ± 1.96 √(xᵀ Σ x), with Σ the inverse of the penalised
curvature at the optimum. It says how far the choice of patients could move the calculation, and nothing about how this
person differs from others with the same values. A network has no such interval.

Source: D. Hosmer, S. Lemeshow, "Applied Logistic Regression", 2.4 (interval of the logit); G. Gigerenzer et al.,
"Helping Doctors and Patients Make Sense of Health Statistics", 2007 (natural frequencies).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable
from fl.training.tables.design import Design
from fl.training.tables.explain import LINEAR, explain_network, linear_shapley
from fl.training.tables.logistic import Logistic, probability
from fl.training.tables.mlp import TableNetwork
from fl.training.tables.schema import Schema
from fl.training.tables.suggestions import Suggestion, Suggestions

Reals = npt.NDArray[np.float64]
LEVEL, DEVIATES = 0.95, 1.959963984540054
"""The level of an interval, and how many standard errors it reaches to both sides."""
MOST_SUGGESTIONS = 3


@dataclass(frozen=True)
class Factor:
    """What one input adds to the log-odds, compared with the mean person."""

    column: str
    text: str
    log_odds: float
    missing: bool
    """Whether the person's value is not known."""


@dataclass(frozen=True)
class Risk:
    """The answer for one person.

    Attributes:
        probability: In 0..1.
        low, high: The interval of `LEVEL`; None if the model has none.
        factors: One per input, the largest effect first.
        method: How the factors were computed.
        people: "About N of 100 people like you ...", and among whom.
        suggestions: Reviewed texts for the inputs that raise the risk.
        next_step: One; None if the table of suggestions has none for this schema.
        warning: That only a test decides.
    """

    probability: float
    low: float | None
    high: float | None
    factors: tuple[Factor, ...]
    method: str
    people: str
    suggestions: tuple[Suggestion, ...]
    next_step: Suggestion | None
    warning: str


def logistic_risk(model: Logistic, design: Design, values: Reals, texts: Suggestions) -> Risk:
    """Return the risk of one person by a logistic regression.

    Args:
        model: It has the design's width.
        design: How values become a row.
        values: float64 [columns], as a row of `Table.values`; NaN = missing.
        texts: The hospital's suggestions.

    Raises:
        DatasetUnusable: the values do not fit the schema.
    """
    row = _row(design, values)
    odds, error = model.log_odds(row[None, :]), float(model.spread(row[None, :])[0])
    ends = probability(odds[0] + np.array([-DEVIATES, DEVIATES]) * error)
    parts = linear_shapley(model, row, design.owners)
    interval = float(ends[0]), float(ends[1])
    return _risk(design, values, (float(probability(odds)[0]), interval), (parts, LINEAR), texts)


def network_risk(network: TableNetwork, background: Reals, design: Design, values: Reals, texts: Suggestions) -> Risk:
    """Return the risk of one person by a network; `background` is the mean row of all patients, [width]."""
    row = _row(design, values)
    chance = float(probability(network.log_odds(row[None, :]))[0])
    return _risk(design, values, (chance, None), explain_network(network, row, background, design.owners), texts)


def _row(design: Design, values: Reals) -> Reals:
    columns = design.schema.columns
    if values.shape != (len(columns),):
        raise DatasetUnusable("this person's values", f"there are {values.size}, not {len(columns)}")
    for value, column in zip(values.tolist(), columns, strict=True):
        top = float(len(column.categories) - 1) if column.categories else column.high
        bottom = 0.0 if column.categories else column.low
        if not (np.isnan(value) or bottom <= value <= top):
            raise DatasetUnusable("this person's values", f"{column.name} is not in {bottom:g} to {top:g}")
    row: Reals = design.matrix(values[None, :])[0]
    return row


def _risk(
    design: Design,
    values: Reals,
    found: tuple[float, tuple[float, float] | None],
    explained: tuple[Reals, str],
    texts: Suggestions,
) -> Risk:
    chance, interval = found
    low, high = interval or (None, None)
    schema = design.schema
    parts, method = explained
    factors = [
        Factor(column.name, column.text, float(part), bool(np.isnan(value)))
        for column, part, value in zip(schema.columns, parts, values, strict=True)
    ]
    factors.sort(key=lambda factor: -abs(factor.log_odds))
    raising = [factor.column for factor in factors if factor.log_odds > 0 and not factor.missing]
    return Risk(
        chance,
        low,
        high,
        tuple(factors),
        method,
        _people(schema, chance, interval),
        texts.for_columns(schema.name, raising, MOST_SUGGESTIONS),
        texts.next_step(schema.name),
        texts.warning,
    )


def _people(schema: Schema, chance: float, interval: tuple[float, float] | None) -> str:
    between = ""
    if interval:
        least, most = (round(100 * end) for end in interval)
        between = f" (by this calculation, between {least} and {most})"
    return (
        f"About {round(100 * chance)} of 100 people like you had {schema.reported}{between}, among {schema.population}."
    )
