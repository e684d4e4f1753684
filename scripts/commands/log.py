"""`hemaledger log`: keep the log over the ledger's records, and write who is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import StatementKind
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option
from scripts.wiring.watch.options import WatchOptions, watch_options

if TYPE_CHECKING:
    from fl.protocol.tlog.trust import Trust
    from scripts.wiring.home import Home

quorum_option = click.option(
    "--quorum",
    type=click.IntRange(1),
    help="How many witnesses must cosign. Default: more than half of the hospitals and auditors.",
)
out_option = click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")

witness_option = click.option(
    "--witness",
    multiple=True,
    metavar="URL",
    help="Where a witness answers; KEY=URL for one whose key is not on the ledger. Repeatable.",
)
every_option = click.option(
    "--every", type=click.IntRange(1, 86_400), default=60, show_default=True, help="Seconds between two checkpoints."
)
entries_option = click.option(
    "--entries", is_flag=True, help="Publish the entries too. They show names and times of the members."
)


@click.group()
def log() -> None:
    """Log over the ledger's records: keep it, and write whom to trust."""


@log.command()
@chain_options
@name_option("coordinator")
@guarded
def init(home: Home, name: str) -> None:
    """Make the log's key, and state it on the ledger. Operator, coordinator and auditors can keep the log."""
    from scripts.wiring.proofs import state_key

    key = state_key(home, home.member(name), StatementKind.LOG)
    click.echo(f"{name} keeps the log. Its key: {key.text()}")


@log.command()
@chain_options
@name_option("coordinator")
@click.option(
    "--add",
    "others",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A copy of this checkpoint from a witness, to collect its cosignature. Repeatable. Nothing is signed then.",
)
@out_option
@guarded
def checkpoint(home: Home, name: str, others: tuple[Path, ...], out: Path | None) -> None:
    """Sign the log as it is now, record its root on the ledger, and write the checkpoint.

    The file is HOME/log/checkpoint unless --out names another one. Then each witness runs `hemaledger witness cosign`
    on the file.
    """
    from fl.files import write_atomic
    from fl.protocol.tlog.checkpoint import parse_checkpoint
    from scripts.wiring.proofs import CHECKPOINT, make_checkpoint, merged, read_note

    path = out or home.folder / CHECKPOINT
    note = read_note(path) if others else make_checkpoint(home, home.member(name))
    for other in others:
        note = merged(note, read_note(other))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, note.encoded())
    size = parse_checkpoint(note.text).size
    click.echo(f"{path}: a checkpoint of {size} records with {len(note.lines)} signatures.")


@log.command()
@chain_options
@name_option("coordinator")
@witness_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Serve checkpoint and tiles there; 0 picks a free port.")
@every_option
@quorum_option
@entries_option
@watch_options
@guarded
def run(  # noqa: PLR0913 - one parameter per option
    home: Home,
    name: str,
    *,
    witness: tuple[str, ...],
    host: str,
    port: int | None,
    every: int,
    quorum: int | None,
    entries: bool,
    watch: WatchOptions,
) -> None:
    """Keep the log until stopped: sign and record checkpoints, collect cosignatures, publish checkpoint and tiles.

    The files are in HOME/log: `checkpoint` and the folder `tile`. Any web server can serve them, or --port does.
    Witnesses that cannot be reached fetch what waits from --port and hand in their lines there.
    """
    from fl.roles.keeper.agent import KeepSettings
    from fl.roles.keeper.pending import Pending
    from fl.storage.lock import only_one
    from fl.storage.log_folder import LOG_FOLDER
    from scripts.server.log_pages import serving
    from scripts.server.log_server import log_application
    from scripts.wiring.agent import serve_agent
    from scripts.wiring.log_services import Keeping, http_witnesses, log_folder
    from scripts.wiring.watch.log import Speaker
    from scripts.wiring.watch.watching import Watching

    member = home.member(name)
    watching = Watching(Speaker(name, "keeper"), watch, home, gives_signs=False)
    witnesses, outside = http_witnesses(witness)
    folder, pending = log_folder(home, entries=entries), Pending()
    keeping = Keeping(home, member, witnesses, KeepSettings(every, quorum, outside), folder, pending)
    with only_one(home.folder / LOG_FOLDER), serving(log_application(folder, pending), host, port) as address:
        if address:
            click.echo(f"The log is served at {address}")
        serve_agent(lambda: keeping.agent(watching.notify), watching)


@log.command()
@chain_options
@quorum_option
@out_option
@guarded
def policy(home: Home, quorum: int | None, out: Path | None) -> None:
    """Write the policy file of C2SP: the keys of log and witnesses, and how many must cosign."""
    from fl.proofs.trusting import comments_of

    trust = _trust(home, quorum)
    _write(trust.policy.text(comments_of(trust)).encode(), out)


@log.command()
@chain_options
@quorum_option
@out_option
@guarded
def trust(home: Home, quorum: int | None, out: Path | None) -> None:
    """Write trust.json, with which anybody can check proofs offline; two people compare its code by phone."""
    made = _trust(home, quorum)
    _write(made.encoded(), out)
    click.echo(f"Code of this trust file: {made.code}", err=True)


def _trust(home: Home, quorum: int | None) -> Trust:
    from scripts.wiring.proofs import ledger_trust, open_log

    return ledger_trust(open_log(home), quorum)


def _write(data: bytes, out: Path | None) -> None:
    from fl.files import write_atomic

    if out is None:
        click.echo(data.decode(), nl=False)
    else:
        write_atomic(out, data)
