"""`make fuzz`: give damaged and random bytes to every door, by default for a minute each.

Exit code 1: an error was not caught, or a process used too much memory. The input is then in build/fuzz/DOOR/findings.
`--input FILE` repeats it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

DOORS = ("rpc_server", "rpc_client", "pictures", "archives", "journals", "uploads")
BUILD = Path("build/fuzz")
MEMORY_MB = 400
PREPARATION_S = 300


@dataclass
class Run:
    """One door's run."""

    name: str
    process: subprocess.Popen[str]

    def result(self, seconds: int) -> dict[str, object]:
        """Wait for the child, and return its last line."""
        try:
            output, trace = self.process.communicate(timeout=seconds + PREPARATION_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            return {"inputs": 0, "peak_mb": 0, "finding": "it did not end in time"}
        results = [line for line in output.splitlines() if line.startswith("{")]
        if results:
            result: dict[str, object] = json.loads(results[-1])
            return result
        return {"inputs": 0, "peak_mb": 0, "finding": f"it ended with code {self.process.returncode}: {trace[-300:]}"}


@click.command()
@click.argument("doors", nargs=-1, type=click.Choice(DOORS))
@click.option("--seconds", type=click.IntRange(1), default=60, show_default=True, help="Seconds for each door.")
@click.option(
    "--at-once", type=click.IntRange(1), default=2, show_default=True, help="How many doors at the same time."
)
@click.option(
    "--memory-mb", type=click.IntRange(1), default=MEMORY_MB, show_default=True, help="The limit for one process."
)
@click.option("--seed", type=click.IntRange(1), default=1, show_default=True, help="Seed of the inputs.")
@click.option(
    "--input", "again", type=click.Path(exists=True, path_type=Path), help="Give only this file to the doors, once."
)
def main(doors: tuple[str, ...], again: Path | None, at_once: int, **limits: int) -> None:
    """Fuzz the named DOORS, or all."""
    names = list(doors or DOORS)
    if again is not None:
        _repeat(names, again)
        return
    rows: list[tuple[str, dict[str, object]]] = []
    while names:
        running = [Run(name, _start(name, limits)) for name in names[:at_once]]
        del names[:at_once]
        rows += [(run.name, run.result(limits["seconds"])) for run in running]
    _show(rows)
    sys.exit(any(row["finding"] for _, row in rows))


def _start(name: str, limits: Mapping[str, int]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "scripts.fuzz._child", name, str(BUILD / name)]
    command += [str(limits[limit]) for limit in ("seconds", "memory_mb", "seed")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _repeat(names: list[str], again: Path) -> None:
    """Give one input to each door, and let an error pass."""
    import importlib  # the doors import torch, web3 and more

    for name in names:
        importlib.import_module(f"scripts.fuzz.doors.{name}").open_door(BUILD / name).knock(again.read_bytes())
        click.echo(f"{name}: answered correctly")


def _show(rows: list[tuple[str, dict[str, object]]]) -> None:
    table = Table("door", "inputs", "most memory, MiB", "not caught", box=box.SIMPLE)
    for name, row in rows:
        table.add_row(name, str(row["inputs"]), str(row["peak_mb"]), escape(str(row["finding"] or "nothing")))
    Console(highlight=False).print(table)


if __name__ == "__main__":
    main()
