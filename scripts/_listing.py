"""Reading images at a terminal: what a person may say about a source, and the list of its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from fl.training.listing import Listing
from fl.training.sources import Reading

F = TypeVar("F", bound=Callable[..., Any])


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
    return Reading(bool(given.get("skip_damaged")), frozenset(given.get("ignore_label") or ()))


def tell(listing: Listing | None) -> None:
    """Print what became of every file; nothing for a part that Hemaledger wrote itself."""
    for line in listing.lines() if listing else ():
        click.echo(line)
