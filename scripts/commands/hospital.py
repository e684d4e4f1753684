"""`hemaledger hospital`: set up a hospital, give it its images, and run it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl.protocol.names import Role, show
from scripts.wiring.exit import guarded
from scripts.wiring.membership import add_keys
from scripts.wiring.options import (
    chain_options,
    device_option,
    home_option,
    label_options,
    name_option,
    reading_options,
    task_options,
)

if TYPE_CHECKING:
    from fl.roles.hospital.trusted_peers import TrustedPeers
    from scripts.wiring.home import Home


@click.group()
def hospital() -> None:
    """Hospital: set up, join and take part in rounds."""


@hospital.command()
@home_option
@name_option()
@click.option("--data", type=click.Path(path_type=Path), help="Folder of images by class, or an .npz file.")
@task_options
@label_options
@reading_options
@guarded
def init(home: Path, name: str, data: Path | None, **given: Any) -> None:  # noqa: ANN401 - options
    """Create the hospital's account and key, and take in its images. Tell the operator the account.

    What the names of the folders mean is kept in labels.json beside the images. Edit it and give it with --labels.
    """
    from scripts.wiring.home import Home
    from scripts.wiring.roles import create_member

    place = Home(home)
    if data is not None:
        from scripts.wiring.training import keep_data

        keep_data(data, place, name, given).tell("images", place.member(name))
    account = create_member(place, name, Role.HOSPITAL)
    click.echo(f"Account of {name}: {show(account)}")


add_keys(hospital, Role.HOSPITAL)


@hospital.command()
@chain_options
@name_option()
@device_option
@click.option("--threads", type=click.IntRange(1), help="CPU threads for training; all by default.")
@click.option("--trust", multiple=True, help="Account of a hospital that this one trusts; may be given several times.")
@click.option("--trust-at-least", type=click.IntRange(0), help="So many of them must be in a masked round; else all.")
@guarded
def run(
    home: Home, name: str, device: str, threads: int | None, trust: tuple[str, ...], trust_at_least: int | None
) -> None:
    """Take part in every round until stopped; after a crash, start it again and it finds its place."""
    from fl.roles.hospital.agent import Hospital
    from fl.storage.lock import only_one
    from fl.training.model.device import use_threads
    from scripts.wiring.agent import announce, serve_agent
    from scripts.wiring.roles import open_ports
    from scripts.wiring.training import own_task, trainer

    member = home.member(name).as_a(Role.HOSPITAL)
    if threads:
        use_threads(threads)
    notify, peers = announce(name), _trust(trust, trust_at_least)
    with only_one(member.folder):
        train, task = trainer(member.data_file, name, device, notify), own_task(member)
        serve_agent(lambda: Hospital(open_ports(home, member, notify), train, peers, task), notify)


def _trust(accounts: tuple[str, ...], at_least: int | None) -> TrustedPeers:
    """Return whom this hospital wants beside it: all of `accounts`, or so many of them."""
    from chain.transactions.addresses import parse_address
    from fl.roles.hospital.trusted_peers import TrustedPeers

    peers = frozenset(parse_address(account, "account") for account in accounts)
    return TrustedPeers(peers, len(peers) if at_least is None else at_least)
