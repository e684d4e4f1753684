"""Reading images at a terminal: what a person may say about a source, and the list of its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from fl.training.data.listing import Listing
from fl.training.data.load import SourceReading
from fl.training.pictures.decode import PictureReading
from fl.training.pictures.field import Frame
from scripts.wiring.options import AUTO


def frame_of(said: str) -> Frame | None:
    """Return what a person said with --picture-frame; None for auto."""
    return None if said == AUTO else Frame(said)


def reading_of(given: Mapping[str, Any]) -> SourceReading:
    """Return what a person gave with `reading_options`."""
    return SourceReading(
        skip_damaged=bool(given.get("skip_damaged")),
        ignore_labels=frozenset(given.get("ignore_label") or ()),
        picture=PictureReading(given.get("page"), given.get("bits")),
        frame=frame_of(given.get("picture_frame", AUTO)),
    )


def tell(listing: Listing | None) -> None:
    """Print what became of every file; nothing for a part that Hemaledger wrote itself."""
    for line in listing.lines() if listing else ():
        click.echo(line)
