"""The part of graph_check.py about clusters: draws them with its own code and looks for the worst choice.

Each try orders the hospitals at random, cuts the order into clusters, and looks at what happens; who colludes and who
drops out was fixed before. Nothing of fl/protocol/rounds/clusters.py and of the formulas is used for that. Each try, of
each cluster or of each two clusters beside each other:

    exposed    has it t colluders?
    two sets   has it so many that f sign each of two sets, if each other one signs one?
    parted     can the coordinator leave out hospitals, so that f of both clusters stay and no two honest ones of
               them have a mask across? It tries each smallest choice in the first cluster.
    arcs       of how many sets of places does the proof say that enough colluders there may part them?
    stuck      do fewer than f of it stay?

In clusters of real size it cannot try each choice. There it computes how many hospitals must be left out at the least,
in both clusters together, so that no mask across is left: a smallest vertex cover, which is as large as a largest
matching (Kőnig). If that is more than may be left out, nothing parts them.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from fl.protocol.names import Address
from fl.protocol.rounds.cluster_choice import ClusterChoice, choose_clusters, cluster_failures
from fl.protocol.rounds.clusters import Clusters
from fl.protocol.rounds.graph_choice import Crowd

TERMS = ("exposed", "two sets", "parted", "stuck")
TWICE = 2
"""Two clusters are beside each other on both sides."""
EDGES = frozenset[tuple[int, int]]
"""Pairs of places of two clusters."""


@dataclass(frozen=True)
class ClusterSetting:
    """A crowd, and clusters that are far too small for it."""

    crowd: Crowd
    choice: ClusterChoice

    def __str__(self) -> str:
        crowd, choice = self.crowd, self.choice
        who = f"{crowd.hospitals} hospitals, {crowd.colluders} collude, {crowd.absent} absent"
        return f"{who}; G = {choice.count}, f = {choice.fewest}, e = {choice.across}, t = {choice.threshold}"

    @property
    def sizes(self) -> tuple[int, ...]:
        n, count = self.crowd.hospitals, self.choice.count
        return tuple((g + 1) * n // count - g * n // count for g in range(count))

    @property
    def joins(self) -> tuple[EDGES, ...]:
        """Return which places of each cluster have a mask in common with which places of the next one."""
        s, across, sizes = max(self.sizes), self.choice.across, self.sizes
        made = [
            {(p, (p + step) % s) for p in range(size) for step in range(across) if (p + step) % s < after}
            for size, after in zip(sizes, (*sizes[1:], sizes[0]), strict=True)
        ]
        if len(sizes) == TWICE:
            made[0] |= {(p, q) for q, p in made[1]}
            made[1] = {(q, p) for p, q in made[0]}
        return tuple(frozenset(each) for each in made)


SETTINGS = (
    ClusterSetting(Crowd(30, 0.27, 0.1), ClusterChoice(3, 8, 2, 10, 6)),
    ClusterSetting(Crowd(38, 0.25, 0.2), ClusterChoice(3, 10, 3, 12, 7)),
    ClusterSetting(Crowd(25, 0.4, 0.2), ClusterChoice(2, 11, 2, 12, 7)),
    ClusterSetting(Crowd(50, 0.24, 0.1), ClusterChoice(5, 8, 3, 10, 6)),
)
"""Small enough to try each choice of whom to leave out."""
REAL = ((300, 0.2), (1000, 0.2), (3000, 0.2), (10_000, 0.2), (1000, 0.3))
"""Hospitals, and the part that colludes; the clusters are chosen for 0.2."""


@dataclass(frozen=True)
class Arcs:
    """One choice of arcs on the circle of places: the places outside in one cluster, those inside in the next one."""

    outside: int
    """Bits of places that cannot be kept honest: each partner of any other place is on an arc."""
    inside: int
    needed: int
    """How many colluders must be on all of these places."""


@dataclass(frozen=True)
class Drawn:
    """Who colludes and who is absent, by clusters and places."""

    collude: tuple[frozenset[int], ...]
    absent: tuple[int, ...]
    """How many of each cluster."""


def check_clusters_by_drawing(setting: ClusterSetting, tries: int, source: random.Random) -> list[tuple[object, ...]]:
    """Return a row for each term: how often it happened, the product's bound, mean count, exact mean, ratio."""
    _compare_joins(setting)
    counted: dict[str, list[int]] = {term: [] for term in (*TERMS, "arcs")}
    joins, arcs = setting.joins, arcs_of(setting)
    for _ in range(tries):
        for term, count in _try(setting, joins, arcs, draw(setting, source)).items():
            counted[term].append(count)
    said, exact = cluster_failures(setting.crowd, setting.choice), _exact(setting, arcs)
    bounds = (said.exposed, said.two_sets, said.parted, said.stuck)
    rows = [_row(term, counted[term], 2.0**bound, exact.get(term)) for term, bound in zip(TERMS, bounds, strict=True)]
    return [*rows, _row("arcs", counted["arcs"], 2.0**said.parted, exact["arcs"])]


