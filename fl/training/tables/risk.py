"""What a person sees: a risk with its interval, what drove it, suggestions, one next step, and a warning.

Invariant: the parts of all inputs add up to the log-odds of this risk minus those of the mean person. The interval and
the method of the parts are named. No text is made up here except the sentences with the numbers.

The interval is that of the delta method on the log-odds: x·θ ± 1.96 √(xᵀ Σ x), with Σ the inverse of the penalised
curvature at the optimum. It says how far the choice of patients could move the calculation, and nothing about how this
person differs from others with the same values. For a network, x are the units before its last layer, and the layers
before count as known; so its interval is rather too narrow, and the answer says so.

Source: D. Hosmer, S. Lemeshow, "Applied Logistic Regression", 2.4 (interval of the logit); G. Gigerenzer et al.,
"Helping Doctors and Patients Make Sense of Health Statistics", 2007 (natural frequencies).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable
from fl.training.tables.answer import Factor, Risk
from fl.training.tables.design import Design
from fl.training.tables.explain import LINEAR, explain_network, linear_shapley
from fl.training.tables.logistic import Logistic, probability
from fl.training.tables.network import Network
from fl.training.tables.schema import Schema
from fl.training.tables.suggestions import Suggestions

Reals = npt.NDArray[np.float64]
LEVEL, DEVIATES = 0.95, 1.959963984540054
"""The level of an interval, and how many standard errors it reaches to both sides."""
MOST_SUGGESTIONS = 3
DELTA = "95 % interval of the calculation"
LAST_LAYER = "95 % interval of its last layer alone (the whole calculation is less certain)"


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
    parts = linear_shapley(model, row, design.owners)
    return _risk(design, values, (*_chances(model, row), DELTA), (parts, LINEAR), texts)


def network_risk(model: Network, design: Design, values: Reals, texts: Suggestions) -> Risk:
    """Return the risk of one person by a network; arguments and errors as for `logistic_risk`."""
    row = _row(design, values)
    explained = explain_network(model.judge, row, model.background, design.owners)
    return _risk(design, values, (*_chances(model, row), LAST_LAYER), explained, texts)


def chances(model: Logistic | Network, design: Design, values: Reals) -> Reals:
    """Return float64 [n, 3]: the probability and the ends of its interval, for values [n, columns] as in a table.

    Raises:
        DatasetUnusable: the values do not fit the schema.
    """
    rows = [_row(design, each) for each in values]
    found = [_chances(model, row) for row in rows]
    return np.array(found, np.float64).reshape(len(rows), 3)


def _chances(model: Logistic | Network, row: Reals) -> tuple[float, float, float]:
    """Return the probability for a row [width], and the ends of its interval."""
    odds, error = model.log_odds(row[None, :])[0], model.spread(row[None, :])[0]
    chance, low, high = probability(odds + np.array([0.0, -DEVIATES, DEVIATES]) * error).tolist()
    return chance, low, high


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
    found: tuple[float, float, float, str],
    explained: tuple[Reals, str],
    texts: Suggestions,
) -> Risk:
    chance, low, high, doubt = found
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
        doubt,
        tuple(factors),
        method,
        _people(schema, chance, (low, high)),
        texts.for_columns(schema.name, raising, MOST_SUGGESTIONS),
        texts.next_step(schema.name),
        texts.warning,
    )


def _people(schema: Schema, chance: float, interval: tuple[float, float]) -> str:
    least, most = (round(100 * end) for end in interval)
    between = f" (by this calculation, between {least} and {most})"
    return (
        f"About {round(100 * chance)} of 100 people like you had {schema.reported}{between}, among {schema.population}."
    )
