"""`hemaledger hospital`: set up a hospital, give it its images, and run it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from chain.transactions.addresses import parse_address
from fl.protocol.names import Role, show
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.trusted_peers import TrustedPeers
from fl.storage.lock import only_one
from fl.training.model.device import use_threads
from scripts.wiring.agent import announce, serve_agent
from scripts.wiring.exit import guarded
from scripts.wiring.home import Home
from scripts.wiring.listing import reading_options, tell
from scripts.wiring.options import chain_options, device_option, home_option, name_option
from scripts.wiring.roles import create_member, open_ports, register_key, rotate_key
from scripts.wiring.task import label_options, task_options
from scripts.wiring.training import keep_data, own_task, trainer


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
    place = Home(home)
    if data is not None:
        kept = keep_data(data, place, name, given)
        tell(kept.dataset.listing)
        click.echo("\n".join(kept.lines()))
        click.echo(f"{len(kept.dataset)} images were taken in; they never leave {place.member(name).folder}.")
    account = create_member(place, name, Role.HOSPITAL)
    click.echo(f"Account of {name}: {show(account)}")


@hospital.command()
@chain_options
@name_option()
@guarded
def join(home: Home, name: str) -> None:
    """Register the hospital's key on the ledger, after the operator admitted its account."""
    register_key(home, name)
    click.echo(f"The key of {name} is on the ledger.")


@hospital.command()
@chain_options
@name_option()
@guarded
def rotate(home: Home, name: str) -> None:
    """Replace the hospital's key from the next round on; restart its other processes afterwards."""
    epoch = rotate_key(home, name)
    click.echo(f"The key of {name} is now that of epoch {epoch}. Keep the old key files: they open old files.")


@hospital.command()
@chain_options
@name_option()
@device_option
@click.option("--threads", type=click.IntRange(1), help="CPU threads for training; all by default.")
@click.option("--trust", multiple=True, help="Account of a hospital that this one trusts; may be given several times.")
@click.option("--trust-at-least", type=click.IntRange(0), help="So many of them must be in a masked round; else all.")
@guarded
def run(home: Home, name: str, device: str, threads: int | None, **given: Any) -> None:  # noqa: ANN401 - options
    """Take part in every round until stopped; after a crash, start it again and it finds its home."""
    member = home.member(name).as_a(Role.HOSPITAL)
    if threads:
        use_threads(threads)
    notify = announce(name)
    with only_one(member.folder):
        train, task = trainer(member.data_file, name, device, notify), own_task(member)
        trust = _trust(given["trust"], given["trust_at_least"])
        serve_agent(lambda: Hospital(open_ports(home, member, notify), train, trust, task), notify)


def _trust(accounts: tuple[str, ...], at_least: int | None) -> TrustedPeers:
    """Return whom this hospital wants beside it: all of `accounts`, or so many of them."""
    peers = frozenset(parse_address(account, "account") for account in accounts)
    return TrustedPeers(peers, len(peers) if at_least is None else at_least)
