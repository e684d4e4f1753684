"""The list of a source's files, for people at a terminal."""

from __future__ import annotations

import click

from fl.training.listing import Listing


def tell(listing: Listing | None) -> None:
    """Print what became of every file; nothing for a part that Hemaledger wrote itself."""
    for line in listing.lines() if listing else ():
        click.echo(line)
