"""Measures the processor time that a command needs to start: user plus system, the smallest of several runs.

The commands run in an empty folder. Those that read the ledger import all their modules before they fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import click

from scripts.bench._table import keep, show

COMMANDS = (
    "--help",
    "demo --help",
    "coordinator run --help",
    "hospital run --help",
    "trustee run --help",
    "audit --help",
    "consortium members",
    "hospital join --name alpha",
    "trustee requests --name alpha",
    "audit",
    "staff list",
)
LIMIT_S = 0.5
"""The limit for a command that does not train, on an idle machine."""


@click.command()
@click.option("--times", type=click.IntRange(1), default=5, show_default=True, help="Runs of each command.")
def main(times: int) -> None:
    """Measure how long the commands take to start."""
    with tempfile.TemporaryDirectory() as home:
        seconds = {command: min(_cpu_s(command, home) for _ in range(times)) for command in COMMANDS}
    rows = [(command, value, "yes" if value <= LIMIT_S else "no") for command, value in seconds.items()]
    show("Start of a command", ("command", "CPU seconds", f"at most {LIMIT_S}"), rows)
    keep("startup", dict(seconds))


def _cpu_s(command: str, home: str) -> float:
    child = subprocess.Popen(
        [sys.executable, "-m", "scripts.cli", *command.split()],
        env={**os.environ, "HEMALEDGER_HOME": home},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    usage = os.wait4(child.pid, 0)[2]
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
