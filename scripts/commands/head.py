"""`hemaledger head`: private predictions, for which the model's last layer stays encrypted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import DIGEST_BYTES, Digest, Purpose, Role, parse_hex, show
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, frame_option, name_option

if TYPE_CHECKING:
    from scripts.wiring.home import Home

ANSWERS = "Questions are answered at "
"""What `serve` prints before its address once it answers."""
PURPOSES = {purpose.name.lower().replace("_", "-"): purpose for purpose in Purpose if purpose != Purpose.RELEASE}
MOST_DAYS = 365
WHO_SEES = (
    "This computer saw the picture and what the fixed network makes of it, and the trustees saw the latter; neither "
    "saw the model's last layer. Only you see the answer; the ledger shows how many answers you bought, and no picture."
)


@click.group()
def head() -> None:
    """Private predictions: hospitals get answers of a model whose last layer nobody but auditors can read."""


@head.command()
@chain_options
@name_option("auditor")
@click.option(
    "--days", type=click.IntRange(1, MOST_DAYS), default=MOST_DAYS, show_default=True, help="How long it holds."
)
@guarded
def announce(home: Home, name: str, days: int) -> None:
    """Encrypt the newest final model's last layer for the trustees, and announce it on the ledger.

    The model must be a lite0 of which the head alone was trained. The auditor needs held-out images.
    """
    from scripts.wiring.heads import announce_head

    digest, number, most = announce_head(home, name, days)
    click.echo(f"Encrypted head {show(digest)}, request {number}. It gives {most} answers to all hospitals together.")


@head.command()
@chain_options
@name_option()
@click.argument("digest")
@click.option("--answers", type=click.IntRange(1, 4096), required=True, help="How many.")
@click.option("--purpose", type=click.Choice(list(PURPOSES)), default="treatment", show_default=True)
@click.option(
    "--days", type=click.IntRange(1, MOST_DAYS), default=30, show_default=True, help="Until when they are used."
)
@guarded
def buy(home: Home, name: str, digest: str, *, answers: int, purpose: str, days: int) -> None:
    """Record that this hospital may have so many answers of the encrypted head DIGEST. They cost nothing else."""
    from scripts.wiring.heads import DAY_S, Member

    wanted = Digest(parse_hex(digest, DIGEST_BYTES, "digest"))
    member = Member.of(home, name, Role.HOSPITAL)
    until = member.ports.now() + days * DAY_S
    number = member.answers.buy(member.federation, wanted, answers, PURPOSES[purpose], until)
    click.echo(f"Request {number}: {answers} private answers.")


@head.command()
@chain_options
@name_option()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8110, show_default=True, help="0 picks a free one.")
@click.option(
    "--places", type=click.IntRange(1, 64), default=8, show_default=True, help="Questions that may wait at once."
)
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when standard input ends.")
@guarded
def serve(home: Home, name: str, *, host: str, port: int, places: int, with_parent: bool) -> None:
    """Trustee: answer hospitals' sealed questions about encrypted heads until stopped.

    The trustee's share stays in memory while this runs. After a refresh or reshare, start it again.
    """
    from scripts.server.head_server import build_heads, run_heads
    from scripts.server.server import check_port
    from scripts.wiring.parent import interrupt_with_parent

    check_port(host, port)
    if with_parent:
        interrupt_with_parent()
    run_heads(build_heads(home, name, places), host, port, lambda url: click.echo(f"{ANSWERS}{url}"))


@head.command()
@click.argument("picture", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@chain_options
@name_option()
@click.option("--request", "number", type=click.IntRange(1), required=True, help="The request that bought the answers.")
@click.option(
    "--trustee", "trustees", multiple=True, required=True, metavar="NAME=URL", help="A trustee's server; several times."
)
@frame_option("What a picture of a cell on black shows.")
@guarded
def ask(picture: Path, home: Home, name: str, *, number: int, trustees: tuple[str, ...], picture_frame: str) -> None:
    """Use one bought answer for PICTURE, and say who saw what and how long it took."""
    from fl.training.pictures.decode import MAX_BYTES, PictureReading, decode_image
    from scripts.wiring.head_table import urls_of
    from scripts.wiring.heads import ask_trustees
    from scripts.wiring.listing import frame_of

    urls = urls_of(trustees)
    with picture.open("rb") as file:
        pixels = decode_image(file.read(MAX_BYTES + 1), picture.name, PictureReading(None, None))
    found = ask_trustees(home, name, number, pixels, frame_of(picture_frame), urls)
    for label, share in found.shares.items():
        click.echo(f"{label}: {share:.4f}")
    for each in found.wrong:
        click.echo(f"The part of {each} was wrong and was not used.")
    for each, why in found.failed.items():
        click.echo(f"{each} did not answer: {why}")
    click.echo(f"{WHO_SEES} It took {found.seconds:.2f} s. The percentages are not calibrated.")
