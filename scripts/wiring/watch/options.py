"""The options with which every agent says how it is watched.

Invariant: nothing listens unless a person asks for it, and then on this machine only, unless the address says more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from fl.protocol.errors import SettingInvalid
from scripts.wiring.options import gathered

F = TypeVar("F", bound=Callable[..., Any])
LOG_VARIABLE, METRICS_VARIABLE = "HEMALEDGER_LOG", "HEMALEDGER_METRICS"
FORMATS = ("text", "json")
HOST = "127.0.0.1"
MOST_PORT = 65_535
QUIET_S = 600
"""A default step of a round may take this long."""


@dataclass(frozen=True)
class WatchOptions:
    """How one agent is watched."""

    log_format: str = "text"
    metrics: str | None = None
    """ADDRESS:PORT or PORT; None: nothing listens."""
    quiet_after: int = QUIET_S
    """Seconds without a record after which the agent says what it waits for."""

    @property
    def address(self) -> tuple[str, int] | None:
        """Return host and port of the metrics, or None.

        Raises:
            SettingInvalid: it is not ADDRESS:PORT.
        """
        if not self.metrics:
            return None
        host, _, port = self.metrics.rpartition(":")
        if not (port.isascii() and port.isdecimal() and int(port) <= MOST_PORT):
            raise SettingInvalid("metrics", "write ADDRESS:PORT, such as 127.0.0.1:9464")
        return host.strip("[]") or HOST, int(port)


def watch_options(command: F) -> F:
    """Add --log-format, --metrics and --quiet-after; the command gets them as `watch`, a WatchOptions."""
    return gathered(
        "watch",
        WatchOptions,
        click.option(
            "--log-format",
            type=click.Choice(FORMATS),
            default="text",
            show_default=True,
            envvar=LOG_VARIABLE,
            help="json: one JSON object a line, for programs.",
        ),
        click.option(
            "--metrics",
            metavar="ADDRESS:PORT",
            envvar=METRICS_VARIABLE,
            help="Serve /metrics, /healthz and /readyz there. Without an address: on this machine only. Default: off.",
        ),
        click.option(
            "--quiet-after",
            type=click.IntRange(1, 86_400),
            default=QUIET_S,
            show_default=True,
            help="Seconds without a record after which the agent says what it waits for.",
        ),
    )(command)
