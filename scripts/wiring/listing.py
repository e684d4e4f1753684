"""Reading images at a terminal: what a person may say about a source, and the list of its files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from fl.training.data.listing import Listing
from fl.training.data.load import SourceReading
from fl.training.pictures.decode import PictureReading
from fl.training.pictures.field import Frame

AUTO = "auto"
F = TypeVar("F", bound=Callable[..., Any])


def reading_options(command: F) -> F:
    """Add --skip-damaged, --ignore-label, --page, --bits and --picture-frame: what a person allows or says."""
    skip = click.option("--skip-damaged", is_flag=True, help="Go on without image files that are damaged.")
    ignore = click.option(
        "--ignore-label",
        multiple=True,
        help='Label of an .npz that means "no label" (255); may be given several times.',
    )
    page = click.option("--page", type=click.IntRange(1), help="Which one is meant in files with several pages.")
    bits = click.option(
        "--bits",
        type=click.IntRange(9, 15),
        help="How many bits of each value are used, where a file has 16 and does not say it (12).",
    )
    frame = frame_option("What pictures of cells on black show. auto: their cells say it together.")
    return skip(ignore(page(bits(frame(command)))))


def frame_option(text: str) -> Callable[[F], F]:
    """Return --picture-frame, explained by `text`."""
    return click.option(
        "--picture-frame",
        type=click.Choice([*(frame.value for frame in Frame), AUTO]),
        default=AUTO,
        show_default=True,
        help=f"{text} whole: all of C-NMC's frame, at any size. field: they were cut close around the cell.",
    )


def frame_of(given: Mapping[str, Any]) -> Frame | None:
    """Return what a person said with --picture-frame; None for auto."""
    said = given.get("picture_frame", AUTO)
    return None if said == AUTO else Frame(said)


def reading_of(given: Mapping[str, Any]) -> SourceReading:
    """Return what a person gave with `reading_options`."""
    return SourceReading(
        skip_damaged=bool(given.get("skip_damaged")),
        ignore_labels=frozenset(given.get("ignore_label") or ()),
        picture=PictureReading(given.get("page"), given.get("bits")),
        frame=frame_of(given),
    )


def tell(listing: Listing | None) -> None:
    """Print what became of every file; nothing for a part that Hemaledger wrote itself."""
    for line in listing.lines() if listing else ():
        click.echo(line)
