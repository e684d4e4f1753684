"""`hemaledger coordinator hold`, `go-on` and `abort`: steer the running coordinator from its own machine.

Invariant: only somebody who can write in the coordinator's own folder (0700) holds rounds back, and only the
coordinator's key aborts one. A round that runs is never held: it ends by its own rules.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.files import write_atomic
from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Role, shown
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, home_option, name_option

if TYPE_CHECKING:
    from scripts.wiring.home import Home, MemberHome

HOLD_FILE = "hold.txt"
REASON_CAP = 500
reason_option = click.option("--reason", required=True, help="Why. Name no patient.")


def held_by(folder: Path) -> Callable[[], str]:
    """Return a function that reads why the next round is held back; "" if it is not."""

    def why() -> str:
        try:
            with (folder / HOLD_FILE).open(encoding="utf-8", errors="replace") as file:
                return shown(file.read(REASON_CAP).strip()) or "no reason was given"
        except FileNotFoundError:
            return ""

    return why


@click.command()
@home_option
@name_option("coordinator")
@reason_option
@guarded
def hold(home: Path, name: str, reason: str) -> None:
    """Hold the next round back: the running coordinator opens none until `go-on`. A running round goes on."""
    hold_back(_folder(home, name), reason)
    click.echo("No further round opens until `hemaledger coordinator go-on`.")


@click.command("go-on")
@home_option
@name_option("coordinator")
@guarded
def go_on(home: Path, name: str) -> None:
    """Let the running coordinator open rounds again."""
    release(_folder(home, name))
    click.echo("Rounds open again.")


@click.command("abort")
@chain_options
@name_option("coordinator")
@reason_option
@guarded
def abort_round(home: Home, name: str, reason: str) -> None:
    """End the running round without a new model. Everybody can read the reason for ever."""
    number = abort_running(home, home.member(name).as_a(Role.COORDINATOR), reason)
    click.echo(f"Round {number} is aborted. The model before it stays in use.")


def hold_back(folder: Path, reason: str) -> None:
    """Let a running coordinator open no further round."""
    write_atomic(folder / HOLD_FILE, reason[:REASON_CAP].encode(), mode=0o600)


def release(folder: Path) -> None:
    """Let a running coordinator open rounds again."""
    (folder / HOLD_FILE).unlink(missing_ok=True)


def abort_running(home: Home, member: MemberHome, reason: str, only: int | None = None) -> int:
    """End the running round and return its number; `only`: end it only if it has this number.

    Raises:
        SettingInvalid: no such round is running.
    """
    from fl.protocol.records import RoundAborted
    from fl.replay.ledger_view import LedgerView
    from scripts.wiring.roles import open_ledger

    ledger = open_ledger(home, member)
    current = LedgerView(ledger).refresh().active_round
    if current is None:
        raise SettingInvalid("round", "no round is running")
    if only is not None and current.number != only:
        raise SettingInvalid("round", f"round {only} is not running; round {current.number} is")
    ledger.append(RoundAborted(ledger.account, current.number, reason))
    return current.number


def _folder(home: Path, name: str) -> Path:
    from scripts.wiring.home import Home

    return Home(home).member(name).as_a(Role.COORDINATOR).folder
