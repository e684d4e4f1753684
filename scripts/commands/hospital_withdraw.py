"""`hemaledger hospital withdraw`: take this hospital, or the pictures of persons, out of the federation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import Role, show
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option

if TYPE_CHECKING:
    from scripts.wiring.home import Home


@click.command()
@chain_options
@name_option()
@click.option(
    "--persons",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with one person of the imported images in each line: take these persons' images back only.",
)
@click.option(
    "--since",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="With --persons: the first round that can have used these images.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@guarded
def withdraw(home: Home, name: str, *, persons: Path | None, since: int, yes: bool) -> None:
    """State for ever that this hospital takes itself back, or the images of some persons.

    The federation then goes back to a model without them. With --persons the images are deleted from this hospital's
    imported data first; the ledger gets their number and a digest, and no name. Without it this hospital takes part in
    no further round.
    """
    from fl.protocol.withdrawal import HOSPITAL, Withdrawal
    from fl.replay.ledger_view import LedgerView
    from fl.roles.hospital.withdrawing import withdraw as state
    from fl.roles.hospital.withdrawing import withdraw_rows
    from scripts.wiring.roles import open_ports
    from scripts.wiring.withdrawals import FolderRows, read_persons

    member = home.member(name).as_a(Role.HOSPITAL)
    if not yes and not click.confirm("Everybody will see this for ever. Take it back?"):
        return
    ports = open_ports(home, member, lambda _what, _facts: None)
    if persons is None:
        digest = state(ports, Withdrawal(HOSPITAL, 1))
        click.echo(f"Withdrawn: this hospital, document {show(digest)}.")
        return
    federation = LedgerView(ports.ledger).refresh()
    what, digest = withdraw_rows(ports, federation, FolderRows(member), read_persons(persons), since)
    click.echo(f"Withdrawn: {what.rows} images since round {what.since}, document {show(digest)}.")
