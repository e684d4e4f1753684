"""`init`, `join` and `rotate`, the commands that all agents share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import Role, show
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, home_option, name_option

if TYPE_CHECKING:
    from scripts.wiring.home import Home

NEW_PASSWORD = "HEMALEDGER_NEW_PASSWORD"  # noqa: S105 - the name of the variable, not a password
FOR_ROUNDS, FOR_RECORDS = "for a federation with --long-lived", "for records of sites with --long-lived"
OLD_KEYS = "Keep the old key files, because they open old files."


def add_init(group: click.Group, role: Role, default: str | None = None, *, then: str = "") -> None:
    """Add the command that creates a member's account and key, for a role without images."""

    @group.command(help=f"Create the {role.name.lower()}'s account and key. {then}")
    @home_option
    @name_option(default)
    @guarded
    def init(home: Path, name: str) -> None:
        from scripts.wiring.home import Home
        from scripts.wiring.roles import create_member

        click.echo(f"Account of {name}: {show(create_member(Home(home), name, role))}")


def add_keys(
    group: click.Group, role: Role, default: str | None = None, *, rotating: str = "", old_key: str = OLD_KEYS
) -> None:
    """Add the commands that register a member's key on the ledger and replace it.

    Args:
        group: The member's commands.
        role: The member's role.
        default: The member's name if --name is not given.
        rotating: The text of `rotate --help`, if it is not the usual one.
        old_key: What `rotate` says about the old key.
    """
    who = role.name.lower()

    @group.command(help=f"Register the {who}'s key on the ledger. The operator must have admitted its account.")
    @chain_options
    @name_option(default)
    @guarded
    def join(home: Home, name: str) -> None:
        from scripts.wiring.roles import register_key

        register_key(home, name)
        click.echo(f"The key of {name} is on the ledger.")

    usual = f"Replace the {who}'s key, from the next round on."

    @group.command(help=rotating or usual)
    @chain_options
    @name_option(default)
    @guarded
    def rotate(home: Home, name: str) -> None:
        from scripts.wiring.roles import rotate_key

        click.echo(f"The key of {name} now has epoch {rotate_key(home, name)}. {old_key}")

    _add_long_key(group, who, default, FOR_RECORDS if role == Role.TRUSTEE else FOR_ROUNDS)
    add_password(group, who, default)


def _add_long_key(group: click.Group, who: str, default: str | None, purpose: str) -> None:
    """Add the command that makes a member's long key and puts it on the ledger."""

    @group.command("long-key", help=f"Make the {who}'s long key, {purpose}; put it on the ledger.")
    @chain_options
    @name_option(default)
    @guarded
    def long_key(home: Home, name: str) -> None:
        from scripts.wiring.roles import register_long_key

        epoch = register_long_key(home, name)
        click.echo(f"The long key of {name} for epoch {epoch} is on the ledger. {OLD_KEYS}")


def add_password(group: click.Group, who: str, default: str | None = None) -> None:
    """Add the command that changes the password of all keys of a member."""

    @group.command(help=f"Change the password of all keys of the {who}. Stop the agent first; the keys stay the same.")
    @home_option
    @name_option(default)
    @click.option(
        "--new-password",
        envvar=NEW_PASSWORD,
        prompt="New password",
        hide_input=True,
        confirmation_prompt="The same again",
        help=f"Better type it when asked, or set {NEW_PASSWORD}. The present one is in HEMALEDGER_PASSWORD.",
    )
    @guarded
    def password(home: Path, name: str, new_password: str) -> None:
        from scripts.wiring.home import Home
        from scripts.wiring.password_change import change_password

        count = change_password(Home(home).member(name), new_password)
        click.echo(f"{count} key files of {name} now open with the new password only. Set HEMALEDGER_PASSWORD to it.")
