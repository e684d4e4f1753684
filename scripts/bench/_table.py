"""Prints a benchmark's table and writes its figures to build/bench/NAME.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

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


def median(values: Sequence[float]) -> float:
    """Return the median of one or more values."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
