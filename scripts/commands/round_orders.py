"""Orders about rounds, carried out on the coordinator's machine: open, hold back, go on, abort, go back.

Source: webui/ports/orders.py; scripts/commands/coordinator_holds.py (the same without an order).
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from scripts.commands.coordinator_holds import abort_running, hold_back, release

if TYPE_CHECKING:
    from scripts.wiring.home import Home, MemberHome
    from webui.ports.orders import Order


def open_rounds(home: Home, member: MemberHome, order: Order) -> str:
    """Run the coordinator with the terms of an order until all rounds are final.

    Raises:
        EncodingError: the site would not have written such terms.
    """
    from scripts.commands.coordinator import run
    from webui.usecases.round_orders import terms_of

    command = terms_of(order).command
    click.echo("If you stop this, start the coordinator again with:")
    click.echo(f"  {command} --name {shlex.quote(member.name)}")
    words = ["--home", str(home.folder), "--name", member.name, "--change-plan"]
    run.main([*shlex.split(command)[3:], *words], prog_name="hemaledger coordinator run", standalone_mode=False)
    return "All rounds are done."


def hold(_home: Home, member: MemberHome, order: Order) -> str:
    hold_back(member.folder, order.facts["reason"])
    return "No further round opens until an order to go on, or `hemaledger coordinator go-on`."


def go_on(_home: Home, member: MemberHome, _order: Order) -> str:
    release(member.folder)
    return "Rounds open again."


def abort(home: Home, member: MemberHome, order: Order) -> str:
    """End the round that an order names.

    Raises:
        EncodingError: the order names no round.
        SettingInvalid: this round is not running.
    """
    from webui.usecases.round_orders import round_of

    number = abort_running(home, member, order.facts["reason"], round_of(order))
    return f"Round {number} is aborted. The model before it stays in use."


def return_to(home: Home, member: MemberHome, order: Order) -> str:
    """Go back to the model that an order names.

    Raises:
        EncodingError: the order names no model.
        RoundStillOpen, SettingInvalid, RecipientNotFound: as fl/roles/coordinator/returns.py says.
    """
    from fl.protocol.names import show
    from fl.roles.coordinator.returns import go_back
    from scripts.wiring.roles import open_ports
    from webui.usecases.round_orders import model_of

    ports = open_ports(home, member, lambda _what, _facts: None)
    return f"The current model is {show(go_back(ports, model_of(order)))} again."
