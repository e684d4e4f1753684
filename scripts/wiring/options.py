"""Options that several commands share.

Invariant: this module imports only the protocol's names and tasks, so that `--help` answers at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from fl.protocol.names import CeremonyKind, KeyUse, Protection
from fl.protocol.steps import MAX_STEP_TIMEOUT_S
from fl.protocol.task_catalogue import TASKS

AUTO = "auto"
FRAMES = ("whole", "field", AUTO)
"""The values of fl.training.pictures.field.Frame, and `auto`."""
USES = {use.name.lower(): use for use in KeyUse}
KINDS = {kind.name.lower(): kind for kind in CeremonyKind}
SECONDS = click.IntRange(1, MAX_STEP_TIMEOUT_S)
"""A timeout."""
DEFAULT_DAYS = 365
"""How long a threshold key is valid."""
MAX_CONFIRMATIONS = 10_000
FINALIZED, FINALIZED_WORD = 0, "finalized"
"""The value of chain/finality.py, and its name for people and in files."""
GWEI, MAX_GWEI = 10**9, 1e6
OPERATOR = "operator"
"""The default name of the operator's folder."""
F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]

home_option = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    envvar="HEMALEDGER_HOME",
    help="Folder of the run. It holds consortium.json, the vault and the members' folders.",
)


class Confirmations(click.ParamType[int]):
    """A number of blocks, or the word `finalized`."""

    name = f"NUMBER|{FINALIZED_WORD}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        if value == FINALIZED_WORD:
            return FINALIZED
        return click.IntRange(1, MAX_CONFIRMATIONS).convert(value, param, ctx)


class Gwei(click.ParamType[int]):
    """A price of gas in gwei; commands get it in wei."""

    name = "GWEI"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        if isinstance(value, int):
            return value
        return round(GWEI * float(click.FloatRange(0, MAX_GWEI).convert(value, param, ctx)))


confirmations_option = click.option(
    "--confirmations",
    type=Confirmations(),
    help="How many blocks confirm a record, its own block included; or finalized. Default: as in consortium.json.",
)
rpc_option = click.option(
    "--rpc",
    "rpc",
    multiple=True,
    help="RPC URL of an Ethereum node. Repeatable, or several with commas: the others serve when one fails.",
)
max_fee_option = click.option("--max-fee-gwei", type=Gwei(), help="The most to pay for gas. Default: no limit.")
tip_option = click.option(
    "--tip-gwei", type=Gwei(), help="What to pay for gas to whoever makes the block. Default: what the node suggests."
)

device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="Device for training: auto, cpu, cuda or mps. auto uses a GPU if there is one.",
)
calibrate_option = click.option(
    "--calibrate/--no-calibrate",
    default=None,
    help="Whether two more rounds calibrate the model after its training, on a fifth of each hospital's images, which "
    "no training sees. Default: yes, but not with --epsilon, and not where an image may have several labels.",
)
despite_alarm_option = click.option(
    "--despite-alarm", is_flag=True, help="Continue even after a model that is far worse than chance."
)
protection_option = click.option(
    "--protection",
    type=click.Choice([each.name.lower() for each in (Protection.MASKED, Protection.SEALED)]),
    help="masked: nobody sees one hospital's update. sealed: the coordinator and the auditors see it. "
    "Default: masked with 3 hospitals or more, else sealed.",
)
long_lived_option = click.option(
    "--long-lived",
    is_flag=True,
    help="Seal updates and models for decades, to the members' long keys (ML-KEM-768 and P-256). Experimental.",
)
keep_models_option = click.option(
    "--keep-models",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    help="How many of the newest models this member keeps on its own disk, still encrypted.",
)
seed_option = click.option(
    "--seed", type=int, default=2026, show_default=True, help="Random seed of data and training."
)
use_option = click.option(
    "--use", type=click.Choice(list(USES)), default="records", show_default=True, help="What the key opens."
)


def name_option(default: str | None = None) -> Callable[[F], F]:
    return click.option(
        "--name", default=default, required=default is None, show_default=True, help="The member's name."
    )


def frame_option(text: str) -> Callable[[F], F]:
    return click.option(
        "--picture-frame",
        type=click.Choice(FRAMES),
        default=AUTO,
        show_default=True,
        help=f"{text} whole: the whole frame of a C-NMC image, at any size. field: a picture cropped around the cell.",
    )


def chain_options(command: F) -> F:
    """Add --home and --confirmations; the command gets both as `home`, a Home."""

    @functools.wraps(command)
    def inner(home: Path, confirmations: int | None, **given: Any) -> Any:  # noqa: ANN401 - options
        from scripts.wiring.home import Home

        return command(home=Home(home, confirmations), **given)

    return home_option(confirmations_option(inner))  # type: ignore[return-value]


def gathered(parameter: str, kind: type[Any], *options: Callable[[F], F]) -> Callable[[F], F]:
    """Return a decorator that adds options to a command.

    Args:
        parameter: The command's parameter that gets the values.
        kind: A dataclass with one field per option; the parameter gets an instance of it.
        options: The options, in the order of `--help`.
    """

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def inner(**given: Any) -> Any:  # noqa: ANN401 - options
            values = {field.name: given.pop(field.name) for field in fields(kind)}
            return command(**{parameter: kind(**values)}, **given)

        decorated: Any = inner
        for option in reversed(options):
            decorated = option(decorated)
        return decorated  # type: ignore[no-any-return]

    return decorate


