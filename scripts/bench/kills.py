"""Kills random processes of a consortium at random moments while masked rounds run, and looks at what is left.

A chain, a coordinator, an auditor and hospitals run as processes of their own. Each kill is SIGKILL, as in a power cut;
the process starts again at once. At the end every round must be final or aborted, an audit must find nothing, and no
hospital may have revealed shares of two sets in one round, or promised one update twice.
"""

from __future__ import annotations

import random
import socket
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from types import MappingProxyType

import click

from fl.protocol.errors import UnavailableError
from fl.protocol.federation import Federation
from fl.protocol.records import SharesRevealed, UpdateCommitted
from fl.protocol.rounds.round import Phase, Round
from fl.replay.ledger_view import LedgerView
from scripts.bench._machines import SMALL, Machine, draw_images, hemaledger
from scripts.bench._table import keep, show
from scripts.commands.data import hospital_names
from scripts.demo.together import AUDITOR, COORDINATOR, found_together
from scripts.wiring.home import PROJECT, Home
from scripts.wiring.roles import open_ledger

END_S = 300.0
POLL_S = 0.5
MANY = 100_000
PORTS = range(18_545, 18_645)


@click.command()
@click.option("--kills", type=click.IntRange(1), default=200, show_default=True)
@click.option("--hospitals", type=click.IntRange(3), default=3, show_default=True)
@click.option("--mean-s", type=click.FloatRange(0.1), default=2.0, show_default=True, help="Mean time between kills.")
@click.option("--seed", type=int, default=1, show_default=True)
def main(kills: int, hospitals: int, mean_s: float, seed: int) -> None:
    """Kill random processes while rounds run; audit what they leave."""
    with tempfile.TemporaryDirectory() as folder:
        home, names = Home(Path(folder) / "home"), tuple(hospital_names(hospitals))
        machines = _machines(home, names, Path(folder) / "log")
        try:
            _found(home, names, machines)
            killed = _kill(machines, kills, mean_s, random.Random(seed))  # noqa: S311 when, not a secret
            federation = _finish(home, machines)
            _report(home, federation, killed)
        finally:
            for machine in machines.values():
                machine.kill()


def _machines(home: Home, names: Sequence[str], logs: Path) -> dict[str, Machine]:
    port = _port()
    commands = {
        "chain": ("chain", "run", "--port", str(port)),
        **{name: ("hospital", "run", "--name", name, "--threads", "1", "--device", "cpu") for name in names},
        AUDITOR: ("auditor", "run"),
        COORDINATOR: (
            *("coordinator", "run", *SMALL, "--hospitals", str(len(names)), "--rounds", str(MANY)),
            *("--step-timeout", "20", "--commit-timeout", "60", "--close-timeout", "60"),
        ),
    }
    place = ("--home", str(home.folder))
    return {name: Machine(name, hemaledger(*command, *place), logs / name) for name, command in commands.items()}


def _port() -> int:
    """Return a free port that the system gives to nobody while the chain is away."""
    for port in PORTS:
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise click.ClickException(f"no port from {PORTS.start} to {PORTS.stop - 1} is free")


def _found(home: Home, names: tuple[str, ...], machines: dict[str, Machine]) -> None:
    chain = machines["chain"]
    chain.start()
    _until(lambda: "Chain ready at" in chain.output, "the chain")
    port = chain.command[chain.command.index("--port") + 1]
    found_together(home, f"http://127.0.0.1:{port}", names)
    draw_images(names, dict.fromkeys((*names, AUDITOR), home), AUDITOR)
    for name, machine in machines.items():
        if name != "chain":
            machine.start()


def _kill(machines: dict[str, Machine], kills: int, mean_s: float, chance: random.Random) -> Counter[str]:
    """Kill as many times, start what was killed or ended; return how often each was killed, or ended with a status."""
    killed: Counter[str] = Counter()
    for count in range(kills):
        time.sleep(chance.expovariate(1 / mean_s))
        name = chance.choice(sorted(machines))
        machines[name].kill()
        killed[name] += 1
        for machine in machines.values():
            if not machine.running:
                if machine.name != name:
                    killed[f"{machine.name} ended with {machine.exit_code}"] += 1
                machine.start()
        if (count + 1) % 20 == 0:
            click.echo(f"{count + 1} kills")
    return killed


def _finish(home: Home, machines: dict[str, Machine]) -> Federation:
    """Stop the coordinator, let another run end the round and two more, and stop all but the chain."""
    coordinator = machines[COORDINATOR]
    coordinator.stop()
    _until(lambda: _federation(home) is not None, "the chain")
    federation = _federation(home)
    final = sum(each.phase == Phase.FINAL for each in _rounds(federation)) if federation else 0
    coordinator.command = (*coordinator.command, "--rounds", str(final + 2))
    coordinator.start()
    _until(lambda: not coordinator.running, "the end of two more rounds", machines)
    for name, machine in machines.items():
        if name != "chain":
            machine.stop()
    return LedgerView(open_ledger(home)).refresh()


def _federation(home: Home) -> Federation | None:
    try:
        return LedgerView(open_ledger(home)).refresh()
    except UnavailableError:
        return None


def _rounds(federation: Federation) -> list[Round]:
    return [federation.round(number) for number in range(1, federation.last_round + 1)]


def _report(home: Home, federation: Federation, killed: Counter[str]) -> None:
    rounds = _rounds(federation)
    phases = Counter(each.phase.name for each in rounds)
    reasons = Counter(each.reason for each in rounds if each.phase == Phase.ABORTED)
    twice = _twice(home)
    audit = subprocess.run(
        hemaledger("audit", "--home", str(home.folder), "--auditor", AUDITOR),
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    show("Kills", ("process", "killed"), sorted(killed.items()))
    show("Rounds", ("end", "rounds"), [*phases.items(), *((f"  {why}", count) for why, count in reasons.items())])
    click.echo(f"revealed or committed twice: {twice}; audit ends with {audit.returncode}")
    if audit.returncode:
        click.echo(audit.stdout + audit.stderr)
    keep("kills", {"killed": killed, "rounds": phases, "aborts": reasons, "twice": twice, "audit": audit.returncode})


def _twice(home: Home) -> int:
    """Return how many steps an account made a second time in one round, or with the bytes of another round."""
    steps: Counter[tuple[object, ...]] = Counter()
    for entry in open_ledger(home).replay():
        record = entry.record
        if isinstance(record, SharesRevealed | UpdateCommitted):
            kind = type(record).__name__
            steps[kind, record.sender, record.round] += 1
            steps[kind, record.sender, record.digest] += 1
    return sum(count - 1 for count in steps.values())


def _until(done: Callable[[], bool], what: str, machines: Mapping[str, Machine] = MappingProxyType({})) -> None:
    deadline = time.monotonic() + END_S
    while not done():
        if time.monotonic() > deadline:
            said = "".join(f"\n{name}, {each.exit_code}:\n{each.output[-1500:]}" for name, each in machines.items())
            raise click.ClickException(f"{what} did not come within {END_S:g} s{said}")
        time.sleep(POLL_S)


if __name__ == "__main__":
    main()
