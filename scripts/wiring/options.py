"""Options that several commands share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from scripts.wiring.home import Home

F = TypeVar("F", bound=Callable[..., Any])

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    envvar="HEMALEDGER_HOME",
    help="Folder of the run: chain, contracts, vault, members.",
)


MAX_CONFIRMATIONS = 10_000
confirmations_option = click.option(
    "--confirmations",
    type=click.IntRange(1, MAX_CONFIRMATIONS),
    help="Blocks until a record counts, its own included; as consortium.json says without it.",
)


def chain_options(command: F) -> F:
    """Add --home and --confirmations; the command gets both as `home`, a Home."""

    @functools.wraps(command)
    def inner(home: Path, confirmations: int | None, **given: Any) -> Any:  # noqa: ANN401 - options
        return command(home=Home(home, confirmations), **given)

    return home_option(confirmations_option(inner))  # type: ignore[return-value]


def name_option(default: str | None = None) -> Callable[[F], F]:
    """Return --name, with a default or required."""
    return click.option(
        "--name", default=default, required=default is None, show_default=True, help="The member's name."
    )


device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="Where to train: auto, cpu, cuda or mps; auto takes a GPU when there is one.",
)
