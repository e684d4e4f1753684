"""Runs a consortium whose members are on machines of their own, with faults, and compares it with one process.

Each member, the chain and the store have a network namespace and a home of their own; the vault is on a store that
speaks S3 (moto's server, TLS). Members join with `hemaledger join`. `flwr run` starts five masked rounds. Meanwhile a
hospital is killed and comes back, a fourth hospital joins, the store is down for 30 s, and the chain answers 500 ms
late. Then an auditor audits, and the same rounds run in one process over a folder: the models must be the same bits.
Needs root on Linux, and Flower's programs (make flower).
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import click

from fl.events import Event
from fl.protocol.errors import UnavailableError
from fl.protocol.federation import Federation
from fl.protocol.names import Protection, show
from fl.protocol.rounds.config import RoundConfig
from fl.replay.ledger_view import LedgerView
from fl.replay.round_documents import read_config
from fl.roles.auditor import Evaluation
from fl.roles.coordinator.plan import Plan
from fl.storage.vaults import open_vault
from fl.training.model.device import use_threads
from fl.training.recipe import Recipe
from scripts.bench._machines import SMALL, Machine, draw_images
from scripts.bench._table import keep
from scripts.bench._table import show as show_table
from scripts.bench._town import CHAIN, HOSPITALS, LATE, LINE_PORT, OPERATOR, ROLES, STORE, Town, running_town, until
from scripts.demo.child_process import ChainProcess
from scripts.demo.together import AUDITOR, COORDINATOR, TRUSTEES, Work, found_together, gather
from scripts.wiring.flower_sites import coordinator_socket
from scripts.wiring.home import Home
from scripts.wiring.plans import first_model
from scripts.wiring.roles import open_ledger
from scripts.wiring.training import trainer

ROUNDS, DOWN_S, LATE_S = 5, 30.0, "0.5"


@click.command()
def main() -> None:
    """Run a consortium on machines of their own, with faults; compare it with one process."""
    with tempfile.TemporaryDirectory() as folder, running_town(Path(folder)) as town:
        began = time.monotonic()
        _found(town)
        _rounds(town)
        federation = LedgerView(open_ledger(town.home(OPERATOR))).refresh()
        audit = town.run(
            AUDITOR, "audit", "--home", str(town.home(AUDITOR).folder), "--auditor", AUDITOR, status=(0, 76)
        )
        _report(town, federation, audit, time.monotonic() - began)


def _found(town: Town) -> None:
    """Create the consortium; let everybody but the late hospital join; give the trustees their key."""
    rpc = f"http://{town.networks.host(CHAIN)}:{LINE_PORT}"
    home = ("--home", str(town.home(OPERATOR).folder))
    town.run(OPERATOR, "consortium", "create", *home, "--rpc", rpc, "--vault", town.store)
    homes = {name: town.home(name) for name in ROLES}
    for name in ROLES:
        if name != LATE:
            _join(town, name)
    draw_images((*HOSPITALS, LATE), homes, AUDITOR)
    _superlink(town)
    for name in HOSPITALS:
        _supernode(town, name)
    for name in (*TRUSTEES, *HOSPITALS, AUDITOR):
        town.agent(name)
    town.run(OPERATOR, "consortium", "ceremony", *home)


def _superlink(town: Town) -> None:
    """Start Flower where the coordinator is."""
    folder, host = town.flower(COORDINATOR), town.networks.host(COORDINATOR)
    home = ("--home", str(town.home(COORDINATOR).folder))
    town.run(COORDINATOR, "federation", "up", *home, "--flower", str(folder), "--host", host)
    town.spawn("superlink", COORDINATOR, [str(folder / "superlink" / "run.sh")])
    town.wait_for("superlink", "Uvicorn running|Application startup complete")


def _supernode(town: Town, name: str) -> None:
    """Make a hospital's key there, let the SuperLink know it, and start the hospital's SuperNode."""
    folder, there = town.flower(name), town.flower(COORDINATOR) / "federation.json"
    home = ("--home", str(town.home(name).folder))
    town.run(name, "federation", "up", *home, "--flower", str(folder), "--from", str(there))
    own = folder / "hospitals" / name
    town.do(COORDINATOR, ["flwr", "supernode", "register", str(own / "node.pub"), "hemaledger", "--name", name])
    town.spawn(f"supernode-{name}", name, [str(own / "run.sh")])


def _flwr_run(town: Town, name: str, **config: int) -> Machine:
    options = [part for key, value in config.items() for part in ("-c", f"{key.replace('_', '-')}={value}")]
    app = str(town.flower(COORDINATOR) / "app")
    return town.spawn(name, COORDINATOR, ["flwr", "run", app, "hemaledger", "--stream", *options])


def _join(town: Town, name: str) -> None:
    """Do what the operator and a member's IT do until the member's key is on the ledger; measure the member's part."""
    click.echo(f"{time.strftime('%H:%M:%S')} {name} joins")
    role, file = ROLES[name], town.folder / f"{name}.json"
    home = ("--home", str(town.home(OPERATOR).folder))
    town.run(OPERATOR, "consortium", "invite", *home, "--role", role, "--out", str(file), name)
    join = ("join", str(file), "--home", str(town.home(name).folder))
    began = time.monotonic()
    said = town.run(name, *join, "--no-wait", status=(UnavailableError.exit_code,))
    asked_s = time.monotonic() - began
    account = re.search(r"--account (0x\w+)", said)
    if account is None:
        raise click.ClickException(said)
    town.run(OPERATOR, "consortium", "register", *home, "--account", account[1], "--role", role, "--name", name)
    began = time.monotonic()
    town.run(name, *join)
    town.joined_s[name] = asked_s + time.monotonic() - began


