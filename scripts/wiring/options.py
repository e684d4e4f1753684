"""Options that several commands share.

Invariant: nothing here imports more than the protocol's names, so that `--help` answers at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from fl.protocol.names import CeremonyKind, KeyUse
from fl.protocol.task_catalogue import TASKS

AUTO = "auto"
FRAMES = ("whole", "field", AUTO)
"""fl.training.pictures.field.Frame, and what finds it out."""
USES = {use.name.lower(): use for use in (KeyUse.RECORDS, KeyUse.MODEL)}
KINDS = {kind.name.lower(): kind for kind in CeremonyKind}
DEFAULT_DAYS = 365
"""How long a threshold key is good."""
MAX_CONFIRMATIONS = 10_000
OPERATOR = "operator"
"""The folder of the operator, unless another is named."""
F = TypeVar("F", bound=Callable[..., Any])

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    envvar="HEMALEDGER_HOME",
    help="Folder of the run: chain, contracts, vault, members.",
)

confirmations_option = click.option(
    "--confirmations",
    type=click.IntRange(1, MAX_CONFIRMATIONS),
    help="Blocks until a record counts, its own included; as consortium.json says without it.",
)


def chain_options(command: F) -> F:
    """Add --home and --confirmations; the command gets both as `home`, a Home."""

    @functools.wraps(command)
    def inner(home: Path, confirmations: int | None, **given: Any) -> Any:  # noqa: ANN401 - options
        from scripts.wiring.home import Home

        return command(home=Home(home, confirmations), **given)

    return home_option(confirmations_option(inner))  # type: ignore[return-value]


def name_option(default: str | None = None) -> Callable[[F], F]:
    return click.option(
        "--name", default=default, required=default is None, show_default=True, help="The member's name."
    )


device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="Where to train: auto, cpu, cuda or mps; auto takes a GPU when there is one.",
)


def task_options(command: F) -> F:
    """Add --task, --classes and --disease."""
    known = ", ".join(TASKS)
    for option in (
        click.option("--disease", help="Which of --classes are the disease, separated by commas; none without it."),
        click.option("--classes", help="A task of your own: its classes, separated by commas."),
        click.option("--task", "task_name", help=f"What is learned: {known}, or a JSON file of a task."),
    ):
        command = option(command)
    return command


def label_options(command: F) -> F:
    for option in (
        click.option("--label", "label", multiple=True, help="NAME=CLASS or NAME=ignore: what a name in your data is."),
        click.option("--labels", type=click.Path(path_type=Path), help="File of labels, as labels.json is."),
    ):
        command = option(command)
    return command


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
    return click.option(
        "--picture-frame",
        type=click.Choice(FRAMES),
        default=AUTO,
        show_default=True,
        help=f"{text} whole: all of C-NMC's frame, at any size. field: they were cut close around the cell.",
    )
