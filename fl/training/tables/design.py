"""The design matrix: from a patient's values to the numbers that a model takes.

Invariant: it depends on the schema, on statistics that all hospitals share, and on nothing else; its first column is 1,
no value is NaN, and all are within ±16 (newton.REACH).

A number is standardised, a missing one becomes the mean (0). A binary value is its distance to the mean. A category is
one column per word but the first. Options: a column that is 1 where a value is missing; two more columns per number, a
restricted cubic spline with knots at -1.5, -0.5, 0.5 and 1.5 standard deviations. (Knots at quantiles would need each
hospital's order of values.)

Source: F. Harrell, "Regression Modeling Strategies", 2.4.5 (restricted cubic splines) and 3 (missing data).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.training.aggregation.newton import MAX_COLUMNS, REACH
from fl.training.tables.rows import Table
from fl.training.tables.schema import Column, Kind, Schema
from fl.training.tables.statistics import Statistics, measured

Reals = npt.NDArray[np.float64]
KNOTS = (-1.5, -0.5, 0.5, 1.5)
_WHAT = "table design"


@dataclass(frozen=True)
class Options:
    """What the hospitals agree on beside the schema."""

    indicators: bool = True
    """Whether a column says that a value is missing, for columns whose schema allows it."""
    splines: bool = False

    def to_dict(self) -> dict[str, JsonValue]:
        return {"indicators": self.indicators, "splines": self.splines}


USUAL = Options()


@dataclass(frozen=True)
class Design:
    """How rows of a table become rows of a matrix."""

    schema: Schema
    statistics: Statistics
    options: Options = USUAL

    def __post_init__(self) -> None:
        """Raise EncodingError if the parts do not fit, or there are too many columns."""
        count = len(measured(self.schema))
        if len(self.statistics.means) != count or len(self.statistics.spreads) != count:
            raise EncodingError(_WHAT, f"it does not have {count} means and spreads")
        if not all(0.0 < spread < float("inf") for spread in self.statistics.spreads):
            raise EncodingError(_WHAT, "a spread is not above 0")
        if self.width > MAX_COLUMNS:
            raise EncodingError(_WHAT, f"it has {self.width} columns, more than {MAX_COLUMNS}")

    @cached_property
    def owners(self) -> tuple[int, ...]:
        """Return for each column of the matrix the place of its column in the schema; -1 for the intercept."""
        owners = [-1]
        for place, column in enumerate(self.schema.columns):
            owners += [place] * len(self._parts(column))
        return tuple(owners)

    @cached_property
    def names(self) -> tuple[str, ...]:
        return ("intercept", *(name for column in self.schema.columns for name in self._parts(column)))

    @property
    def width(self) -> int:
        return len(self.names)

    def matrix(self, values: Reals) -> Reals:
        """Return float64 [n, width] for values [n, columns] as in `Table.values`."""
        blocks = [np.ones((len(values), 1))]
        at = {place: index for index, (place, _) in enumerate(measured(self.schema))}
        for place, column in enumerate(self.schema.columns):
            known = ~np.isnan(values[:, place])
            if column.kind is Kind.CATEGORY:
                blocks.append(values[:, place, None] == np.arange(1, len(column.categories)))
            else:
                mean, spread = self.statistics.means[at[place]], self.statistics.spreads[at[place]]
                z = np.where(known, (values[:, place] - mean) / spread, 0.0)
                blocks.append(z[:, None])
                if self.options.splines and column.kind is Kind.NUMBER:
                    blocks.append(_spline(z))
            if self._indicated(column):
                blocks.append(~known[:, None])
        matrix: Reals = np.concatenate([block.astype(np.float64) for block in blocks], axis=1)
        return np.clip(matrix, -REACH, REACH)

    def of(self, table: Table) -> Reals:
        """Return the matrix of a table's rows, float64 [n, width]."""
        return self.matrix(table.values)

    def _parts(self, column: Column) -> list[str]:
        """Return the names of a column's columns."""
        if column.kind is Kind.CATEGORY:
            parts = [f"{column.name}={word}" for word in column.categories[1:]]
        else:
            splined = self.options.splines and column.kind is Kind.NUMBER
            parts = [column.name, *([f"{column.name}'", f"{column.name}''"] if splined else [])]
        return [*parts, f"{column.name} missing"] if self._indicated(column) else parts

    def _indicated(self, column: Column) -> bool:
        return self.options.indicators and bool(column.missing)

    def to_dict(self) -> dict[str, JsonValue]:
        return {
            "means": list(self.statistics.means),
            "options": self.options.to_dict(),
            "schema": self.schema.to_dict(),
            "spreads": list(self.statistics.spreads),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> Design:
        """Parse what `to_dict` wrote, or raise EncodingError."""
        fields = Fields(dict(raw), _WHAT)
        fields.only("means", "options", "schema", "spreads")
        options = Fields(fields.mapping("options"), _WHAT)
        options.only("indicators", "splines")
        return cls(
            Schema.from_dict(fields.mapping("schema")),
            Statistics(_reals(raw, "means"), _reals(raw, "spreads")),
            Options(options.truth("indicators"), options.truth("splines")),
        )


def _spline(z: Reals) -> Reals:
    """Return [n, 2], the restricted cubic spline terms of [n], linear beyond the outer knots."""
    first, second, third, last = KNOTS
    held = np.clip(z, -REACH, REACH)
    terms = []
    for knot in (first, second):
        term = _cube(held - knot)
        term -= _cube(held - third) * (last - knot) / (last - third)
        term += _cube(held - last) * (third - knot) / (last - third)
        terms.append(term / (last - first) ** 2)
    return np.stack(terms, axis=1)


def _cube(value: Reals) -> Reals:
    return np.maximum(value, 0.0) ** 3


def _reals(raw: Mapping[str, JsonValue], name: str) -> tuple[float, ...]:
    values = raw.get(name)
    if not isinstance(values, list):
        raise EncodingError(_WHAT, f"{name} is not a list")
    return tuple(Fields({name: value}, _WHAT).number(name) for value in values)
