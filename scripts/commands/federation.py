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
    "--host",
    "hosts",
    multiple=True,
    help="Name or address of the SuperLink, as hospitals reach it. Repeatable. Default: as before, or this machine.",
)
@click.option("--port", type=click.IntRange(1, 65535), help=f"The SuperLink's port. Default: as before, or {PORT}.")
@click.option(
    "--from",
    "given",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A hospital: the coordinator's federation.json.",
)
@click.option(
    "--sockets",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the hospitals' sockets, if the SuperNode is another Unix user. Default: each SuperNode's own.",
)
@click.option(
    "--flower-venv", "venv", type=click.Path(file_okay=False, path_type=Path), help="Where flwr is installed."
)
@guarded
def up(
    home: Path,
    folder: Path,
    *,
    hosts: tuple[str, ...],
    port: int | None,
    given: Path | None,
    sockets: Path | None,
    venv: Path | None,
) -> None:
    """Write the folder of the SuperLink where the coordinator is, and a SuperNode's for each hospital in HOME.

    A hospital makes its own key here, with the coordinator's federation.json. The command may be repeated: it replaces
    no key.
    """
    from scripts.wiring import flower_sites
    from scripts.wiring.home import Home

    where = venv or flower_sites.VENV
    coordinates = bool(_members(Home(home), Role.COORDINATOR))
    found = _superlink(folder, hosts, port, where) if coordinates else _given(folder, given)
    for place, member in enumerate(_members(Home(home), Role.HOSPITAL)):
        socket = flower_sites.socket_of(folder, member.name, sockets)
        node = flower_sites.Node(member.name, socket, flower_sites.NODE_PORT + place)
        here = flower_sites.write_node(folder, found, node, where)
        click.echo(f"Hospital {member.name}: hemaledger hospital run --name {member.name} --flower-socket {socket}")
        click.echo(f"  Its SuperNode: {here / 'run.sh'}")
        click.echo(f"  Send to the coordinator: {here / 'node.pub'} (nothing secret is in it)")


def _superlink(folder: Path, hosts: tuple[str, ...], port: int | None, venv: Path) -> Federation:
    """Write what the coordinator's machine needs."""
    from fl.transport.flower.certificates import fingerprint
    from scripts.wiring import flower_sites

    before = flower_sites.former(folder)
    hosts = hosts or (before.hosts if before else (flower_sites.THIS_MACHINE,))
    found = flower_sites.write_superlink(folder, hosts, port or (before.port if before else PORT), venv)
    socket = flower_sites.coordinator_socket(folder)
    flower_sites.write_app(folder, found, socket)
    click.echo(f"Coordinator: hemaledger coordinator run --flower-socket {socket}")
    click.echo(f"  The SuperLink: {folder / 'superlink' / 'run.sh'}")
    click.echo(f"  Give to each hospital: {folder / 'federation.json'} (nothing secret is in it)")
    click.echo(f"  SHA-256 of the CA, to compare by telephone: {fingerprint(found.ca)}")
    return found


def _given(folder: Path, given: Path | None) -> Federation:
    """Return the federation of the coordinator's file, or of the same file of an earlier call."""
    from fl.protocol.errors import SettingInvalid
    from fl.transport.flower.certificates import fingerprint
    from scripts.wiring import flower_sites

    found = flower_sites.kept(folder, given) if given else flower_sites.former(folder)
    if found is None:
        raise SettingInvalid("from", "the coordinator is not on this machine; give its federation.json")
    click.echo(f"The SuperLink is at {found.address}.")
    click.echo(f"SHA-256 of its CA, to compare with the coordinator by telephone: {fingerprint(found.ca)}")
    return found


def _members(home: Home, role: Role) -> list[MemberHome]:
    return [member for member in home.members() if member.role == role]
