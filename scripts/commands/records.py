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
    """Sealed patient records: anchor them, check proofs, erase. A running site anchors its records automatically."""


@records.command()
@chain_options
@name_option()
@guarded
def anchor(home: Home, name: str) -> None:
    """Put one root of all new records onto the ledger now."""
    anchored = _open_site(home, name).anchoring.anchor()
    if anchored is None:
        click.echo("There are no new records.")
    else:
        click.echo(f"Batch {anchored.batch} is on the ledger in block {anchored.block}: root {show(anchored.root)}")


@records.command()
@chain_options
@name_option()
@click.option("--record", "number", required=True, help="The number on the record's page.")
@click.confirmation_option(prompt="Erase this record and its notes for good?")
@guarded
def erase(home: Home, name: str, number: str) -> None:
    """Delete a record's file, salt, wrapped keys and policy, and its notes. Only its fingerprint remains."""
    site = _open_site(home, name)
    row = site.record_store.numbered(number)
    if row is None or row.about_id is not None:
        raise SettingInvalid("record", f"there is no check with the number {number}")
    if not site.record_store.erase(row.id):
        click.echo(
            "The database's log is in use and still contains the record. Restart the site to empty the log.", err=True
        )
    click.echo(f"Record {number} is erased. Erase it from your backups, too.")


@records.command()
@chain_options
@click.argument("proof", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@guarded
def verify(home: Home, proof: Path) -> None:
    """Check a downloaded proof or receipt (JSON) against the ledger. This needs no key."""
    from scripts.commands.record_proof import check_proof
    from scripts.wiring.roles import open_ledger

    checked = check_proof(proof.read_bytes(), open_ledger(home))
    click.echo(json.dumps(checked.to_dict(), indent=2, sort_keys=True))
    click.echo(f"The record is in the batch that {checked.hospital} put on the ledger in block {checked.block}.")


def _open_site(home: Home, name: str) -> Site:
    from scripts.predictor.client import PredictorProcess
    from scripts.server.site import open_services
    from scripts.wiring.site_accounts import site_config
    from webui.site import build_site
    from webui.store.database import upgrade_database

    config = site_config(home, "", "UTC", tls=False)
    upgrade_database(config.database_url)
    return build_site(config, open_services(home, name, PredictorProcess().open))
