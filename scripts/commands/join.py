"""`hemaledger join`: become a member with the operator's invitation."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors import UnavailableError
from fl.protocol.names import Role, show, shown
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options

if TYPE_CHECKING:
    from fl.protocol.names import Address
    from scripts.wiring.home import Home
    from scripts.wiring.invitation import Invitation

NEXT = {
    Role.HOSPITAL: (
        "hemaledger hospital init --name {name} --data FOLDER-WITH-YOUR-IMAGES",
        "hemaledger hospital run --name {name}",
    ),
    Role.AUDITOR: ("hemaledger auditor init --name {name} --holdout FILE", "hemaledger auditor run --name {name}"),
    Role.TRUSTEE: ("hemaledger trustee run --name {name}",),
    Role.COORDINATOR: ("hemaledger coordinator run --name {name}",),
}


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@chain_options
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the operator has registered you.")
@guarded
def join(home: Home, file: Path, *, wait: bool) -> None:
    """Become a member with the invitation in FILE. Set the password of your keys in HEMALEDGER_PASSWORD.

    The command makes your keys, shows what to compare with the operator by telephone, waits until you are registered,
    puts your public key on the ledger, and checks this machine. If it was interrupted, run it again: it goes on.
    """
    from scripts.commands.doctor import examine
    from scripts.wiring.invitation import read_invitation
    from scripts.wiring.joining import Joining

    joining = Joining(home, read_invitation(file))
    joining.check()
    _show(joining.invitation)
    if not joining.vault_answers():
        click.echo("The vault does not answer. Ask the operator whether this invitation still counts.")
    account = joining.make_keys()
    _compare(joining.invitation, account)
    if joining.registration(account, wait=wait, tell=_ask_for_registration) is None:
        sys.exit(UnavailableError.exit_code)
    joining.register_key()
    click.echo("You are registered, and your public key is on the ledger. Now this machine is checked.")
    healthy = examine(joining.home, joining.member.name)
    click.echo("Run next:")
    for line in NEXT[joining.invitation.role]:
        click.echo(f"  {line.format(name=joining.member.name)}")
    sys.exit(healthy)


def _show(invitation: Invitation) -> None:
    anchor, task = invitation.deployment.anchor, invitation.deployment.task
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(invitation.expires_at))
    click.echo(f"You are invited as {invitation.role.name.lower()}, with the name {shown(invitation.name)}.")
    click.echo(f"Consortium {show(anchor.consortium)} on the chain {anchor.chain_id}. Valid until {until}.")
    if task is not None:
        click.echo(f"All members train the task {task.code}: {shown(task.name)} ({', '.join(task.codes)}).")
    click.echo(f"It needs: {shown(invitation.install)}.")


def _compare(invitation: Invitation, account: Address) -> None:
    from chain.transactions.addresses import checksummed

    click.echo("Compare both with the operator by telephone, before the operator registers you:")
    click.echo(f"  Fingerprint of the invitation: {invitation.fingerprint}")
    click.echo(f"  Your account:                  {checksummed(account)}")
    click.echo("The operator then runs:")
    role = invitation.role.name.lower()
    name = shlex.quote(shown(invitation.name))
    click.echo(f"  hemaledger consortium register --account {checksummed(account)} --role {role} --name {name}")


def _ask_for_registration() -> None:
    click.echo("The operator has not registered this account yet. If you stop here, run the same command again later.")