def _rounds(town: Town) -> None:
    """Run five rounds with one fault in each of the last four."""
    terms = ("--rounds", str(ROUNDS), "--hospitals", str(len(HOSPITALS)))
    socket = ("--flower-socket", str(coordinator_socket(town.flower(COORDINATOR))))
    town.start(COORDINATOR, "coordinator", "run", *SMALL, *terms, *socket)
    first = _flwr_run(town, "flwr-run-1", rounds=2, min_nodes=len(HOSPITALS))
    town.wait_for("alpha", r"training \(round 2\)")
    town.machines["alpha"].kill()
    town.machines["alpha"].start()
    _ended(first)
    _join(town, LATE)
    _supernode(town, LATE)
    town.agent(LATE)
    town.wait_for(LATE, "ready")
    second = _flwr_run(town, "flwr-run-2", min_nodes=len(HOSPITALS) + 1)
    town.wait_for(COORDINATOR, r"final \(round 3\)")
    with town.lines[STORE].bad("down", DOWN_S):
        pass
    town.wait_for(COORDINATOR, r"final \(round 4\)")
    town.lines[CHAIN].set(LATE_S)
    _ended(second)
    town.lines[CHAIN].set("0")
    _ended(town.machines[COORDINATOR])
    for name in (*HOSPITALS, LATE, AUDITOR, *TRUSTEES):
        if status := town.machines[name].stop():
            click.echo(f"{name} ended with {status}\n{town.machines[name].output[-1000:]}")


def _ended(machine: Machine) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} waiting for the end of {machine.name}")
    until(lambda: not machine.running, f"the end of {machine.name}", lambda: machine.output)
    if machine.exit_code:
        raise click.ClickException(f"{machine.name} ended with {machine.exit_code}\n{machine.output[-3000:]}")


def _report(town: Town, federation: Federation, audit: str, seconds: float) -> None:
    book = federation.book
    rows = [
        (
            each.number,
            each.phase.name.lower(),
            ", ".join(book.name_of(account) for account in each.hospitals),
            show(each.proposal.model_digest)[:18] if each.proposal else "",
        )
        for each in federation.rounds
    ]
    show_table("On machines of their own", ("round", "end", "hospitals", "model"), rows)
    alone = _in_one_process(town, federation)
    digests = [show(each.proposal.model_digest) for each in federation.rounds if each.proposal]
    click.echo(audit)
    click.echo(f"in one process: {'the same bits' if alone == digests else f'OTHER BITS: {alone}'}")
    click.echo(f"joining took {max(town.joined_s.values()):.1f} s at most; all of it {seconds:.0f} s")
    keep("apart", {"rounds": rows, "same_bits": alone == digests, "joined_s": town.joined_s, "seconds": seconds})


def _in_one_process(town: Town, apart: Federation) -> list[str]:
    """Run the same rounds with the same hospitals as threads over a folder; return the models' digests."""
    home = Home(town.folder / "alone")
    vault = open_vault(town.store, town.home(OPERATOR).folder, apart.anchor.consortium)
    everybody = (*HOSPITALS, LATE)
    use_threads(1)
    with ChainProcess(home) as chain:
        done: list[str] = []
        for current in apart.rounds:
            names = [apart.book.name_of(account) for account in current.hospitals]
            found_together(home, chain.url, names)
            draw_images(everybody, dict.fromkeys((*everybody, AUDITOR), home), AUDITOR)
            config = read_config(current, vault)
            train = {name: trainer(home.member(name).data_file, name, "cpu") for name in names}
            plan, initial = _plan(config, current.number, len(names)), first_model(Recipe.from_dict(config.training))
            work = Work(plan, initial, train, lambda _model, _config: Evaluation())
            together = gather(home, work, dict.fromkeys((COORDINATOR, AUDITOR, *names), _quiet))
            together.run(_quiet)
            proposal = together.coordinator.view.refresh().round(current.number).proposal
            done += [show(proposal.model_digest)] if proposal else []
        return done


def _plan(config: RoundConfig, rounds: int, hospitals: int) -> Plan:
    return Plan(
        rounds=rounds,
        min_commitments=hospitals,
        attestations=1,
        config=config,
        commit_timeout_s=600,
        close_timeout_s=600,
        min_hospitals=hospitals,
        protection=Protection.MASKED,
    )


def _quiet(_what: Event, _facts: Mapping[str, object]) -> None:
    """Take a notice and show nothing."""


if __name__ == "__main__":
    main()
