"""`hemaledger trustee`: set up a trustee, take part in ceremonies, and answer requests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import KeyUse, Refusal, Role, show
from scripts.wiring.exit import guarded
from scripts.wiring.membership import add_keys
from scripts.wiring.options import USES, chain_options, home_option, name_option, use_option
from scripts.wiring.watch.options import WatchOptions, watch_options

if TYPE_CHECKING:
    from fl.crypto.start_kit import StartKit
    from fl.roles.trustee.agent import Trustee
    from scripts.wiring.home import Home, MemberHome

KIT_PASSWORD_VARIABLE = "HEMALEDGER_KIT_PASSWORD"  # noqa: S105 - the name of the variable, not a password
LATEST = 253_402_300_799
"""The last second of the year 9999."""
request_option = click.option(
    "--request", "number", type=click.IntRange(1), required=True, help="Number of the request."
)


@click.group()
def trustee() -> None:
    """Trustee: hold a share of a key, and approve or refuse requests to open something."""


@trustee.command()
@home_option
@name_option()
@click.option(
    "--start-kit",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The key file that the hospital's site made; its password is in HEMALEDGER_KIT_PASSWORD.",
)
@guarded
def init(home: Path, name: str, start_kit: Path | None) -> None:
    """Create the trustee's account and key, or take those of a start kit. Send the account to the operator."""
    from scripts.wiring.home import Home
    from scripts.wiring.roles import create_member

    kit = _open_start(start_kit) if start_kit is not None else None
    click.echo(f"Account of {name}: {show(create_member(Home(home), name, Role.TRUSTEE, kit))}")


add_keys(
    trustee,
    Role.TRUSTEE,
    rotating="Replace the trustee's key, as its agent does after every ceremony. The shares do not change.",
    old_key="The agent deletes the old key once no ceremony needs it.",
)


@trustee.command()
@chain_options
@name_option()
@click.option("--release-models", is_flag=True, help="Approve every release of a final model automatically.")
@watch_options
@guarded
def run(home: Home, name: str, *, release_models: bool, watch: WatchOptions) -> None:
    """Take part in every ceremony until stopped, and replace the key after each. Requests for records wait for you."""
    _serve(home, name, watch, release_models=release_models)


@trustee.command()
@chain_options
@name_option()
@guarded
def requests(home: Home, name: str) -> None:
    """List the requests that this trustee has not answered yet."""
    agent = trustee_of(home, name)
    waiting = agent.waiting()
    for request in waiting:
        requester = agent.view.federation.book.name_of(request.requester)
        until = _moment(request.record.deadline)
        purpose = request.record.purpose.name.lower().replace("_", " ")
        click.echo(
            f"{request.number:>6}  {request.key_use.name.lower():<8} {requester:<16} for {purpose}, until {until}"
        )
    if not waiting:
        click.echo("No request waits for an answer.")


@trustee.command()
@chain_options
@name_option()
@request_option
@guarded
def approve(home: Home, name: str, number: int) -> None:
    """Check a request, and if the rules allow it, send the requester this trustee's partial decryption, encrypted."""
    trustee_of(home, name).approve(number)
    click.echo(f"{name} approved request {number}.")


@trustee.command()
@chain_options
@name_option()
@request_option
@click.option(
    "--reason",
    type=click.Choice([reason.name.lower() for reason in Refusal]),
    default=Refusal.JUDGEMENT.name.lower(),
    show_default=True,
    help="Why. The ledger keeps it.",
)
@guarded
def refuse(home: Home, name: str, number: int, reason: str) -> None:
    """Refuse a request. Once enough trustees refused that no quorum is possible, the request is closed."""
    trustee_of(home, name).refuse(number, Refusal[reason.upper()])
    click.echo(f"{name} refused request {number}.")


@trustee.command()
@chain_options
@name_option()
@guarded
def refresh(home: Home, name: str) -> None:
    """Do this trustee's part of the running ceremonies, then stop. For trustees who do not keep `run` running."""
    _serve(home, name, WatchOptions(), _settled)
    click.echo(f"{name} has nothing left to do.")


@trustee.command()
@chain_options
@name_option()
@use_option
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The new file.")
@guarded
def kit(home: Home, name: str, use: str, output: Path) -> None:
    """Write the approval kit for the browser, encrypted with the password in HEMALEDGER_KIT_PASSWORD."""
    from scripts.wiring.password_change import check_password

    password = _kit_password()
    check_password(KIT_PASSWORD_VARIABLE, password, name)
    epoch = write_kit(trustee_of(home, name), home.member(name), USES[use], output, password)
    click.echo(f"{output} holds the share of epoch {epoch}. Keep it apart from its password.")


