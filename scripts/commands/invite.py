"""`hemaledger consortium invite`: write the one file with which a new member joins."""

from __future__ import annotations

import time
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Role, show
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options

if TYPE_CHECKING:
    from scripts.wiring.home import Home

DEFAULT_DAYS, MOST_DAYS = 14, 90
"""The values of scripts/wiring/invitation.py."""
ROLES = [role.name.lower() for role in Role if role != Role.OPERATOR]


@click.command()
@chain_options
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write.")
@click.option("--days", type=click.IntRange(1, MOST_DAYS), default=DEFAULT_DAYS, show_default=True, help="Validity.")
@click.option(
    "--rpc",
    "urls",
    multiple=True,
    help="RPC URL as the member reaches it. Repeatable, or several with commas. Default: those that you use.",
)
@click.option(
    "--rpc-ca",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Certificate (PEM) of the CA that signed the nodes' certificates, if it is not a public one.",
)
@guarded
def invite(  # one parameter per option
    home: Home, name: str, *, role: str, out: Path, days: int, urls: tuple[str, ...], rpc_ca: Path | None
) -> None:
    """Write an invitation for NAME, signed with your account. It holds nothing secret, and admits nobody.

    The member runs `hemaledger join FILE` and tells you an account, which you register.
    """
    from chain.transactions.addresses import checksummed
    from fl.files import write_atomic
    from scripts.wiring.invitation import is_invitation
    from scripts.wiring.joining import Reach, write_invitation

    if out.exists() and not is_invitation(out):
        raise SettingInvalid("out", f"{out} is another file already; name a new one")
    reach = Reach(urls, _text_of(rpc_ca) if rpc_ca else "")
    invitation = write_invitation(home, Role[role.upper()], name, reach, days)
    write_atomic(out, invitation.to_bytes())
    click.echo(f"The invitation of {invitation.name} as {role} is in {out}, valid until {_day(invitation.expires_at)}.")
    click.echo(
        f"Signed by {checksummed(invitation.signer)} for the consortium {show(home.deployment.anchor.consortium)}."
    )
    click.echo(f"Fingerprint, to compare by telephone: {invitation.fingerprint}")
    for url in invitation.urls:
        if _on_this_machine(url):
            click.echo(
                f"Only this machine reaches {url}. For another machine, run this again with --rpc URL.", err=True
            )
    if home.vault_folder is not None:
        click.echo(
            "The vault is a folder: the member needs it as `vault` in its own folder (docs/operator.md).", err=True
        )


@click.command()
@chain_options
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@guarded
def withdraw(home: Home, file: Path) -> None:
    """Take back the invitation in FILE before it was used. Everybody who can write to the vault can do this."""
    from scripts.wiring import joining
    from scripts.wiring.invitation import read_invitation

    invitation = read_invitation(file)
    joining.withdraw(home, invitation)
    click.echo(f"The invitation of {invitation.name} is withdrawn: `hemaledger join` refuses it from now on.")


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingInvalid("rpc-ca", "it holds no certificate in PEM") from error


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def _on_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
