"""Prints a benchmark's table and writes its figures to build/bench/NAME.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from fl.training.local.config import LocalConfig
    from fl.training.model.spec import ModelSpec

BUILD = Path("build/bench")


def show(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print one table; floats get four significant digits."""
    table = Table(*header, title=title, box=box.SIMPLE, title_justify="left")
    for row in rows:
        table.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else escape(str(cell)) for cell in row))
    Console(highlight=False).print(table)


def keep(name: str, figures: dict[str, object]) -> None:
    """Write build/bench/NAME.json with a description of the machine."""
    BUILD.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    document = {"figures": figures, "machine": machine}
    (BUILD / f"{name}.json").write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def mean_rows(
    runs: Sequence[Mapping[str, object]], keys: Sequence[str], figures: Sequence[str]
) -> list[tuple[object, ...]]:
    """Return one row for each combination of the keys: the keys, and the mean of each figure over its runs."""
    groups: dict[tuple[object, ...], list[Mapping[str, object]]] = {}
    for run in runs:
        groups.setdefault(tuple(run[key] for key in keys), []).append(run)
    means = {
        key: [sum(float(str(run[name])) for run in of) / len(of) for name in figures] for key, of in groups.items()
    }
    return [(*key, *row) for key, row in means.items()]


def write_runs(
    out: Path, spec: ModelSpec, local: LocalConfig, rounds: int, runs: Sequence[Mapping[str, object]]
) -> None:
    """Write the runs of one setting so far, with the setting and a description of the machine."""
    machine = {"cores": os.cpu_count(), "machine": platform.machine()}
    setting = {"spec": spec.to_dict(), "local": local.to_dict(), "rounds": rounds}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({**setting, **machine, "runs": list(runs)}, indent=1) + "\n", encoding="utf-8")


def median(values: Sequence[float]) -> float:
    """Return the median of one or more values."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