def arcs_of(setting: ClusterSetting) -> list[Arcs]:
    """Return all sets of one arc or more, of e places or more each, that leave a place free."""
    s, choice, found = max(setting.sizes), setting.choice, []
    for inside in range(1, 2**s - 1):
        starts = [place for place in range(s) if inside >> place & 1 and not inside >> (place - 1) % s & 1]
        inner = [place for place in range(s) if all(inside >> (place + step) % s & 1 for step in range(choice.across))]
        if all(start in inner for start in starts):
            outside = 2**s - 1 - sum(1 << place for place in inner)
            found.append(Arcs(outside, inside, 2 * choice.fewest - s + len(starts) * (choice.across - 1)))
    return found


def check_real_clusters(tries: int, source: random.Random) -> Iterator[tuple[object, ...]]:
    """Yield for clusters as they are chosen: in how many neighbours masks may be cut, with e and with one partner."""
    for hospitals, collusion in REAL:
        choice = choose_clusters(Crowd(hospitals, 0.2, 0.1))
        for across in (choice.across, 1):
            setting = ClusterSetting(
                Crowd(hospitals, collusion, 0.1),
                ClusterChoice(choice.count, choice.fewest, across, choice.degree, choice.threshold),
            )
            spare = [spare_of(setting, draw(setting, source)) for _ in range(tries)]
            cut = sum(each < 0 for found in spare for each in found)
            nearest = min(each for found in spare for each in found)
            yield (hospitals, f"{collusion:g}", choice.count, across, f"{cut} of {tries * choice.count}", nearest)


def draw(setting: ClusterSetting, source: random.Random) -> Drawn:
    """Order the hospitals at random; the first m collude, and drop-outs are others of the same order each time."""
    crowd, places = setting.crowd, list(range(setting.crowd.hospitals))
    source.shuffle(places)
    absent = set(source.sample(range(crowd.hospitals), crowd.absent))
    collude, away, first = [], [], 0
    for size in setting.sizes:
        part = places[first : first + size]
        collude.append(frozenset(place for place, each in enumerate(part) if each < crowd.colluders))
        away.append(sum(each in absent for each in part))
        first += size
    return Drawn(tuple(collude), tuple(away))


def _try(setting: ClusterSetting, joins: Sequence[EDGES], arcs: Sequence[Arcs], drawn: Drawn) -> dict[str, int]:
    """Return to how many clusters, or neighbours, each term happened."""
    choice, sizes = setting.choice, setting.sizes
    bad = [len(each) for each in drawn.collude]
    pairs = [(g, (g + 1) % choice.count) for g in range(choice.count)]
    bits = [sum(1 << place for place in each) for each in drawn.collude]
    return {
        "exposed": sum(each >= choice.threshold for each in bad),
        "two sets": sum(size + each >= 2 * choice.fewest for size, each in zip(sizes, bad, strict=True)),
        "parted": sum(
            can_be_parted(joins[g], (sizes[g], sizes[h]), (drawn.collude[g], drawn.collude[h]), choice.fewest)
            for g, h in pairs
        ),
        "stuck": sum(size - away < choice.fewest for size, away in zip(sizes, drawn.absent, strict=True)),
        "arcs": sum(
            (bits[g] & each.outside).bit_count() + (bits[h] & each.inside).bit_count() >= each.needed
            for g, h in pairs
            for each in arcs
        ),
    }


def can_be_parted(
    edges: EDGES, sizes: tuple[int, int], collude: tuple[frozenset[int], frozenset[int]], fewest: int
) -> bool:
    """Try each choice of honest hospitals of the first cluster that is as small as it may be.

    A larger choice has more masks across, so it needs not be tried. The colluders stay. Only sums of honest hospitals
    in both clusters count.
    """
    near: dict[int, set[int]] = {}
    for place, other in edges:
        near.setdefault(place, set()).add(other)
    honest = [place for place in range(sizes[0]) if place not in collude[0]]
    others = {place for place in range(sizes[1]) if place not in collude[1]}
    for kept in combinations(honest, max(fewest - len(collude[0]), 1)):
        left = others.difference(*(near.get(place, set()) for place in kept))
        if left and len(left) + len(collude[1]) >= fewest:
            return True
    return False


