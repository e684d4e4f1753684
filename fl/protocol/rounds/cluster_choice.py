"""How small the clusters of a wide round may be: what can fail, how likely it is, and which G, f, e and t to take.

Invariant: every figure is a probability before the round is opened, over the random order of the ring alone. Who
colludes is fixed by then. Whom to leave out, the coordinator chooses after it saw the ring. Figures are base-2
logarithms; -inf is impossible.

Terms, for n hospitals of which m = ⌊γn⌋ collude with the coordinator and d = ⌊δn⌋ drop out, in G clusters of ⌊n/G⌋ to
s = ⌈n/G⌉ hospitals, with X ~ Hyp(N, M, K) as in graph_choice.py:

    exposed    a cluster has t colluders: they have both secrets of each other hospital of it
               ≤ G·P[Hyp(n, m, s) ≥ t]
    two sets   a cluster has 2f − s colluders: they sign two sets, and others of it reveal shares for both
               ≤ G·P[Hyp(n, m, s) ≥ 2f − s]
    parted     a choice of whom to leave out of two clusters beside each other leaves no mask across between honest
               hospitals of the set; then 2f − s + r·(e − 1) of certain s + r·(e − 1) places are those of colluders,
               where r arcs of e places or more on a circle of s say which places (5W.5 has the proof)
               ≤ G·Σ_r (s/r)·C(s − r·(e − 1) − 1, 2r − 1)·P[Hyp(n, m, s + r·(e − 1)) ≥ 2f − s + r·(e − 1)]
    stuck      more drop out of a cluster than ⌊n/G⌋ − f, so the round ends without a sum
               ≤ G·P[Hyp(n, d, s) ≥ ⌊n/G⌋ − f + 1]

Without the first three no choice gives another sum than that of all honest hospitals of the set.

Source: PROTOCOL.md 5W.5; the clusters are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fl.protocol.errors import GraphTooThin, SettingInvalid
from fl.protocol.rounds.clusters import sizes
from fl.protocol.rounds.graph_choice import (
    BOUND,
    MAX_HOLDERS,
    NEVER,
    TRIES,
    Crowd,
    choices,
    hypergeometric,
    log2_sum,
    tail,
)
from fl.protocol.rounds.round import Round
from fl.protocol.rounds.rules import MIN_MASKED


@dataclass(frozen=True)
class ClusterChoice:
    """Into how many clusters a wide round is cut, and what each of them needs."""

    count: int
    """G, 2 or more."""
    fewest: int
    """f: how many hospitals of each cluster must be in each set, and sign it."""
    across: int
    """e: how many partners each hospital has in the next cluster, at most."""
    degree: int
    """k: all others of a cluster, rounded up to an even number."""
    threshold: int
    """t: how many hospitals of its cluster have both secrets of a hospital together."""


@dataclass(frozen=True)
class ClusterFailures:
    """What can fail in a round of clusters, as base-2 logarithms of upper bounds of its probability."""

    exposed: float
    two_sets: float
    parted: float
    stuck: float


def cluster_failures(crowd: Crowd, choice: ClusterChoice) -> ClusterFailures:
    """Return how likely clusters fail for one opening of a round."""
    n, m, clusters = crowd.hospitals, crowd.colluders, math.log2(choice.count)
    largest, smallest = sizes(n, choice.count)
    double = 2 * choice.fewest - largest
    return ClusterFailures(
        exposed=min(0.0, clusters + tail(n, m, largest, choice.threshold)),
        two_sets=min(0.0, clusters + tail(n, m, largest, double)),
        parted=_parted(crowd, choice.count, choice.fewest, choice.across),
        stuck=min(0.0, clusters + tail(n, crowd.absent, largest, smallest - choice.fewest + 1)),
    )


def choose_clusters(crowd: Crowd, smallest: int = 0, bound: float = BOUND, tries: float = TRIES) -> ClusterChoice:
    """Return the smallest clusters with which neither privacy nor the sum fails.

    Args:
        crowd: The hospitals.
        smallest: How many honest hospitals must be in each sum that can be seen; 0: all honest ones of the set.
        bound: Base-2 logarithm of the failure probability, for each way in which privacy fails, and for the sum.
        tries: Base-2 logarithm of how many openings the coordinator can try; privacy alone suffers from it.

    Raises:
        SettingInvalid: not even two clusters bear so many colluders and drop-outs, or they would be too large.
    """
    n = crowd.hospitals
    for count in range(n // MIN_MASKED, 1, -1):
        if sizes(n, count)[0] > MAX_HOLDERS:
            break
        found = _cut(crowd, count, smallest, (bound - tries, bound))
        if found is not None:
            return found
    why = f"with {crowd.colluders} colluders and {crowd.absent} absent of {n} no clusters protect updates"
    raise SettingInvalid("collusion", why)


def smallest_cluster_sum(crowd: Crowd, choice: ClusterChoice, bound: float) -> int:
    """Return how many honest hospitals are in each sum that can be seen, but for a probability of 2^bound.

    If clusters cannot be parted, it is the sum of all honest ones of the set, f of each cluster at least; if they can,
    that of the honest ones of a cluster. 0: a single update may be seen.
    """
    found = cluster_failures(crowd, choice)
    if max(found.exposed, found.two_sets) > bound:
        return 0
    if found.parted <= bound:
        return max(choice.count * choice.fewest - crowd.colluders, 0)
    return max(choice.fewest - _most_of_each(crowd.colluders, crowd, choice.count, bound), 0)


def cluster_seen_below(crowd: Crowd, choice: ClusterChoice, size: int) -> float:
    """Return how likely a choice of whom to leave out shows a sum of fewer than `size` honest hospitals, at most."""
    n, largest = crowd.hospitals, sizes(crowd.hospitals, choice.count)[0]
    few = min(0.0, math.log2(choice.count) + tail(n, crowd.colluders, largest, choice.fewest - size + 1))
    return min(few, cluster_failures(crowd, choice).parted)


def check_clusters(current: Round, collusion: float, smallest: int = MIN_MASKED) -> None:
    """Check, before a hospital takes part in a round of clusters, that they bear that many colluders.

    Raises:
        GraphTooThin: fewer than `smallest` honest hospitals may be in a sum that can be seen, with more than 2^-40.
    """
    if current.wide is None or current.wide.clusters is None:
        return
    n, terms, clusters = len(current.roster), current.terms, current.wide.clusters
    crowd = Crowd(n, collusion, (n - terms.min_commitments) / n)
    choice = ClusterChoice(clusters.count, clusters.fewest, clusters.across, current.wide.degree, terms.threshold)
    found = smallest_cluster_sum(crowd, choice, BOUND - TRIES)
    if found < smallest:
        raise GraphTooThin(found, smallest, crowd.colluders)


def _cut(crowd: Crowd, count: int, smallest: int, bounds: tuple[float, float]) -> ClusterChoice | None:
    """Return what so many clusters need, None if they are too small; the bounds are for privacy and for the sum."""
    (size, least), (private, there) = sizes(crowd.hospitals, count), bounds
    collude = _most_of_each(crowd.colluders, crowd, count, private)
    fewest = least - _most_of_each(crowd.absent, crowd, count, there)
    threshold = max(collude + 1, size // 2 + 1)
    if threshold > fewest or 2 * fewest - size <= collude:
        return None
    may_part = 0 < smallest <= fewest - collude
    partners = range(1, least + 1)
    across = next((e for e in partners if may_part or _parted(crowd, count, fewest, e) <= private), None)
    return None if across is None else ClusterChoice(count, fewest, across, 2 * (size // 2), threshold)


def _most_of_each(marked: int, crowd: Crowd, count: int, bound: float) -> int:
    """Return how many of the marked hospitals each of the clusters has at most, but for a probability of 2^bound."""
    return _most(crowd.hospitals, marked, sizes(crowd.hospitals, count)[0], bound - math.log2(count))


def _most(population: int, marked: int, drawn: int, bound: float) -> int:
    """Return the least c with log2 P[Hyp(population, marked, drawn) > c] ≤ bound."""
    lowest, highest = max(0, drawn + marked - population), min(marked, drawn)
    more, allowed = 0.0, 2.0**bound
    for hit in range(highest, lowest, -1):
        more += 2.0 ** hypergeometric(population, marked, drawn, hit)
        if more > allowed:
            return hit
    return lowest


def _parted(crowd: Crowd, count: int, fewest: int, across: int) -> float:
    """Return log2 of the bound of `parted`: a sum over each number of arcs."""
    n, m, size = crowd.hospitals, crowd.colluders, sizes(crowd.hospitals, count)[0]
    found = [NEVER]
    for arcs in range(1, size // (across + 1) + 1):
        more = arcs * (across - 1)
        ways = math.log2(size / arcs) + choices(size - more - 1, 2 * arcs - 1)
        found.append(ways + tail(n, m, size + more, 2 * fewest - size + more))
        if found[-1] >= 0:
            return 0.0
    return min(0.0, math.log2(count) + log2_sum(found))
