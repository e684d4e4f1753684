"""`hemaledger witness`: cosign checkpoints of the log that this member has replayed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import StatementKind
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option

if TYPE_CHECKING:
    from scripts.wiring.home import Home


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


@witness.command("cosign")
@chain_options
@name_option()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@guarded
def cosign_file(home: Home, name: str, file: Path | None) -> None:
    """Replay the ledger and add this member's cosignature to a checkpoint, FILE (default: HOME/log/checkpoint).

    It signs only a root that its own replay gives, and that a keeper recorded on the ledger. Send FILE back to the
    keeper, who collects it with `hemaledger log checkpoint --add FILE`.
    """
    from fl.files import write_atomic
    from scripts.wiring.proofs import CHECKPOINT, cosign, read_note

    path = file or home.folder / CHECKPOINT
    write_atomic(path, cosign(home, home.member(name), read_note(path)).encoded())
    click.echo(f"{name} cosigned {path}.")
