"""`hemaledger coordinator go-back`: go back to a model without what was taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Address, Role, show
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option

if TYPE_CHECKING:
    from fl.protocol.federation import Federation
    from fl.protocol.ports import Vault
    from scripts.wiring.home import Home


@click.command("go-back")
@chain_options
@name_option("coordinator")
@click.option("--to", type=click.IntRange(0), help="Round whose model is current again; 0: the first model.")
@click.option("--without", help="Name of a hospital: go back to the newest model without its updates.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@guarded
def return_to(home: Home, name: str, *, to: int | None, without: str | None, yes: bool) -> None:
    """Go back to an earlier model; the next rounds train on from there without what was taken back.

    Without --to and --without it is the newest model that uses nothing of what hospitals took back. Later models stay
    on the ledger and are marked as superseded. Hold the running coordinator first, if a round may open meanwhile.
    """
    from fl.replay.ledger_view import LedgerView
    from fl.roles.coordinator.returns import go_back
    from scripts.wiring.roles import open_ports

    ports = open_ports(home, home.member(name).as_a(Role.COORDINATOR), lambda _what, _facts: None)
    federation = LedgerView(ports.ledger).refresh()
    wanted = to if to is not None else _wanted(federation, ports.vault, without)
    later = [each.number for each in federation.lineage.ancestors() if each.number > wanted]
    what = f"the model of round {wanted}" if wanted else "the first model"
    click.echo(f"Go back to {what}. Superseded: {', '.join(map(str, reversed(later))) or 'none'}.")
    if yes or click.confirm("Everybody will see this for ever. Go back?"):
        click.echo(f"The current model is {show(go_back(ports, wanted))} again.")


def _wanted(federation: Federation, vault: Vault, without: str | None) -> int:
    """Return the round to go back to, or raise SettingInvalid."""
    from fl.replay.branches import base_without, pending

    if without is None:
        bases = [each.base for each in pending(federation, vault)]
        if not bases:
            raise SettingInvalid("to", "no hospital took back what the model uses; give --to or --without")
        return min(bases)
    base = base_without(federation, _account(federation, without))
    if base is None:
        raise SettingInvalid("without", f"the current model uses no update of {without}")
    return base


def _account(federation: Federation, name: str) -> Address:
    members = federation.book.members.values()
    found = [each.account for each in members if each.name == name and each.role == Role.HOSPITAL]
    if not found:
        raise SettingInvalid("without", f"no hospital is called {name}")
    return found[-1]
