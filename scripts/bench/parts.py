"""Measures the memory of each role in a masked round, above what it has while it waits, with files whole and in parts.

Each role is a process of its own over the real embedded chain, and one vault. Its peak is given in bytes and in
models, where a model is 4 bytes for each parameter. All runs must give the same model, bit for bit.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import click

from fl.roles.coordinator.plan import part_bytes_of
from scripts.bench._table import keep, show
from scripts.commands.data import hospital_names
from scripts.demo.child_process import ChainProcess
from scripts.demo.together import AUDITOR, COORDINATOR, found_together
from scripts.wiring.home import PROJECT, Home

MEBI = 1 << 20
Figures = dict[str, dict[str, float]]
"""By role: idle and peak bytes, seconds of the second round."""


@click.command()
@click.option("--parameters", "-p", type=click.IntRange(1), multiple=True, default=(11_000_000, 50_000_000))
@click.option("--part-mib", type=click.IntRange(0), multiple=True, default=(0, 8, 64), help="0: whole.")
@click.option("--hospitals", type=click.IntRange(3), default=3, show_default=True)
def main(parameters: tuple[int, ...], part_mib: tuple[int, ...], hospitals: int) -> None:
    """Measure the peak memory of each role in a masked round."""
    rows, kept = [], []
    for count in parameters:
        models = set[str]()
        for size in part_mib:
            figures, largest, model = _run(count, hospitals, part_bytes_of(size))
            models.add(model)
            kept.append({"parameters": count, "part_mib": size, "largest_file": largest, "roles": figures})
            for role, each in figures.items():
                above = each["peak"] - each["idle"]
                cells = (each["idle"] / MEBI, above / MEBI, above / (4 * count), each["seconds"])
                rows.append((f"{count:,}", size or "whole", role, *cells, largest / MEBI))
        if len(models) != 1:
            raise click.ClickException("the runs gave different models")
    header = ("Parameters", "Parts", "Role", "Idle", "Peak above", "In models", "Round (s)", "Largest file")
    title = f"A masked round of {hospitals} hospitals; sizes in MiB"
    show(title, header, rows)
    keep("parts", {"runs": kept})


def _run(parameters: int, hospitals: int, part_bytes: int) -> tuple[Figures, int, str]:
    """Run two rounds; return the figures by role, the size of the largest file, and the last model's digest."""
    names = (COORDINATOR, AUDITOR, *hospital_names(hospitals))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as opened:
        home = Home(Path(folder))
        chain = opened.enter_context(ChainProcess(home))
        found_together(home, chain.url, names[2:])
        logs = [opened.enter_context((Path(folder) / f"{name}.log").open("wb")) for name in names]
        numbers = (str(parameters), str(hospitals), str(part_bytes))
        children = [_start((folder, name, *numbers), log) for name, log in zip(names, logs, strict=True)]
        said = [json.loads(each.communicate()[0] or "{}") for each in children]
        for name, each, figures in zip(names, children, said, strict=True):
            if each.returncode or not figures:
                raise click.ClickException(f"{name}: {(Path(folder) / f'{name}.log').read_text()[-2000:]}")
        files = [path for path in (Path(folder) / "vault").rglob("*") if path.is_file()]
        largest = max(path.stat().st_size for path in files)
    models = {str(each.pop("model")) for each in said}
    if len(models) != 1:
        raise click.ClickException("the roles saw different models")
    return dict(zip(names, said, strict=True)), largest, models.pop()


def _start(words: Sequence[str], log: IO[bytes]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "scripts.bench._one_role", *words]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, stderr=log, text=True)


if __name__ == "__main__":
    main()
