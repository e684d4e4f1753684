"""`hemaledger log`: keep the log over the ledger's records, and write who is trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import StatementKind
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option

if TYPE_CHECKING:
    from fl.protocol.tlog.trust import Trust
    from scripts.wiring.home import Home

quorum_option = click.option(
    "--quorum",
    type=click.IntRange(1),
    help="How many witnesses must cosign. Default: more than half of the hospitals and auditors.",
)
out_option = click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to write.")


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

    The file is HOME/log/checkpoint unless --out names another one. Then each witness runs `hemaledger witness cosign` on the file.
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
    from fl.proofs.trusting import trust_of
    from scripts.wiring.clock import now
    from scripts.wiring.proofs import open_log

    return trust_of(open_log(home).federation, now(), quorum)


def _write(data: bytes, out: Path | None) -> None:
    from fl.files import write_atomic

    if out is None:
        click.echo(data.decode(), nl=False)
    else:
        write_atomic(out, data)
