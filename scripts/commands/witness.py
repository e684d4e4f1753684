"""`hemaledger witness`: cosign checkpoints of the log that this member has replayed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.events import Event
from fl.protocol.errors import SettingInvalid
from fl.protocol.names import StatementKind
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option
from scripts.wiring.watch.options import FORMATS, LOG_VARIABLE

if TYPE_CHECKING:
    from scripts.wiring.home import Home

keeper_option = click.option(
    "--keeper", metavar="URL", help="Where the keeper of the log answers; for a witness that cannot be reached itself."
)


@click.group()
def witness() -> None:
    """Witness: cosign checkpoints of the log that you have replayed by your own node."""


@witness.command()
@chain_options
@name_option()
@guarded
def init(home: Home, name: str) -> None:
    """Make this member's key as a witness, and state it on the ledger."""
    from scripts.wiring.proofs import state_key

    key = state_key(home, home.member(name), StatementKind.WITNESS)
    click.echo(f"{name} is a witness. Its key: {key.text()}")


@witness.command()
@chain_options
@name_option()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Answer the keeper of the log there; 0 picks a free port.")
@keeper_option
@click.option(
    "--peer",
    multiple=True,
    metavar="URL",
    help="Another witness. After a backup it shows what was cosigned so far. Repeatable.",
)
@click.option(
    "--log-format", type=click.Choice(FORMATS), default="text", envvar=LOG_VARIABLE, help="json: for programs."
)
@guarded
def run(
    home: Home, name: str, *, host: str, port: int | None, keeper: str | None, peer: tuple[str, ...], log_format: str
) -> None:
    """Cosign checkpoints until stopped: answer the keeper at --port, or fetch them from --keeper, or both.

    It signs only what its own replay of the ledger gives, and what a keeper recorded on the ledger.
    """
    from fl.storage.lock import only_one
    from fl.transport.http_log import HttpKeeper, HttpWitness
    from scripts.server.log_pages import serving
    from scripts.server.witness_server import witness_application
    from scripts.wiring.log_services import WitnessLoop, checked_url, open_witness, stopped_by_signals
    from scripts.wiring.watch.log import Speaker, writer

    if port is None and keeper is None:
        raise SettingInvalid("port", "give --port, so that the keeper can ask, or --keeper, to ask it")
    member = home.member(name)
    notify = writer(Speaker(name, "witness"), log_format, time.time)
    with only_one(member.folder / "witness"), stopped_by_signals() as stop:
        desk = open_witness(home, member, notify)
        asked = HttpKeeper(checked_url("keeper", keeper)) if keeper else None
        peers = [HttpWitness(checked_url("peer", each)) for each in peer]
        loop = WitnessLoop(home, member, desk, asked, peers, notify)
        with serving(witness_application(desk), host, port) as address:
            notify(Event.READY, {"address": address, "keeper": keeper})
            loop.run(stop)


@witness.command("cosign")
@chain_options
@name_option()
@keeper_option
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@guarded
def cosign_file(home: Home, name: str, file: Path | None, keeper: str | None) -> None:
    """Replay the ledger and add this member's cosignature to a checkpoint, FILE (default: HOME/log/checkpoint).

    It signs only a root that its own replay gives, and that a keeper recorded on the ledger. Send FILE back to the
    keeper, who collects it with `hemaledger log checkpoint --add FILE`. With --keeper the checkpoint comes from there,
    and the cosignature goes there.
    """
    from fl.files import write_atomic
    from scripts.wiring.log_services import checked_url, cosign_note, pull_once
    from scripts.wiring.proofs import CHECKPOINT, read_note

    if keeper is not None:
        done = pull_once(home, home.member(name), checked_url("keeper", keeper))
        click.echo(f"{name} cosigned what waited at the keeper." if done else "Nothing waits at the keeper.")
        return
    path = file or home.folder / CHECKPOINT
    write_atomic(path, cosign_note(home, home.member(name), read_note(path)).encoded())
    click.echo(f"{name} cosigned {path}.")
