"""Compares the time of masked rounds that Flower starts with the same rounds without Flower.

Chain, coordinator, auditor and hospitals are processes of one machine in both; with Flower there are a SuperLink with
TLS and a SuperNode per hospital besides. A round's time is from one final round to the next, so that the start of all
those processes does not count. `call` is how long it takes from the opened round to the last hospital's first record.
"""

from __future__ import annotations

import itertools
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from fl.protocol.names import Role
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from scripts.bench._table import keep, show
from scripts.commands.data import hospital_names
from scripts.demo.child_process import ChainProcess
from scripts.demo.together import AUDITOR, found_together
from scripts.wiring import flower_sites
from scripts.wiring.home import Home
from scripts.wiring.training import save_labelled

QUIET = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1", "PYTHONUNBUFFERED": "1"}
TIMEOUT_S = 300.0
SMALL = ("--preset", "synthetic", "--image-size", "32", "--epochs", "1", "--word-bits", "64", "--no-calibrate")
CELLS = SyntheticPlan(subjects=4, cells=4, size_px=32)
PORT = 19_092


class Lines:
    """A process, and when it wrote each line."""

    def __init__(self, command: list[str], env: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command, env={**os.environ, **QUIET, **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.command = " ".join(command)
        self.lines: list[tuple[float, str]] = []
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def when(self, pattern: str) -> float:
        """Return when it first wrote a line that matches, by time.monotonic(); wait for it.

        Raises:
            RuntimeError: it ended, or took too long.
        """

        def found() -> float | None:
            return next((moment for moment, line in self.lines if re.search(pattern, line)), None)

        with self._news:
            self._news.wait_for(lambda: found() is not None or self.process.poll() is not None, TIMEOUT_S)
        moment = found()
        if moment is None:
            raise RuntimeError(f"{self.command} never wrote {pattern}:\n{''.join(line for _, line in self.lines)}")
        return moment

    def _read(self) -> None:
        assert self.process.stdout is not None  # noqa: S101 - it is a pipe
        for line in self.process.stdout:
            with self._news:
                self.lines.append((time.monotonic(), line))
                self._news.notify_all()


@contextmanager
def process(*command: object, **env: str) -> Iterator[Lines]:
    """Run a process while the block runs."""
    started = Lines([str(word) for word in command], env)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()


@click.command()
@click.option("--hospitals", type=click.IntRange(3), default=3, show_default=True)
@click.option("--rounds", type=click.IntRange(2), default=6, show_default=True)
@click.option("--width", type=int, default=8, show_default=True, help="Channels of the network.")
def main(hospitals: int, rounds: int, width: int) -> None:
    """Measure rounds with and without Flower."""
    if not (flower_sites.VENV / "bin" / "flwr").exists():
        raise click.ClickException(f"flwr is not installed in {flower_sites.VENV}; run `make flower`")
    names = hospital_names(hospitals)
    figures: dict[str, object] = {"hospitals": hospitals, "rounds": rounds, "width": width}
    for way in ("alone", "flower"):
        figures[way] = _measured(names, rounds, width, flower=way == "flower")
    rows = [
        (way, *(_figure(figures, way, part) for part in ("round_s", "call_s", "memory_mb")))
        for way in ("alone", "flower")
    ]
    show(f"{hospitals} hospitals, masked", ("way", "s a round", "s to call", "MB of Flower"), rows)
    alone, flower = (_figure(figures, way, "round_s") for way in ("alone", "flower"))
    figures["added_s"], figures["ratio"] = flower - alone, flower / alone
    click.echo(f"Flower adds {flower - alone:.2f} s a round ({flower / alone:.2f} times).")
    keep("flower", figures)


def _figure(figures: Mapping[str, object], way: str, part: str) -> float:
    found = figures[way]
    return float(found[part]) if isinstance(found, dict) else 0.0


def _measured(names: list[str], rounds: int, width: int, *, flower: bool) -> dict[str, float]:
    """Make rounds in a fresh folder; return the median times in seconds, and Flower's memory in MB."""
    with tempfile.TemporaryDirectory(prefix="hl") as folder, ExitStack() as stack:
        home, sites = Home(Path(folder) / "home"), Path(folder) / "flower"
        chain = stack.enter_context(ChainProcess(home))
        found_together(home, chain.url, names)
        labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
        for seed, name in enumerate((AUDITOR, *names)):
            save_labelled(draw_dataset(CELLS, seed), labels, home.member(name))
        federation = flower_sites.write_superlink(sites, (flower_sites.THIS_MACHINE,), PORT, flower_sites.VENV)
        flower_sites.write_app(sites, federation, flower_sites.coordinator_socket(sites))
        if flower:
            _start_flower(stack, home, sites, federation)
        command = (sys.executable, "-m", "scripts.cli")
        where = ("--home", home.folder)
        hospitals = [
            stack.enter_context(
                process(
                    *command,
                    "hospital",
                    "run",
                    "--name",
                    name,
                    "--threads",
                    1,
                    "--device",
                    "cpu",
                    *where,
                    *_socket(flower_sites.socket_of(sites, name), flower),
                )
            )
            for name in names
        ]
        stack.enter_context(process(*command, "auditor", "run", *where))
        for hospital in hospitals:
            hospital.when(": ready")
        plan = (*SMALL, "--width", width, "--hospitals", len(names), "--rounds", rounds)
        socket = _socket(flower_sites.coordinator_socket(sites), flower)
        boss = stack.enter_context(process(*command, "coordinator", "run", *plan, *where, *socket))
        if flower:
            stack.enter_context(_flwr(sites, "run", sites / "app", "-c", f"min-nodes={len(names)}"))
        boss.when(rf"final \(round {rounds}\)")
        memory = _memory_mb() if flower else 0.0
        return {**_times(boss, hospitals, rounds), "memory_mb": memory}


def _start_flower(stack: ExitStack, home: Home, sites: Path, federation: flower_sites.Federation) -> None:
    """Start the SuperLink, register the hospitals' keys, and start their SuperNodes."""
    stack.enter_context(process(sites / "superlink" / "run.sh")).when("Uvicorn running")
    members = [member for member in home.members() if member.role == Role.HOSPITAL]
    for place, member in enumerate(members):
        socket = flower_sites.socket_of(sites, member.name)
        node = flower_sites.Node(member.name, socket, flower_sites.NODE_PORT + place)
        here = flower_sites.write_node(sites, federation, node, flower_sites.VENV)
        with _flwr(sites, "supernode", "register", here / "node.pub", "--name", member.name) as registered:
            registered.when("registered successfully")
        stack.enter_context(process(here / "run.sh"))


@contextmanager
def _flwr(sites: Path, *words: object) -> Iterator[Lines]:
    venv = flower_sites.VENV / "bin"
    with process(venv / "flwr", *words, FLWR_HOME=str(sites / "flwr"), PATH=f"{venv}:{os.environ['PATH']}") as started:
        yield started


def _socket(path: Path, flower: bool) -> tuple[object, ...]:
    return ("--flower-socket", path) if flower else ()


def _times(boss: Lines, hospitals: list[Lines], rounds: int) -> dict[str, float]:
    finals = [boss.when(rf"final \(round {number}\)") for number in range(1, rounds + 1)]
    calls = [
        max(each.when(rf"advertised \(round {number}\)") for each in hospitals)
        - boss.when(rf"opened \(round {number},")
        for number in range(2, rounds + 1)
    ]
    spans = [later - earlier for earlier, later in itertools.pairwise(finals)]
    return {"round_s": statistics.median(spans), "call_s": statistics.median(calls)}


def _memory_mb() -> float:
    """Return the resident memory of all processes of Flower on this machine, in MB (Linux)."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            words = (status.parent / "cmdline").read_bytes()
            resident = re.search(r"VmRSS:\s+(\d+) kB", status.read_text())
        except OSError:
            continue
        if str(flower_sites.VENV).encode() in words and resident:
            total += int(resident[1])
    return total / 1024


if __name__ == "__main__":
    main()