@trustee.command("hand-over")
@chain_options
@name_option()
@click.option("--to", "successor", required=True, help="Name of the trustee who answers in this one's place.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The new file.")
@click.option("--two-seats", is_flag=True, help="Allow it although the successor sat in one committee with this one.")
@guarded
def hand_seats_over(home: Home, name: str, successor: str, output: Path, *, two_seats: bool) -> None:
    """Before a trustee leaves: give its long keys to another trustee, so that old records of suite 2 stay readable."""
    from scripts.wiring.long_records import write_seats

    count = write_seats(home, name, successor, output, two_seats=two_seats)
    click.echo(
        f"{output} holds {count} long keys of {name}, encrypted to {successor} alone. Once {successor} has run "
        f"take-over, delete long-*.pem and seat-*.pem of {name}."
    )


@trustee.command("take-over")
@chain_options
@name_option()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@guarded
def take_seats_over(home: Home, name: str, file: Path) -> None:
    """Take the long keys of a trustee who leaves from its FILE."""
    from scripts.wiring.long_records import read_seats

    count = read_seats(home, name, file)
    click.echo(f"{name} now has the long keys of {count} seats of others. Make a new backup of its folder.")


def write_kit(agent: Trustee, member: MemberHome, use: KeyUse, path: Path, password: str) -> int:
    """Write a trustee's approval kit, encrypted with `password`, to `path`; return the epoch of its share."""
    from fl.crypto.encrypted_keystore import Kit, KitChain, lock
    from fl.files import write_atomic
    from scripts.wiring.roles import load_account, open_safe

    share = agent.held(use)
    anchor = agent.view.ledger.anchor
    site = KitChain(anchor.chain_id, anchor.authority, anchor.consortium)
    long_keys = tuple(key.to_raw() for key in open_safe(member).keys.long_keys()) if use == KeyUse.RECORDS else ()
    write_atomic(path, lock(Kit(share, site, load_account(member).secret, long_keys), password), mode=0o600)
    return share.seat.epoch


def _open_start(path: Path) -> StartKit:
    from fl.crypto.encrypted_keystore import LOCKBOX_CAP
    from fl.crypto.start_kit import open_start

    with path.open("rb") as file:
        return open_start(file.read(LOCKBOX_CAP + 1), _kit_password(), str(path))


def _kit_password() -> str:
    password = os.environ.get(KIT_PASSWORD_VARIABLE, "")
    if not password:
        raise SettingInvalid(
            KIT_PASSWORD_VARIABLE, "set it to a password for the kit; do not use the password of the keys"
        )
    return password


def _moment(seconds: int) -> str:
    """Return a time as text. A requester may have chosen any number, so it may be too large for a date."""
    if seconds > LATEST:
        return "the end of time"
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def _settled(agent: Trustee) -> bool:
    """Return whether no ceremony is running and this trustee has nothing to do."""
    keys = agent.view.federation.threshold
    newest = [keys.ceremony(use) for use in keys.ceremonies]
    return agent.idle and all(ceremony is None or ceremony.ended for ceremony in newest)


def _serve(
    home: Home,
    name: str,
    watch: WatchOptions,
    done: Callable[[Trustee], bool] = lambda _agent: False,
    *,
    release_models: bool = False,
) -> None:
    """Run the trustee until it is stopped or `done` returns True."""
    from fl.roles.trustee.agent import Trustee
    from fl.storage.lock import only_one
    from scripts.wiring.agent import serve_agent
    from scripts.wiring.roles import open_ports, open_safe
    from scripts.wiring.watch.watching import Watching

    member = home.member(name).as_a(Role.TRUSTEE)
    watching = Watching.of(home, member, watch)

    def make() -> Trustee:
        return Trustee(open_ports(home, member, watching.notify), open_safe(member), release_models=release_models)

    with only_one(member.folder):
        serve_agent(make, watching, done)


def trustee_of(home: Home, name: str) -> Trustee:
    """Return a trustee that has read the ledger up to now."""
    from fl.roles.trustee.agent import Trustee
    from scripts.wiring.agent import announce
    from scripts.wiring.roles import open_ports, open_safe

    member = home.member(name).as_a(Role.TRUSTEE)
    agent = Trustee(open_ports(home, member, announce(name)), open_safe(member))
    agent.view.refresh()
    return agent
