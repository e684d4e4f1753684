"""The options of rounds with many hospitals (docs/many-hospitals.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from scripts.wiring.options import gathered

if TYPE_CHECKING:
    from fl.roles.coordinator.plan import WidePlan

NEVER = 0
"""Of --wide-above."""


@dataclass(frozen=True)
class WideOptions:
    """When a masked round is wide, and what it must bear."""

    wide_above: int = 50
    colluders: float = 0.2
    absent: float = 0.1

    @property
    def plan(self) -> WidePlan | None:
        """Return what the coordinator's plan has; None: no round is wide."""
        from fl.roles.coordinator.plan import WidePlan

        return WidePlan(self.wide_above, self.colluders, self.absent) if self.wide_above else None


wide_options = gathered(
    "wide",
    WideOptions,
    click.option(
        "--wide-above",
        type=click.IntRange(NEVER, 16_384),
        default=50,
        show_default=True,
        help="Masked rounds of more hospitals are wide: eight transactions in all, and masks with some of the others. "
        "0: never.",
    ),
    click.option(
        "--colluders",
        type=click.FloatRange(0.0, 0.45),
        default=0.2,
        show_default=True,
        help="Wide rounds: the part of the hospitals that may collude with the coordinator.",
    ),
    click.option(
        "--absent",
        type=click.FloatRange(0.0, 0.45),
        default=0.1,
        show_default=True,
        help="Wide rounds: the part of the hospitals that may drop out.",
    ),
)