@dataclass(frozen=True)
class TaskOptions:
    """The options that name a task."""

    task_name: str | None = None
    classes: str | None = None
    disease: str | None = None


@dataclass(frozen=True)
class AggregationOptions:
    """The options that say how updates become the next model."""

    aggregation: str = "fedavg"
    server_lr: float | None = None
    attackers: int | None = None
    shorten_to: float | None = None
    weights: str = "images"
    prox: float = 0.0
    groups: int | None = None
    local_lr: float | None = None


@dataclass(frozen=True)
class ReadingOptions:
    """The options that say how to read image files."""

    skip_damaged: bool = False
    ignore_label: tuple[str, ...] = ()
    page: int | None = None
    bits: int | None = None
    picture_frame: str = AUTO


@dataclass(frozen=True)
class LabelOptions(ReadingOptions):
    """The options that say how to read images, and what their labels mean."""

    labels: Path | None = None
    label: tuple[str, ...] = ()


@dataclass(frozen=True)
class MeaningOptions(LabelOptions):
    """The same, and a file of settings with names."""

    task_name: str | None = None


@dataclass(frozen=True)
class DataOptions(TaskOptions, LabelOptions):
    """The same, and what the images are labelled for."""


AGGREGATIONS = (
    *("fedavg", "fedavgm", "fedadam", "fedyogi", "scaffold", "voted"),
    *("median", "trimmed-mean", "krum", "clipped"),
)
"""The rules of fl/training/aggregation/choice.py."""
_AGGREGATION = (
    click.option(
        "--aggregation",
        type=click.Choice(AGGREGATIONS),
        default="fedavg",
        show_default=True,
        help="How updates become the next model. fedavg, fedavgm, fedadam and fedyogi average them; the last three "
        "keep a state between rounds. scaffold corrects each hospital's drift. voted: masked sums of groups, on which "
        "hospitals vote. median, trimmed-mean, krum and clipped withstand liars, in sealed rounds only.",
    ),
    click.option("--server-lr", type=float, help="Step of fedavgm (default 1), fedadam and fedyogi (default 0.01)."),
    click.option("--attackers", type=int, help="How many liars trimmed-mean and krum withstand. Default: 1."),
    click.option("--shorten-to", type=float, help="clipped: the largest L2 norm of an update. Default: 1."),
    click.option(
        "--weights",
        type=click.Choice(["images", "equal", "quality"]),
        default="images",
        show_default=True,
        help="How much a hospital counts: by its number of images, up to --w-max; each the same; or by images and by "
        "how well the model answers on images that the hospital holds back.",
    ),
    click.option("--groups", type=int, help="voted: how many groups, of three hospitals or more. Default: 2."),
    click.option(
        "--local-lr",
        type=click.FloatRange(1e-6, 10),
        help="First step of the hospitals' training. Default: as --preset; 0.05 with scaffold, whose steps are plain.",
    ),
    click.option("--prox", type=float, default=0.0, help="FedProx: how strongly hospitals stay near the common model."),
)
_TASK = (
    click.option("--task", "task_name", help=f"The task: {', '.join(TASKS)}, or a file of settings (docs/tasks.md)."),
    click.option("--classes", help="The classes of your own task, separated by commas."),
    click.option("--disease", help="Which of --classes are the disease, separated by commas. Default: none."),
)
_LABELS = (
    click.option(
        "--labels", type=click.Path(path_type=Path), help="File with the meaning of labels, like labels.json."
    ),
    click.option("--label", multiple=True, help="NAME=CLASS or NAME=ignore: what NAME means in your data. Repeatable."),
)
_READING = (
    click.option("--skip-damaged", is_flag=True, help="Skip damaged image files instead of stopping."),
    click.option(
        "--ignore-label", multiple=True, help='A label in the .npz that means "no label", such as 255. Repeatable.'
    ),
    click.option("--page", type=click.IntRange(1), help="Which page to read from files with several pages."),
    click.option(
        "--bits",
        type=click.IntRange(9, 15),
        help="How many bits of each 16-bit value are used, such as 12, if the file does not say it.",
    ),
    frame_option("What a picture of a cell on black shows. auto: decide from all cells of the source together."),
)
task_options: Decorator[Any] = gathered("task", TaskOptions, *_TASK)
aggregation_options: Decorator[Any] = gathered("joining", AggregationOptions, *_AGGREGATION)
reading_options: Decorator[Any] = gathered("reading", ReadingOptions, *_READING)
data_options: Decorator[Any] = gathered("options", DataOptions, *_TASK, *_LABELS, *_READING)
meaning_options: Decorator[Any] = gathered("options", MeaningOptions, _TASK[0], *_LABELS, *_READING)
label_options: Decorator[Any] = gathered("options", LabelOptions, *_LABELS, *_READING)
