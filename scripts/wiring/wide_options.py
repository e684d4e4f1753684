"""The options of rounds with many hospitals (docs/wide-rounds.md)."""

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
    collusion: float = 0.2
    drop_out: float = 0.1
    smallest_sum: int = 0
    clusters_above: int = 300

    @property
    def plan(self) -> WidePlan | None:
        """Return what the coordinator's plan has; None: no round is wide."""
        from fl.roles.coordinator.plan import WidePlan

        if not self.wide_above:
            return None
        clusters = self.clusters_above
        return WidePlan(self.wide_above, self.collusion, self.drop_out, self.smallest_sum, clusters_above=clusters)


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
        "--collusion",
        type=click.FloatRange(0.0, 0.45),
        default=0.2,
        show_default=True,
        help="Wide rounds: the part of the hospitals that may collude with the coordinator.",
    ),
    click.option(
        "--drop-out",
        type=click.FloatRange(0.0, 0.45),
        default=0.1,
        show_default=True,
        help="Wide rounds: the part of the hospitals that may drop out.",
    ),
    click.option(
        "--smallest-sum",
        type=click.IntRange(0, 16_384),
        default=0,
        show_default=True,
        help="Wide rounds: how many honest hospitals are at least in each sum that can be seen. 0: all of the set.",
    ),
    click.option(
        "--clusters-above",
        type=click.IntRange(NEVER, 16_384),
        default=300,
        show_default=True,
        help="Wide rounds of more hospitals are cut into clusters: a hospital reads the records of its own. 0: never.",
    ),
)
