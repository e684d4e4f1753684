"""`hemaledger explain`: show where in a picture the newest final model saw what its answer rests on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, frame_option, name_option
from scripts.wiring.training_options import network_options

if TYPE_CHECKING:
    from scripts.wiring.home import Home


@click.command()
@click.argument("picture", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@chain_options
@name_option("auditor")
@click.option("--class", "code", help="The class to explain, by its code. Default: the one that the model says.")
@click.option("--page", type=click.IntRange(1), help="Which page to read from a file with several pages.")
@click.option("--bits", type=click.IntRange(9, 15), help="How many bits of each 16-bit value are used.")
@frame_option(
    "What a picture of a cell on black shows. auto: decide from its cell; if that is unclear, give no answer."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("explanation.png"),
    show_default=True,
    help="The PNG file: the picture as the network saw it, and beside it the same with colours.",
)
@network_options
@guarded
def explain(  # noqa: PLR0913  # one parameter per option
    picture: Path,
    home: Home,
    name: str,
    *,
    code: str | None,
    page: int | None,
    bits: int | None,
    picture_frame: str,
    output: Path,
) -> None:
    """Answer for PICTURE as the site does, and colour what speaks for the class: yellow much, violet little.

    The colours are coarse and show where, not why. They prove nothing about a cell.
    """
    from fl.training.pictures.decode import MAX_BYTES, PictureReading, decode_image
    from scripts.wiring.evaluation import open_model
    from scripts.wiring.listing import frame_of

    with picture.open("rb") as file:
        pixels = decode_image(file.read(MAX_BYTES + 1), picture.name, PictureReading(page, bits))
    from fl.files import write_atomic
    from scripts.wiring.explanation import explained

    done = explained(open_model(home, name), pixels, code, frame_of(picture_frame))
    write_atomic(output, done.map.png())
    for line in done.lines():
        click.echo(line)
    click.echo(f"{output}: what speaks for {done.explained}")
