"""`hemaledger coordinator retain`: delete the old updates that an auditor released."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fl.protocol.names import Role, show
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option

if TYPE_CHECKING:
    from scripts.wiring.home import Home


@click.command("retain")
@chain_options
@name_option("coordinator")
@click.option(
    "--keep-rounds", type=click.IntRange(1), required=True, help="Refuse a record that keeps fewer new rounds."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@guarded
def retain_files(home: Home, name: str, *, keep_rounds: int, dry_run: bool) -> None:
    """Check the newest retention record of an auditor, state it on the ledger, and delete its files from the vault.

    It may be repeated. On a store, this needs a key that may delete objects; no other command needs one.
    """
    from scripts.wiring.retention import collect

    done = collect(home, home.member(name).as_a(Role.COORDINATOR), keep_rounds, really=not dry_run)
    verb = "would be deleted" if dry_run else "were deleted"
    click.echo(f"{done.deleted} of {done.named} updates {verb} under the record {show(done.record)}.")
