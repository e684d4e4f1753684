"""`hemaledger network`: what a member needs to know before it allows a network that is not Hemaledger's own."""

from __future__ import annotations

from pathlib import Path

import click

from scripts.wiring.exit import guarded


@click.group()
def network() -> None:
    """Digest the source of your own network, or fetch published weights."""


@network.command()
@click.argument("entry", metavar="MODULE:BUILD")
@guarded
def digest(entry: str) -> None:
    """Print the installed network MODULE:BUILD with the SHA-256 of its source, without importing it.

    All files of the top package count. Compare the digest with that of the other members, and read the source, before
    you pass the line to --allow-network.
    """
    from fl.training.model.own_source import read_source

    snapshot = read_source(entry)
    size = sum(map(len, snapshot.files.values()))
    click.echo(f"{len(snapshot.files)} files, {size} bytes below {snapshot.folder / snapshot.top}", err=True)
    click.echo(f"{entry}@{snapshot.sha256}")


@network.command()
@click.argument("name", metavar="torchvision:NAME")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@guarded
def fetch(name: str, file: Path) -> None:
    """Download the weights that torchvision publishes for a network to FILE. No other command downloads weights."""
    from fl.training.model.fetch import fetch_weights

    click.echo(fetch_weights(name, file))
