"""`hemaledger federation`: run the same rounds over Flower's SuperLink and SuperNodes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import Role
from scripts.wiring.exit import guarded
from scripts.wiring.options import home_option

if TYPE_CHECKING:
    from scripts.wiring.flower_sites import Federation
    from scripts.wiring.home import Home, MemberHome

PORT = 9092


@click.group()
def federation() -> None:
    """Flower: write what each site needs, so that `flwr run` starts the rounds (docs/flower.md)."""


@federation.command()
@home_option
@click.option("--flower", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="To write.")
@click.option(
    "--host", "hosts", multiple=True, help="Name or address of the SuperLink, as hospitals use it. Repeatable."
)
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True, help="The SuperLink's port.")
@click.option("--listen", default="127.0.0.1", show_default=True, help="Address on which the SuperLink listens.")
@click.option(
    "--from",
    "given",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A hospital: the coordinator's federation.json.",
)
@click.option(
    "--flower-venv", "venv", type=click.Path(file_okay=False, path_type=Path), help="Where flwr is installed."
)
@guarded
def up(
    home: Path, folder: Path, *, hosts: tuple[str, ...], port: int, listen: str, given: Path | None, venv: Path | None
) -> None:
    """Write the folder of the SuperLink where the coordinator is, and a SuperNode's for each hospital in HOME.

    A hospital makes its own key here, with the coordinator's federation.json. The command may be repeated.
    """
    from scripts.wiring import flower_sites
    from scripts.wiring.home import Home

    place = venv or flower_sites.VENV
    found = _federation(Home(home), folder, given, hosts or ("127.0.0.1",), port, listen, place)
    for number, member in enumerate(_members(Home(home), Role.HOSPITAL)):
        here = flower_sites.write_node(folder, found, member, place, number)
        socket = flower_sites.socket_of(folder, member.name)
        click.echo(f"Hospital {member.name}: hemaledger hospital run --name {member.name} --flower-socket {socket}")
        click.echo(f"  Its SuperNode: {here / 'run.sh'}")
        click.echo(f"  Send to the coordinator: {here / 'node.pub'}")


def _federation(
    home: Home, folder: Path, given: Path | None, hosts: tuple[str, ...], port: int, listen: str, venv: Path
) -> Federation:
    """Return the federation that was given, or write the coordinator's."""
    from fl.protocol.errors import SettingInvalid
    from fl.transport.flower.certificates import fingerprint
    from scripts.wiring import flower_sites

    if given is not None:
        found = flower_sites.Federation.from_bytes(given.read_bytes()[: flower_sites.FILE_CAP + 1])
        click.echo(f"Compare with the coordinator by telephone: {fingerprint(found.ca)}")
        return found
    coordinators = _members(home, Role.COORDINATOR)
    if not coordinators:
        raise SettingInvalid("from", "the coordinator is not on this machine; give its federation.json")
    found = flower_sites.write_superlink(folder, hosts, port, listen, venv)
    socket = flower_sites.coordinator_socket(folder)
    flower_sites.write_app(folder, found, socket)
    click.echo(f"Coordinator: hemaledger coordinator run --flower-socket {socket}")
    click.echo(f"  The SuperLink: {folder / 'superlink' / 'run.sh'}")
    click.echo(f"  Give to each hospital: {folder / 'federation.json'} (SHA-256 of its CA: {fingerprint(found.ca)})")
    return found


def _members(home: Home, role: Role) -> list[MemberHome]:
    return [member for member in home.members() if member.role == role]
