"""`hemaledger backup` and `hemaledger restore`: a member's folder in one encrypted file."""

from __future__ import annotations

from pathlib import Path

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import home_option

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=FILE)
@home_option
@click.option("--name", "names", multiple=True, help="A member. Repeatable. Default: every member of the folder.")
@click.option(
    "--with",
    "parts",
    multiple=True,
    type=click.Choice(["chain", "vault", "site"]),
    help="What else: the embedded chain, a vault in a folder, a site with SQLite. Repeatable.",
)
@guarded
def backup(file: Path, home: Path, names: tuple[str, ...], parts: tuple[str, ...]) -> None:
    """Write keys, images and settings into FILE, encrypted with the password in HEMALEDGER_BACKUP_PASSWORD.

    Agents may run meanwhile. The secrets of rounds are never in a backup.
    """
    from scripts.wiring.backup import PASSWORD_VARIABLE, Chosen, make_backup, password_of_backup
    from scripts.wiring.home import Home
    from scripts.wiring.password_change import check_password

    password = password_of_backup()
    check_password(PASSWORD_VARIABLE, password, *names)
    written = make_backup(Home(home), file, password, Chosen(names, parts))
    click.echo(f"{file} has {len(written)} files, {file.stat().st_size} bytes.")
    click.echo("Keep it apart from its password and from the password of the keys, which is not in it.")


@click.command()
@click.argument("file", type=FILE)
@home_option
@guarded
def restore(file: Path, home: Path) -> None:
    """Put what is in FILE into a folder that has none of its members. First make sure that no old copy runs.

    A restored hospital takes no part in the rounds that are open; it begins with the next one.
    """
    from scripts.wiring.backup import password_of_backup, restore_backup
    from scripts.wiring.home import Home

    names = restore_backup(Home(home), file, password_of_backup())
    click.echo(f"Restored to {home}: {', '.join(names)}.")
    click.echo("Never start the old folder again. Check this machine: hemaledger doctor --name NAME")
