"""Machines of a consortium's members: a network namespace, a home and processes for each, the chain and a store too."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click

from scripts.bench._machines import STORE_KEYS, Machine, hemaledger, s3_store
from scripts.bench._networks import Line, Networks, networks
from scripts.demo.together import AUDITOR, COORDINATOR, TRUSTEES
from scripts.wiring.flower_sites import VENV, socket_of
from scripts.wiring.home import PROJECT, Home

HOSPITALS, LATE = ("alpha", "beta", "gamma"), "delta"
ROLES = {
    COORDINATOR: "coordinator",
    AUDITOR: "auditor",
    **dict.fromkeys((*HOSPITALS, LATE), "hospital"),
    **dict.fromkeys(TRUSTEES, "trustee"),
}
OPERATOR, CHAIN, STORE = "operator", "chain", "store"
CHAIN_PORT, LINE_PORT = 8545, 9545
WAIT_S = 600.0
POLL_S = 0.2
AGENTS = {
    "hospital": ("hospital", "run", "--threads", "1", "--device", "cpu"),
    "auditor": ("auditor", "run"),
    "trustee": ("trustee", "run"),
}
ENV = {"HEMALEDGER_PASSWORD": "a password of the benchmark 7", **STORE_KEYS}


@dataclass
class Town:
    """The machines, and what happened on them."""

    folder: Path
    networks: Networks
    lines: Mapping[str, Line]
    store: str
    machines: dict[str, Machine] = field(default_factory=dict)
    joined_s: dict[str, float] = field(default_factory=dict)

    def home(self, name: str) -> Home:
        return Home(self.folder / name)

    def run(self, name: str, *words: str, status: tuple[int, ...] = (0,)) -> str:
        """Run a command to its end on a machine; return what it printed."""
        return self.do(name, hemaledger(*words), status)

    def do(self, name: str, command: Sequence[str], status: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            [*self.networks.prefix(name), *command],
            cwd=PROJECT,
            env={**os.environ, **self.env},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode not in status:
            said = f"{name}: {' '.join(command)} ended with {done.returncode}\n{done.stdout}{done.stderr}"
            raise click.ClickException(said)
        return done.stdout

    @property
    def env(self) -> dict[str, str]:
        flower = {"FLWR_HOME": str(self.flower(COORDINATOR) / "flwr"), "FLWR_TELEMETRY_ENABLED": "0"}
        path = f"{VENV / 'bin'}:{os.environ['PATH']}"
        return {**ENV, **flower, "FLWR_DISABLE_UPDATE_CHECK": "1", "PATH": path}

    def flower(self, name: str) -> Path:
        """Return what Flower needs on a machine."""
        return self.folder / name / "flower"

    def start(self, name: str, *words: str) -> Machine:
        """Start a process that stays, on its machine."""
        return self.spawn(name, name, hemaledger(*words, "--home", str(self.home(name).folder)))

    def spawn(self, name: str, where: str, command: Sequence[str]) -> Machine:
        log = self.folder / "log" / name
        self.machines[name] = Machine(name, tuple(command), log, self.networks.prefix(where), self.env)
        self.machines[name].start()
        return self.machines[name]

    def agent(self, name: str) -> Machine:
        role = ROLES[name]
        called = ("--flower-socket", str(socket_of(self.flower(name), name))) if role == "hospital" else ()
        return self.start(name, *AGENTS[role], "--name", name, *called)

    def kill(self) -> None:
        for machine in self.machines.values():
            machine.kill()

    def wait_for(self, name: str, pattern: str) -> None:
        machine = self.machines[name]
        click.echo(f"{time.strftime('%H:%M:%S')} waiting for {name}: {pattern}")
        until(lambda: re.search(pattern, machine.output) is not None, f"{name}: {pattern}", lambda: machine.output)


@contextmanager
def running_town(folder: Path) -> Iterator[Town]:
    """Make the networks, a store and the chain, each behind a line that can be bad; stop everything at the end."""
    (folder / "log").mkdir()
    with networks([OPERATOR, CHAIN, STORE, *ROLES]) as made, ExitStack() as stack:
        store = stack.enter_context(s3_store(folder, made.prefix(STORE), made.host(STORE), tls=True))
        os.environ["SSL_CERT_FILE"] = str(store.authority)
        lines = {
            CHAIN: _line(made, CHAIN, f"{made.host(CHAIN)}:{CHAIN_PORT}", folder),
            STORE: _line(made, STORE, store.endpoint.removeprefix("https://"), folder),
        }
        for line in lines.values():
            stack.callback(line.close)
        town = Town(folder, made, lines, store.vault("one", f"https://{made.host(STORE)}:{LINE_PORT}"))
        stack.callback(town.kill)
        chain = ("chain", "run", "--host", made.host(CHAIN), "--port", str(CHAIN_PORT))
        town.start(CHAIN, *chain)
        town.wait_for(CHAIN, "Chain ready at")
        yield town


def _line(made: Networks, name: str, upstream: str, folder: Path) -> Line:
    return Line(made.prefix(name), f"{made.host(name)}:{LINE_PORT}", upstream, folder / f"{name}.line")


def until(done: Callable[[], bool], what: str, output: Callable[[], str]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not done():
        if time.monotonic() > deadline:
            raise click.ClickException(f"{what} did not come within {WAIT_S:g} s:\n{output()[-3000:]}")
        time.sleep(POLL_S)
