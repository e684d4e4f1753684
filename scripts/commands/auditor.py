"""`hemaledger auditor`: set up an auditor and let it attest rounds while they run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl.protocol.names import Role, show
from scripts.wiring.exit import guarded
from scripts.wiring.membership import add_keys
from scripts.wiring.options import (
    chain_options,
    home_option,
    label_options,
    name_option,
    reading_options,
    task_options,
)

if TYPE_CHECKING:
    from scripts.wiring.home import Home


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
    from scripts.wiring.home import Home
    from scripts.wiring.roles import create_member

    place = Home(home)
    if holdout is not None:
        from scripts.wiring.training import keep_data

        kept = keep_data(holdout, place, name, given, held_out=True)
        kept.tell("held-out images", place.member(name))
    account = create_member(place, name, Role.AUDITOR)
    click.echo(f"Account of {name}: {show(account)}")


add_keys(auditor, Role.AUDITOR, "auditor")


@auditor.command()
@chain_options
@name_option("auditor")
@guarded
def run(home: Home, name: str) -> None:
    """Replay, evaluate and attest every proposal until stopped."""
    from fl.roles.auditor import Auditor
    from fl.storage.lock import only_one
    from scripts.wiring.agent import announce, serve_agent
    from scripts.wiring.roles import open_ports
    from scripts.wiring.training import evaluator

    member = home.member(name).as_a(Role.AUDITOR)
    notify = announce(name)
    with only_one(member.folder):
        evaluate = evaluator(member.data_file)
        serve_agent(lambda: Auditor(open_ports(home, member, notify), evaluate), notify)
