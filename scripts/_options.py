"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from fl.training.sources import Reading

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


def reading_options(command: F) -> F:
    """Add --skip-damaged and --ignore-label: what a person allows or says about images."""
    skip = click.option("--skip-damaged", is_flag=True, help="Go on without image files that are damaged.")
    ignore = click.option(
        "--ignore-label",
        multiple=True,
        help='Label of an .npz that means "no label" (255); may be given several times.',
    )
    return skip(ignore(command))


def reading_of(given: Mapping[str, Any]) -> Reading:
    """Return what a person gave with `reading_options`."""
    return Reading(bool(given["skip_damaged"]), frozenset(given["ignore_label"]))


device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="Where to train: auto, cpu, cuda or mps; auto takes a GPU when there is one.",
)
