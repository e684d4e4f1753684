"""Options that say which network is trained, with how much noise, and what a member's process may load for it.

Invariant: like options.py, this module imports nothing large, so that `--help` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from scripts.wiring.options import Decorator, F, gathered


def delta_option(text: str) -> Callable[[F], F]:
    return click.option("--delta", type=click.FloatRange(1e-12, 0.01), default=1e-5, show_default=True, help=text)


def _allow(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> None:
    """Let this process import these networks, and no others."""
    from fl.protocol.errors import SettingInvalid
    from fl.training.model.consent import Source, allow

    try:
        allow(tuple(Source.parse(text) for text in given))
    except SettingInvalid as error:
        raise click.BadParameter(error.why) from error


def _offer(_context: click.Context, _option: click.Parameter, given: tuple[Path, ...]) -> None:
    """Let this process read first weights from these files, and no others."""
    from fl.training.model.consent import offer

    offer(given)


def network_options(command: F) -> F:
    """Add the options with which a member says which code and which files of weights its process may use."""
    files = click.option(
        "--weights-file",
        type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
        multiple=True,
        expose_value=False,
        callback=_offer,
        help="A file with the first weights of a network. Repeatable.",
    )
    networks = click.option(
        "--allow-network",
        metavar="MODULE:BUILD@SHA256",
        multiple=True,
        expose_value=False,
        callback=_allow,
        help="Your consent to run the consortium's own network with this source (see docs/networks.md). Repeatable.",
    )
    return networks(files(command))


@dataclass(frozen=True)
class NetworkOptions:
    """The options that choose the network."""

    backbone: str | None = None
    trained: str | None = None
    start_from: Path | None = None


@dataclass(frozen=True)
class PrivacyOptions:
    """The options of private training."""

    epsilon: float | None = None
    """None: train without noise."""
    delta: float = 1e-5
    record_clip: float = 1.0
    sample_rate: float = 0.25


_PRIVACY = (
    click.option(
        "--epsilon",
        type=click.FloatRange(0.01, 1000.0),
        help="Train privately: noise hides single images, with this epsilon over all rounds (docs/privacy.md).",
    ),
    delta_option("The delta of --epsilon. It must be far below 1 / images of a hospital."),
    click.option(
        "--record-clip",
        type=click.FloatRange(1e-6, 1e6),
        default=1.0,
        show_default=True,
        help="Private training: the largest L2 norm of one image's gradient.",
    ),
    click.option(
        "--sample-rate",
        type=click.FloatRange(0.001, 1.0),
        default=0.25,
        show_default=True,
        help="Private training: the probability with which a step uses an image.",
    ),
)
_NETWORK = (
    click.option(
        "--backbone",
        metavar="NAME",
        help="The network: hemanet, lite0, torchvision:NAME, or your own as MODULE:BUILD@SHA256. Default: as --preset.",
    ),
    click.option(
        "--train-only",
        "trained",
        type=click.Choice(["all", "last", "head"]),
        help="Which weights are trained and travel: all, the head, or lite0's last stage and head. Default: all; of "
        "lite0 with --epsilon, the head.",
    ),
    click.option(
        "--start-from",
        type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
        help="The file with the first weights of a torchvision network. Default: random weights.",
    ),
)
backbone_options: Decorator[Any] = gathered("network", NetworkOptions, *_NETWORK)
privacy_options: Decorator[Any] = gathered("private", PrivacyOptions, *_PRIVACY)
