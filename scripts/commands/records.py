"""`hemaledger records`: the sealed patient records of one hospital's site."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import show
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option

if TYPE_CHECKING:
    from scripts.wiring.home import Home
    from webui.site import Site


@click.group()
def records() -> None:
    """Sealed patient records: roots on the ledger, proofs, erasure. A running site anchors by itself."""


@records.command()
@chain_options
@name_option()
@guarded
def anchor(home: Home, name: str) -> None:
    """Put the root of all records that wait onto the ledger, now."""
    found = _open_site(home, name).anchoring.anchor()
    if found is None:
        click.echo("No record waits for a root.")
    else:
        click.echo(f"Batch {found.batch} is on the ledger in block {found.block}: root {show(found.root)}")


@records.command()
@chain_options
@name_option()
@click.option("--record", "number", required=True, help="The record's number as its page shows it.")
@click.confirmation_option(prompt="Erase this record and its notes for good?")
@guarded
def erase(home: Home, name: str, number: str) -> None:
    """Delete a record's file, salt, wraps and policy, and its notes; only its leaf stays."""
    site = _open_site(home, name)
    row = site.record_store.numbered(number)
    if row is None or row.about_id is not None:
        raise SettingInvalid("record", f"there is no check {number}")
    if not site.record_store.erase(row.id):
        click.echo("The database's log is in use and still holds it. Restart the site, which empties it.", err=True)
    click.echo(f"Record {number} is erased. Backups that hold it are yours to erase.")


@records.command()
@chain_options
@click.argument("proof", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@guarded
def verify(home: Home, proof: Path) -> None:
    """Check a downloaded proof against the ledger; no key is needed."""
    from scripts.commands.record_proof import check_proof
    from scripts.wiring.roles import open_ledger

    checked = check_proof(proof.read_bytes(), open_ledger(home))
    click.echo(json.dumps(checked.to_dict(), indent=2, sort_keys=True))
    click.echo(f"The record is under the root that {checked.hospital} anchored in block {checked.block}.")


def _open_site(home: Home, name: str) -> Site:
    from scripts.predictor.client import PredictorProcess
    from scripts.server.site import open_services
    from scripts.wiring.site_accounts import site_config
    from webui.site import build_site
    from webui.store.database import upgrade_database

    config = site_config(home, "", "UTC", tls=False)
    upgrade_database(config.database_url)
    return build_site(config, open_services(home, name, PredictorProcess().open))
