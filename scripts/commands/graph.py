"""`hemaledger graph`: with how many others each hospital of a wide round shares its masks, and what can fail."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from scripts.wiring.exit import guarded

if TYPE_CHECKING:
    from fl.protocol.rounds.graph_choice import Crowd

TABLE = (30, 50, 100, 300, 1000, 10000)
_WRITTEN_OUT = 50
"""Rarer than 2^-50: as a power of ten."""


@click.command()
@click.argument("hospitals", type=click.IntRange(3, 16_384), required=False)
@click.option("--drop-out", type=float, default=0.1, show_default=True, help="Part that may be absent from a round.")
@click.option(
    "--collusion", type=float, default=0.2, show_default=True, help="Part that may collude with the coordinator."
)
@click.option(
    "--smallest-sum",
    type=click.IntRange(0),
    default=0,
    help="How many honest hospitals each sum must have that anybody can see. Default: all that are in the set.",
)
@guarded
def graph(hospitals: int | None, *, drop_out: float, collusion: float, smallest_sum: int) -> None:
    """Show the graph of a wide round of HOSPITALS, or a table of sizes without HOSPITALS.

    In a masked round of many hospitals each one shares its masks with k others, not with all. The fewer, the faster the
    round; this command shows the fewest that are safe, and how likely it is that they do not suffice.
    """
    from fl.protocol.rounds.graph_choice import Crowd

    if hospitals is None:
        _table([Crowd(count, collusion, drop_out) for count in TABLE], smallest_sum)
    else:
        _explain(Crowd(hospitals, collusion, drop_out), smallest_sum)


def _explain(crowd: Crowd, smallest: int) -> None:
    from fl.protocol.rounds.graph_choice import BOUND, TRIES, choose, failures, smallest_sum

    degree, threshold = choose(crowd, smallest)
    found = failures(crowd, degree, threshold)
    n, m = crowd.hospitals, crowd.colluders
    honest = smallest_sum(crowd, degree, threshold, BOUND - TRIES)
    facts = {
        "neighbours (k)": f"{degree}: with so many others each hospital shares its masks, of {n - 1}",
        "threshold (t)": f"{threshold} of the {degree + 1} that hold its shares must answer",
        "fewest hospitals": f"{crowd.fewest} must be in the sum and sign for it, or the round ends without one",
        "smallest sum": f"{honest} honest hospitals: nobody sees the sum of fewer, whichever are left out",
        "two sums": f"{crowd.traitors} hospitals must sign twice to get them",
    }
    risks = {
        "colluders learn the update of a hospital": found.exposed,
        "a sum of fewer hospitals can be seen": _split(crowd, degree, threshold, smallest),
        "the sum stays masked; the next round tries again": found.stuck,
    }
    click.echo(f"{n} hospitals, of which up to {m} collude with the coordinator and {crowd.absent} drop out:")
    for name, fact in facts.items():
        click.echo(f"  {name:<18} {fact}")
    click.echo("What can fail in a round:")
    for name, power in risks.items():
        click.echo(f"  {name:<50} {odds(power)}")
    click.echo(
        f"The first two are for one try. A coordinator that can choose among 2^{TRIES:.0f} blocks has as many tries; k "
        f"is large enough that all together stay below 1 in {2**-BOUND:,.0f}."
    )


def _table(crowds: list[Crowd], smallest: int) -> None:
    from fl.protocol.errors import SettingInvalid
    from fl.protocol.rounds.graph_choice import choose, failures

    click.echo(
        f"{'hospitals':>9}  {'k':>5}  {'t':>5}  {'colluders':>9}  {'absent':>6}  privacy fails     round repeated"
    )
    for crowd in crowds:
        head = f"{crowd.hospitals:>9,}"
        try:
            degree, threshold = choose(crowd, smallest)
        except SettingInvalid as error:
            click.echo(f"{head}  none: {error.why}")
            continue
        found = failures(crowd, degree, threshold)
        private = max(found.exposed, _split(crowd, degree, threshold, smallest))
        click.echo(
            f"{head}  {degree:>5}  {threshold:>5}  {crowd.colluders:>9}  {crowd.absent:>6}  "
            f"{_power(private):<17}  {_power(found.stuck)}"
        )


def _split(crowd: Crowd, degree: int, threshold: int, smallest: int) -> float:
    """Return how likely a sum of fewer honest hospitals can be seen than was asked for."""
    from fl.protocol.rounds.graph_choice import failures, seen_below

    found = failures(crowd, degree, threshold)
    whole = max(found.by_choice, found.by_chance)
    return min(whole, seen_below(crowd, degree, threshold, smallest)) if smallest else whole


def odds(power: float) -> str:
    """Return a probability of 2^power in words."""
    if power == -math.inf:
        return "never: there are too few of them"
    if power > -1:
        return "likely"
    if power < -_WRITTEN_OUT:
        return f"less than 1 in 10^{math.floor(math.log10(2) * -power)}"
    one_in = math.floor(2.0**-power)
    step = 10 ** max(len(str(one_in)) - 2, 0)
    return f"less than 1 in {one_in // step * step:,}"


def _power(power: float) -> str:
    return "never" if power == -math.inf else f"2^{math.ceil(power)}"
