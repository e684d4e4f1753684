"""`hemaledger doctor`: check whether this machine can take part."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fl.protocol.names import shown
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option

if TYPE_CHECKING:
    from scripts.wiring.home import Home


@click.command()
@chain_options
@name_option()
@guarded
def doctor(home: Home, name: str) -> None:
    """Check chain, clock, vault, keys, membership, disk, device and versions; say what to do about each failure.

    The exit code is 0 if all is well, else that of the first failure.
    """
    sys.exit(examine(home, name))


def examine(home: Home, name: str) -> int:
    """Print every check; return 0, or the exit code of the first failure."""
    from scripts.wiring.doctor import CHECKS, Machine, checked

    code = 0
    machine = Machine(home, home.member(name))
    for title, check in CHECKS.items():
        finding = checked(machine, check)
        mark = click.style("ok  ", fg="green") if finding.ok else click.style("FAIL", fg="red")
        click.echo(f"{mark} {title:<10} {shown(finding.says)}")
        code = code or finding.exit_code
    return code
