"""`hemaledger trustee`: set up a trustee, let it take part in ceremonies, and answer requests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import KeyUse, Refusal, Role
from scripts.wiring.exit import guarded
from scripts.wiring.membership import add_init, add_keys
from scripts.wiring.options import USES, chain_options, name_option

if TYPE_CHECKING:
    from fl.roles.trustee.agent import Trustee
    from scripts.wiring.home import Home, MemberHome

KIT_PASSWORD_VARIABLE = "HEMALEDGER_KIT_PASSWORD"  # noqa: S105 - the name of the variable, not a password
LATEST = 253_402_300_799
"""The last second of the year 9999."""
use_option = click.option("--use", type=click.Choice(list(USES)), default="records", show_default=True)


@click.group()
def trustee() -> None:
    """Trustee: hold a share of a key, and approve or refuse what should be opened."""


add_init(trustee, Role.TRUSTEE, then="Tell the operator the account.")
add_keys(
    trustee,
    Role.TRUSTEE,
    rotating="Replace the trustee's key, as its agent does after every ceremony. Its shares stay as they are.",
    kept="Its agent destroys the old one when no ceremony needs it.",
)


@trustee.command()
@chain_options
@name_option()
@click.option("--release-models", is_flag=True, help="Approve every release of a final model without asking.")
@guarded
def run(home: Home, name: str, *, release_models: bool) -> None:
    """Take part in every ceremony until stopped, with a new key after each; requests for records wait for you."""
    _serve(home, name, release_models=release_models)


@trustee.command()
@chain_options
@name_option()
@guarded
def requests(home: Home, name: str) -> None:
    """List the requests that wait for this trustee's answer."""
    agent = trustee_of(home, name)
    waiting = agent.waiting()
    for request in waiting:
        asked = agent.view.federation.book.name_of(request.requester)
        until = _moment(request.record.deadline)
        purpose = request.record.purpose.name.lower().replace("_", " ")
        click.echo(f"{request.number:>6}  {request.key_use.name.lower():<8} {asked:<16} for {purpose}, until {until}")
    if not waiting:
        click.echo("Nothing waits for an answer.")


@trustee.command()
@chain_options
@name_option()
@click.option("--request", "number", type=click.IntRange(1), required=True)
@guarded
def approve(home: Home, name: str, number: int) -> None:
    """Check a request and, if it may be opened, seal this trustee's part to whoever asks."""
    trustee_of(home, name).approve(number)
    click.echo(f"{name} approved request {number}.")


@trustee.command()
@chain_options
@name_option()
@click.option("--request", "number", type=click.IntRange(1), required=True)
@click.option(
    "--reason",
    type=click.Choice([reason.name.lower() for reason in Refusal]),
    default=Refusal.JUDGEMENT.name.lower(),
    show_default=True,
)
@guarded
def refuse(home: Home, name: str, number: int, reason: str) -> None:
    """Refuse a request; when no quorum is possible any more, it is closed."""
    trustee_of(home, name).refuse(number, Refusal[reason.upper()])
    click.echo(f"{name} refused request {number}.")


@trustee.command()
@chain_options
@name_option()
@guarded
def refresh(home: Home, name: str) -> None:
    """Take part in waiting ceremonies until this trustee's part is done. For trustees who do not keep `run` running."""
    _serve(home, name, _settled)
    click.echo(f"{name} has nothing left to do.")


@trustee.command()
@chain_options
@name_option()
@use_option
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), required=True)
@guarded
def kit(home: Home, name: str, use: str, output: Path) -> None:
    """Write the approval kit for the browser, sealed with the password in HEMALEDGER_KIT_PASSWORD."""
    password = os.environ.get(KIT_PASSWORD_VARIABLE, "")
    if not password:
        raise SettingInvalid(KIT_PASSWORD_VARIABLE, "set it to a password for the kit, another than that of the keys")
    epoch = write_kit(trustee_of(home, name), home.member(name), USES[use], output, password)
    click.echo(f"{output} approves with the share of epoch {epoch}. Keep it apart from its password.")


def write_kit(agent: Trustee, member: MemberHome, use: KeyUse, path: Path, password: str) -> int:
    """Write a trustee's approval kit to `path`, sealed with `password`; return the epoch of its share."""
    from fl.crypto.encrypted_keystore import Kit, KitChain, lock
    from fl.files import write_atomic
    from scripts.wiring.roles import load_account

    held = agent.held(use)
    anchor = agent.view.ledger.anchor
    site = KitChain(anchor.chain_id, anchor.authority, anchor.consortium)
    write_atomic(path, lock(Kit(held, site, load_account(member).secret), password), mode=0o600)
    return held.seat.epoch


def _moment(seconds: int) -> str:
    """Return a time of the ledger for people; whoever asks may have named any number."""
    if seconds > LATEST:
        return "the end of time"
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def _settled(agent: Trustee) -> bool:
    """Return whether no ceremony is running and this trustee did all it could."""
    keys = agent.view.federation.threshold
    newest = [keys.ceremony(use) for use in keys.ceremonies]
    return agent.idle and all(ceremony is None or ceremony.ended for ceremony in newest)


def _serve(
    home: Home, name: str, done: Callable[[Trustee], bool] = lambda _agent: False, *, release_models: bool = False
) -> None:
    """Run the trustee until it is stopped, or `done` holds."""
    from fl.roles.trustee.agent import Trustee
    from fl.storage.lock import only_one
    from scripts.wiring.agent import announce, serve_agent
    from scripts.wiring.roles import open_ports, open_safe

    member = home.member(name).as_a(Role.TRUSTEE)
    notify = announce(name)
    with only_one(member.folder):
        serve_agent(
            lambda: Trustee(open_ports(home, member, notify), open_safe(member), release_models=release_models),
            notify,
            done,
        )


def trustee_of(home: Home, name: str) -> Trustee:
    """Return a trustee that knows the ledger up to now."""
    from fl.roles.trustee.agent import Trustee
    from scripts.wiring.agent import announce
    from scripts.wiring.roles import open_ports, open_safe

    member = home.member(name).as_a(Role.TRUSTEE)
    agent = Trustee(open_ports(home, member, announce(name)), open_safe(member))
    agent.view.refresh()
    return agent
