"""Curves over rounds, as the numbers of a picture in SVG; the page also has every number in a table.

Invariant: a plot only places numbers; it drops and smooths none.

Source: W. S. Cleveland, The Elements of Graphing Data (few ticks, no frame); WCAG 2.2, 1.1.1 and 1.4.11.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask_babel import gettext as _

from webui.ports.hospital import RoundFigures
from webui.presentation.numbers_and_dates import short
from webui.presentation.wording import SHARES, metric_name, metric_value

WIDTH, HEIGHT = 360, 240
"""About as many units as the picture has pixels on a phone, so that its text is as large as the page's."""
LEFT, RIGHT, TOP, BOTTOM = 62, 14, 14, 36
MOST_LABELS = 7
"""Numbers of rounds under a plot."""
TICKS = 4
TRAINED = ("accuracy", "loss", "samples")
"""The sums of a training that mean something to people, in this order of names."""


@dataclass(frozen=True)
class Dot:
    """One number of a curve."""

    x: float
    y: float
    round: int
    text: str


@dataclass(frozen=True)
class Plot:
    """One curve."""

    name: str
    dots: tuple[Dot, ...]
    line: str
    """The attribute `points` of a polyline."""
    ticks: tuple[tuple[float, str], ...]
    """(height, text) of the lines behind the curve."""
    rounds: tuple[tuple[float, int], ...]
    """(place, round) under the curve."""


def plots_of(figures: Sequence[RoundFigures], part: str) -> list[Plot]:
    """Return a plot for each number that `part` (`metrics` or `training`) has, in the order of the first round."""
    series: dict[str, list[tuple[int, float]]] = {}
    for each in figures:
        numbers: Mapping[str, float] = each.metrics if part == "metrics" else each.training
        for name, value in numbers.items():
            if math.isfinite(value) and (part == "metrics" or name in TRAINED):
                series.setdefault(name, []).append((each.number, value))
    names = {"samples": _("Training images")} if part != "metrics" else {}
    return [plot(name, points, names.get(name, metric_name(name))) for name, points in series.items()]


def plot(name: str, points: Sequence[tuple[int, float]], title: str) -> Plot:
    """Return the curve of (round, value), which has at least one point."""
    low, high, step = _range(name, [value for _, value in points])
    first, last = points[0][0], max(points[-1][0], points[0][0] + 1)

    def across(number: int) -> float:
        return round(LEFT + (number - first) / (last - first) * (WIDTH - LEFT - RIGHT), 1)

    def up(value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    dots = tuple(Dot(across(number), up(value), number, metric_value(name, value)) for number, value in points)
    every = max(1, math.ceil(len(points) / MOST_LABELS))
    heights = [low + step * place for place in range(round((high - low) / step) + 1)]
    return Plot(
        name=title,
        dots=dots,
        line=" ".join(f"{dot.x},{dot.y}" for dot in dots),
        ticks=tuple((up(value), _tick(name, value)) for value in heights),
        rounds=tuple((dot.x, dot.round) for dot in dots[::every]),
    )


def _range(name: str, values: Sequence[float]) -> tuple[float, float, float]:
    """Return lower end, upper end and the distance of two ticks; a share never leaves 0 to 1."""
    low, high = min(values), max(values)
    spread = (high - low) or abs(high) * 0.1 or 1.0
    rough = spread / TICKS
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(size * unit for size in (1, 2, 5, 10) if size * unit >= rough)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    if low == high:
        low, high = low - step, high + step
    if name in SHARES:
        low, high = max(low, 0.0), min(high, 1.0)
        low = low if low < high else high - step
    return low, high, step


def _tick(name: str, value: float) -> str:
    return short(value, 4) if name not in SHARES else f"{short(100 * value, 4)} %"
