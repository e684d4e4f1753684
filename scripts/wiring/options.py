"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    envvar="HEMALEDGER_HOME",
    help="Folder of the run: chain, contracts, vault, members.",
)


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
