"""`hemaledger auditor`: set up an auditor and let it attest rounds while they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fl.protocol.names import Role, show
from fl.roles.auditor import Auditor
from fl.storage.lock import only_one
from scripts.wiring.agent import announce, serve_agent
from scripts.wiring.exit import guarded
from scripts.wiring.home import Home
from scripts.wiring.listing import reading_options, tell
from scripts.wiring.options import chain_options, home_option, name_option
from scripts.wiring.roles import create_member, open_ports, register_key, rotate_key
from scripts.wiring.task import label_options, task_options
from scripts.wiring.training import evaluator, keep_data


@click.group()
def auditor() -> None:
    """Auditor: replay and attest each round while it runs."""


@auditor.command()
@home_option
@name_option("auditor")
@click.option("--holdout", type=click.Path(path_type=Path), help="Held-out images to evaluate every model on.")
@click.option("--describe", help="What the reports call these images. It is public; without it they have no name.")
@task_options
@label_options
@reading_options
@guarded
def init(home: Path, name: str, holdout: Path | None, **given: Any) -> None:  # noqa: ANN401 - options
    """Create the auditor's account and key.

    What the names of the folders mean is kept in labels.json beside the images. Edit it and give it with --labels.
    """
    place = Home(home)
    if holdout is not None:
        kept = keep_data(holdout, place, name, given, held_out=True)
        tell(kept.dataset.listing)
        click.echo("\n".join(kept.lines()))
        click.echo(f"{len(kept.dataset)} held-out images were taken in; they never leave {place.member(name).folder}.")
    account = create_member(place, name, Role.AUDITOR)
    click.echo(f"Account of {name}: {show(account)}")


@auditor.command()
@chain_options
@name_option("auditor")
@guarded
def join(home: Home, name: str) -> None:
    """Register the auditor's key on the ledger, after the operator admitted its account."""
    register_key(home, name)
    click.echo(f"The key of {name} is on the ledger.")


@auditor.command()
@chain_options
@name_option("auditor")
@guarded
def rotate(home: Home, name: str) -> None:
    """Replace the auditor's key from the next round on; restart its other processes afterwards."""
    epoch = rotate_key(home, name)
    click.echo(f"The key of {name} is now that of epoch {epoch}. Keep the old key files: they open old files.")


@auditor.command()
@chain_options
@name_option("auditor")
@guarded
def run(home: Home, name: str) -> None:
    """Replay, evaluate and attest every proposal until stopped."""
    member = home.member(name).as_a(Role.AUDITOR)
    notify = announce(name)
    with only_one(member.folder):
        evaluate = evaluator(member.data_file)
        serve_agent(lambda: Auditor(open_ports(home, member, notify), evaluate), notify)
