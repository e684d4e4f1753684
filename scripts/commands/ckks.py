"""`hemaledger ckks`: a table's network on encrypted values: its host sees neither the patient nor the answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option

if TYPE_CHECKING:
    from scripts.wiring.home import Home

ANSWERS = "Questions are answered at "
"""What `serve` prints before its address once it answers."""
WHO_SEES = (
    "The host of the network saw who asks, and how many values there are, but neither a value nor the answer. Only you "
    "can read the answer. Nothing proves that the host used this network. Do not show the host the answer."
)
model_argument = click.argument("model", metavar="MODEL", type=click.Path(path_type=Path))


@click.group()
def ckks() -> None:
    """Encrypted rows: a host computes a table's network on values that it cannot read (CKKS, needs tenseal)."""


@ckks.command()
@model_argument
@click.argument("card", metavar="CARD", type=click.Path(path_type=Path))
@guarded
def card(model: Path, card: Path) -> None:
    """Write the CARD that hospitals need to ask about encrypted rows: the design of MODEL, and no weight."""
    from scripts.wiring.hidden import write_card

    made = write_card(model, card)
    click.echo(f"The card of model {made.model.hex()[:16]} is in {card}. Give it to the hospitals that may ask.")


@ckks.command()
@model_argument
@chain_options
@name_option()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8120, show_default=True, help="0 picks a free one.")
@click.option(
    "--answers", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many each hospital may have."
)
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when standard input ends.")
@guarded
def serve(model: Path, home: Home, name: str, *, host: str, port: int, answers: int, with_parent: bool) -> None:
    """Host: answer hospitals' sealed questions about encrypted rows by the network in MODEL until stopped.

    The ledger must name the model. It gives a sixteenth of the number of its weights in answers to all together.
    """
    from scripts.server.hidden_server import build_hidden, run_hidden
    from scripts.server.server import check_port
    from scripts.wiring.parent import interrupt_with_parent

    check_port(host, port)
    if with_parent:
        interrupt_with_parent()
    run_hidden(build_hidden(home, name, model, answers), host, port, lambda url: click.echo(f"{ANSWERS}{url}"))


@ckks.command()
@click.argument("card", metavar="CARD", type=click.Path(path_type=Path))
@chain_options
@name_option()
@click.option("--host", "host", required=True, metavar="NAME=URL", help="The hospital that hosts the network.")
@click.option("--value", "values", multiple=True, help="COLUMN=VALUE of the person. Repeatable; others are missing.")
@guarded
def ask(card: Path, home: Home, name: str, *, host: str, values: tuple[str, ...]) -> None:
    """Ask about one person: encrypt the values here, let the host compute, and decrypt the answer here."""
    from scripts.wiring.head_table import urls_of
    from scripts.wiring.hidden import ask_host

    (known,) = urls_of((host,), "host").items()
    found = ask_host(home, name, card, known, values)
    click.echo(f"Risk of {found.reported}: {found.share:.1%} (model of round {found.round})")
    if found.unlike:
        click.echo(f"These values are unusual, so the answer can be far from the network's: {', '.join(found.unlike)}.")
    encrypt_s, answer_s, read_s = found.seconds
    click.echo(
        f"{WHO_SEES} The question had {found.question_bytes / 1e6:.1f} MB. It took {encrypt_s:.1f} s to encrypt, "
        f"{answer_s:.1f} s to be answered and {read_s:.1f} s to decrypt."
    )
