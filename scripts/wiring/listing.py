"""How to read a source of images, from the options of a command, and the list of its files."""

from __future__ import annotations

import click

from fl.training.data.listing import Listing
from fl.training.data.load import SourceReading
from fl.training.pictures.decode import PictureReading
from fl.training.pictures.field import Frame
from scripts.wiring.options import AUTO, ReadingOptions


def frame_of(picture_frame: str) -> Frame | None:
    """Return the frame that --picture-frame names; None for auto."""
    return None if picture_frame == AUTO else Frame(picture_frame)


def reading_of(options: ReadingOptions) -> SourceReading:
    return SourceReading(
        skip_damaged=options.skip_damaged,
        ignore_labels=frozenset(options.ignore_label),
        picture=PictureReading(options.page, options.bits),
        frame=frame_of(options.picture_frame),
    )


def tell(listing: Listing | None) -> None:
    """Print how each file was used. A part that Hemaledger wrote itself has no listing."""
    for line in listing.lines() if listing else ():
        click.echo(line)
