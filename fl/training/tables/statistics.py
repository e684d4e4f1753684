"""Mean and spread of every number over all hospitals, from masked sums.

Invariant: every hospital computes the same statistics from the same totals. One hospital's values are summed on the
scale of the schema's range, 0..1, so that no lane overflows and squares do not cancel.

A value v of a column becomes u = (v - low) / (high - low). The lanes are the numbers of known values, Σ u and Σ u², in
steps of 2^-(42 - rows_bits); with at most 4096 patients per hospital that is 2^-30, so a mean is wrong by at most
2^-31 of the range divided by the hospital's mean number of patients.

Source: the usual formulas; E. Jordan et al. and others call it federated standardisation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.training.aggregation.lanes import SUBTRACT, Entries, Lane, LanePlan
from fl.training.aggregation.newton import ENTRY_BITS, MAX_ROWS_BITS
from fl.training.tables.rows import Table
from fl.training.tables.schema import Column, Kind, Schema

Reals = npt.NDArray[np.float64]
STATISTICS = "table-statistics"
"""The purpose of the lanes."""
LEAST_SPREAD = 1e-6
"""Of a column's range: a smaller standard deviation counts as none, and the column is only centred."""


@dataclass(frozen=True)
class Statistics:
    """Of each measured column (number or binary), in the schema's order.

    Attributes:
        means: In the column's unit; the middle of the range if nobody knows a value.
        spreads: Standard deviations in the column's unit; 1 for binary columns, and the range where all are equal.
    """

    means: tuple[float, ...]
    spreads: tuple[float, ...]


def measured(schema: Schema) -> list[tuple[int, Column]]:
    """Return place and column of all numbers and binary columns."""
    return [(place, column) for place, column in enumerate(schema.columns) if column.kind is not Kind.CATEGORY]


def plan_of(schema: Schema, rows_bits: int) -> LanePlan:
    """Return the lanes; a hospital has at most 2^rows_bits patients."""
    count = len(measured(schema))
    if not count:
        raise EncodingError("table schema", "it has no number and no binary column")
    top = 1 << ENTRY_BITS
    return LanePlan(
        STATISTICS,
        (
            Lane("known", count, 0, 1 << rows_bits, "For how many patients of all hospitals each value is known."),
            Lane("sum", count, 0, top, f"The mean of each value over all patients. {SUBTRACT}"),
            Lane("squares", count, 0, top, f"The variance of each value over all patients. {SUBTRACT}"),
        ),
    )


def rows_bits_of(settings: Mapping[str, JsonValue]) -> int:
    """Return the bound on the rows in the settings of a round of statistics, or raise EncodingError."""
    bits = Fields(dict(settings), "settings of the statistics").integer("rows_bits")
    if not 0 <= bits <= MAX_ROWS_BITS:
        raise EncodingError("settings of the statistics", "rows_bits is out of its range")
    return bits


def entries(table: Table, rows_bits: int) -> dict[str, Entries]:
    """Return what one hospital puts into the lanes.

    Raises:
        EncodingError: it has more than 2^rows_bits patients, or a value out of its range.
    """
    if len(table) > 1 << rows_bits:
        raise EncodingError("table", f"it has {len(table)} rows; this round allows {1 << rows_bits}")
    columns = measured(table.schema)
    low, width = _ranges(table.schema)
    share = (table.values[:, [place for place, _ in columns]] - low) / width
    known = ~np.isnan(share)
    share = np.where(known, share, 0.0)
    if bool(((share < 0.0) | (share > 1.0)).any()):
        raise EncodingError("table", "a value is out of its column's range")
    scale = float(1 << (ENTRY_BITS - rows_bits))
    return {
        "known": known.sum(axis=0).astype(np.int64),
        "sum": np.rint(share.sum(axis=0) * scale).astype(np.int64),
        "squares": np.rint((share * share).sum(axis=0) * scale).astype(np.int64),
    }


def statistics_of(schema: Schema, totals: Mapping[str, Entries], rows_bits: int) -> Statistics:
    """Return mean and standard deviation (n in the denominator) of each measured column."""
    low, width = _ranges(schema)
    scale = float(1 << (ENTRY_BITS - rows_bits))
    known = totals["known"].astype(np.float64)
    count = np.maximum(known, 1.0)
    mean = np.where(known > 0, totals["sum"] / scale / count, 0.5)
    variance = totals["squares"] / scale / count - mean * mean
    spread = np.sqrt(np.maximum(variance, 0.0))
    flat = (known == 0) | (spread < LEAST_SPREAD)
    binary = np.array([column.kind is Kind.BINARY for _, column in measured(schema)])
    spreads = np.where(binary | flat, width, spread * width)
    return Statistics(tuple((low + mean * width).tolist()), tuple(spreads.tolist()))


def _ranges(schema: Schema) -> tuple[Reals, Reals]:
    low = np.array([column.low for _, column in measured(schema)])
    return low, np.array([column.high for _, column in measured(schema)]) - low