def spare_of(setting: ClusterSetting, drawn: Drawn) -> list[int]:
    """Return for each two neighbours how many hospitals more than allowed must be left out to cut all masks across."""
    sizes, count, found = setting.sizes, setting.choice.count, []
    for g, edges in enumerate(setting.joins):
        h = (g + 1) % count
        honest = [(p, q) for p, q in edges if p not in drawn.collude[g] and q not in drawn.collude[h]]
        allowed = sizes[g] + sizes[h] - 2 * setting.choice.fewest
        found.append(largest_matching(honest) - allowed - 1)
    return found


def largest_matching(edges: Sequence[tuple[int, int]]) -> int:
    """Return how many edges of a bipartite graph can be taken without a common end (Kuhn's augmenting paths)."""
    near: dict[int, list[int]] = {}
    for one, other in sorted(edges):
        near.setdefault(one, []).append(other)
    taken: dict[int, int] = {}

    def augments(one: int, tried: set[int]) -> bool:
        for other in near[one]:
            if other not in tried:
                tried.add(other)
                if other not in taken or augments(taken[other], tried):
                    taken[other] = one
                    return True
        return False

    return sum(augments(one, set()) for one in near)


def _compare_joins(setting: ClusterSetting) -> None:
    """Raise ValueError unless the product cuts and joins the same order in the same way."""
    ring = [Address(place.to_bytes(20, "big")) for place in range(1, setting.crowd.hospitals + 1)]
    clusters = Clusters(ring, setting.choice.count, setting.choice.across)
    if tuple(map(len, clusters.parts)) != setting.sizes:
        raise ValueError("the product cuts the ring into other clusters")
    for g, edges in enumerate(setting.joins):
        one, other = clusters.parts[g], clusters.parts[(g + 1) % setting.choice.count]
        found = {
            (p, q) for p, first in enumerate(one) for q, second in enumerate(other) if clusters.masked(first, second)
        }
        if found != edges:
            raise ValueError("the product joins other hospitals")


def _row(term: str, counts: Sequence[int], bound: float, exact: Fraction | None) -> tuple[object, ...]:
    tries = len(counts)
    part, mean = sum(each > 0 for each in counts) / tries, sum(counts) / tries
    spread = math.sqrt((sum(each * each for each in counts) / tries - mean * mean) / tries)
    measured = f"{part:.2g} ± {1.96 * math.sqrt(part * (1 - part) / tries):.1g}"
    ratio = f"{mean / exact:.3f} ± {1.96 * spread / exact:.2g}" if exact and mean else "-"
    return term, measured, f"{bound:.2g}", mean, float(exact) if exact is not None else "-", ratio


def _exact(setting: ClusterSetting, arcs: Sequence[Arcs]) -> dict[str, Fraction]:
    """Return the exact mean of each count but `parted`, which is never above that of `arcs`."""
    choice, sizes, n = setting.choice, setting.sizes, setting.crowd.hospitals
    m, d = setting.crowd.colluders, setting.crowd.absent
    kinds = Counter(
        ((each.outside & (2**one - 1)).bit_count() + (each.inside & (2**other - 1)).bit_count(), each.needed)
        for one, other in zip(sizes, (*sizes[1:], sizes[0]), strict=True)
        for each in arcs
    )
    return {
        "exposed": sum((_at_least(n, m, size, choice.threshold) for size in sizes), Fraction(0)),
        "two sets": sum((_at_least(n, m, size, 2 * choice.fewest - size) for size in sizes), Fraction(0)),
        "stuck": sum((_at_least(n, d, size, size - choice.fewest + 1) for size in sizes), Fraction(0)),
        "arcs": sum((count * _at_least(n, m, *kind) for kind, count in kinds.items()), Fraction(0)),
    }


def _at_least(population: int, marked: int, drawn: int, least: int) -> Fraction:
    hits = range(max(least, 0), min(marked, drawn) + 1)
    ways = sum(math.comb(marked, hit) * math.comb(population - marked, drawn - hit) for hit in hits)
    return Fraction(ways, math.comb(population, drawn))
