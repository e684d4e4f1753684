"""`hemaledger graph`: with how many others each hospital of a wide round shares its masks, and what can fail."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from scripts.wiring.exit import guarded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fl.protocol.rounds.graph_choice import Crowd

TABLE = (30, 50, 100, 300, 1000, 10000)
CLUSTERS_FROM = 300
"""Rounds of fewer hospitals are explained without clusters."""
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
    """Show the graph of a wide round of HOSPITALS, or tables of sizes without HOSPITALS.

    In a masked round of many hospitals each one shares its masks with k others, not with all. The fewer, the faster the
    round; this command shows the fewest that are safe, and how likely it is that they do not suffice. From 300
    hospitals on it also shows the smallest clusters that are safe: there each hospital reads the records of its own
    cluster.
    """
    from fl.protocol.errors import SettingInvalid
    from fl.protocol.rounds.graph_choice import Crowd

    if hospitals is None:
        crowds = [Crowd(count, collusion, drop_out) for count in TABLE]
        _table(crowds, smallest_sum)
        click.echo("")
        _cluster_table([crowd for crowd in crowds if crowd.hospitals >= CLUSTERS_FROM], smallest_sum)
        return
    crowd = Crowd(hospitals, collusion, drop_out)
    if hospitals < CLUSTERS_FROM:
        _explain(crowd, smallest_sum)
        return
    try:
        _explain(crowd, smallest_sum)
    except SettingInvalid as error:
        click.echo(f"Without clusters: {error}")
    click.echo("")
    _explain_clusters(crowd, smallest_sum)


def _explain(crowd: Crowd, smallest: int) -> None:
    from fl.protocol.rounds.graph_choice import BOUND, TRIES, choose, failures, smallest_sum

    degree, threshold = choose(crowd, smallest)
    found = failures(crowd, degree, threshold)
    honest = smallest_sum(crowd, degree, threshold, BOUND - TRIES)
    _say(
        f"{_who(crowd)}:",
        {
            "neighbours (k)": f"{degree}: with so many others each hospital shares its masks, of {crowd.hospitals - 1}",
            "threshold (t)": f"{threshold} of the {degree + 1} that hold its shares must answer",
            "fewest hospitals": f"{crowd.fewest} must be in the sum and sign for it, or the round ends without one",
            "smallest sum": f"{honest} honest hospitals: nobody sees the sum of fewer, whichever are left out",
            "two sums": f"{crowd.traitors} hospitals must sign twice to get them",
        },
        (found.exposed, _split(crowd, degree, threshold, smallest), found.stuck),
    )
    click.echo(
        f"The first two are for one try. A coordinator that can choose among 2^{TRIES:.0f} blocks has as many tries; k "
        f"is large enough that all together stay below 1 in {2**-BOUND:,.0f}."
    )


def _explain_clusters(crowd: Crowd, smallest: int) -> None:
    from fl.protocol.rounds.cluster_choice import (
        choose_clusters,
        cluster_failures,
        cluster_seen_below,
        smallest_cluster_sum,
    )
    from fl.protocol.rounds.clusters import sizes
    from fl.protocol.rounds.graph_choice import BOUND, TRIES

    chosen = choose_clusters(crowd, smallest)
    found = cluster_failures(crowd, chosen)
    largest, least = sizes(crowd.hospitals, chosen.count)
    size = f"{largest}" if largest == least else f"{least} or {largest}"
    honest = smallest_cluster_sum(crowd, chosen, BOUND - TRIES)
    _say(
        f"{_who(crowd)}, in clusters:",
        {
            "clusters (G)": f"{chosen.count} of {size} hospitals, which share masks and secrets with each other",
            "partners (e)": f"{chosen.across} in the next cluster and {chosen.across} in the previous one, for masks "
            "alone: no cluster has a sum of its own",
            "threshold (t)": f"{chosen.threshold} of its cluster, which hold a hospital's shares, must answer",
            "fewest hospitals": f"{chosen.fewest} of each cluster must be in the sum and sign for it, or the round "
            "ends without one",
            "smallest sum": f"{honest} honest hospitals: nobody sees the sum of fewer, whichever are left out",
            "two sums": f"{2 * chosen.fewest - largest} hospitals of one cluster must sign twice to get them",
        },
        (max(found.exposed, found.two_sets), cluster_seen_below(crowd, chosen, smallest or honest), found.stuck),
    )
    click.echo(
        f"The first two are for one opening. A coordinator that opens 2^{TRIES:.0f} rounds has as many tries; all "
        f"together stay below 1 in {2**-BOUND:,.0f}."
    )


def _who(crowd: Crowd) -> str:
    return (
        f"{crowd.hospitals} hospitals, of which up to {crowd.colluders} collude with the coordinator and "
        f"{crowd.absent} drop out"
    )


def _say(title: str, facts: Mapping[str, str], risks: tuple[float, float, float]) -> None:
    """Print the facts, and what can fail: an update is seen, a smaller sum is seen, there is no sum."""
    click.echo(title)
    for name, fact in facts.items():
        click.echo(f"  {name:<18} {fact}")
    click.echo("What can fail in a round:")
    names = (
        "colluders learn the update of a hospital",
        "a sum of fewer hospitals can be seen",
        "the sum stays masked; the next round tries again",
    )
    for name, power in zip(names, risks, strict=True):
        click.echo(f"  {name:<50} {odds(power)}")


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


def _cluster_table(crowds: list[Crowd], smallest: int) -> None:
    from fl.protocol.errors import SettingInvalid
    from fl.protocol.rounds.cluster_choice import choose_clusters, cluster_failures, cluster_seen_below
    from fl.protocol.rounds.clusters import sizes

    click.echo(
        f"{'hospitals':>9}  {'clusters':>8}  {'of':>4}  {'t':>4}  {'fewest':>6}  {'partners':>8}  privacy fails      "
        "round repeated"
    )
    for crowd in crowds:
        head = f"{crowd.hospitals:>9,}"
        try:
            chosen = choose_clusters(crowd, smallest)
        except SettingInvalid as error:
            click.echo(f"{head}  none: {error.why}")
            continue
        found = cluster_failures(crowd, chosen)
        small = cluster_seen_below(crowd, chosen, smallest) if smallest else found.parted
        click.echo(
            f"{head}  {chosen.count:>8}  {sizes(crowd.hospitals, chosen.count)[0]:>4}  {chosen.threshold:>4}  "
            f"{chosen.fewest:>6}  {chosen.across:>8}  {_power(max(found.exposed, found.two_sets, small)):<17}  "
            f"{_power(found.stuck)}"
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
