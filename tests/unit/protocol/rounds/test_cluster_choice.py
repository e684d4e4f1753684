"""How small clusters may be: against exact fractions, and against every choice of whom to leave out."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import combinations

import pytest

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Address
from fl.protocol.rounds.cluster_choice import (
    ClusterChoice,
    choose_clusters,
    cluster_failures,
    smallest_cluster_sum,
)
from fl.protocol.rounds.clusters import Clusters, sizes
from fl.protocol.rounds.graph_choice import BOUND, NEVER, TRIES, Crowd

PRIVATE = BOUND - TRIES


def log2_exact(population: int, marked: int, drawn: int, least: int) -> float:
    ways = sum(math.comb(marked, hit) * math.comb(population - marked, drawn - hit) for hit in range(least, drawn + 1))
    found = Fraction(ways, math.comb(population, drawn))
    return math.log2(found.numerator) - math.log2(found.denominator) if found else NEVER


def log2_arcs(crowd: Crowd, choice: ClusterChoice) -> float:
    s, total = sizes(crowd.hospitals, choice.count)[0], Fraction(0)
    for arcs in range(1, s // (choice.across + 1) + 1):
        more = arcs * (choice.across - 1)
        ways, places = Fraction(s * math.comb(s - more - 1, 2 * arcs - 1), arcs), s + more
        hits = range(2 * choice.fewest - s + more, places + 1)
        m, others = crowd.colluders, crowd.hospitals - crowd.colluders
        draws = sum(math.comb(m, hit) * math.comb(others, places - hit) for hit in hits)
        total += ways * Fraction(draws, math.comb(crowd.hospitals, places))
    return math.log2(total.numerator) - math.log2(total.denominator) if total else NEVER


@pytest.mark.parametrize(("hospitals", "collusion"), [(400, 0.2), (301, 0.2), (1000, 0.1), (1000, 1 / 3), (3000, 0.2)])
def test_the_chosen_clusters_keep_each_bound_by_exact_fractions_and_smaller_ones_do_not(
    hospitals: int, collusion: float
) -> None:
    crowd = Crowd(hospitals, collusion, 0.1)
    n, m, d, chosen = hospitals, crowd.colluders, crowd.absent, choose_clusters(crowd)
    (s, small), parts = sizes(n, chosen.count), math.log2(chosen.count)
    double = 2 * chosen.fewest - s
    assert parts + log2_exact(n, m, s, chosen.threshold) <= PRIVATE
    assert parts + log2_exact(n, m, s, double) <= PRIVATE
    assert (
        parts + log2_arcs(crowd, chosen)
        <= PRIVATE
        < parts + log2_arcs(crowd, replace(chosen, across=chosen.across - 1))
    )
    assert parts + log2_exact(n, d, s, small - chosen.fewest + 1) <= BOUND
    assert s < 2 * chosen.threshold
    assert chosen.threshold <= chosen.fewest <= small
    assert chosen.degree == 2 * (s // 2)
    found = cluster_failures(crowd, chosen)
    assert found.parted == pytest.approx(parts + log2_arcs(crowd, chosen), abs=1e-6)
    assert max(found.exposed, found.two_sets, found.parted) <= PRIVATE
    assert found.stuck <= BOUND < cluster_failures(crowd, replace(chosen, fewest=chosen.fewest + 1)).stuck
    assert smallest_cluster_sum(crowd, chosen, PRIVATE) == chosen.count * chosen.fewest - m


def test_clusters_hardly_grow_with_the_number_of_hospitals() -> None:
    thousand, many = (choose_clusters(Crowd(count, 0.2, 0.1)) for count in (1000, 10_000))
    assert many.degree < 1.3 * thousand.degree


def test_if_the_sum_of_a_cluster_may_be_seen_one_partner_is_enough_and_its_honest_ones_are_counted() -> None:
    crowd = Crowd(1000, 0.2, 0.1)
    chosen = choose_clusters(crowd, smallest=10)
    assert chosen.across == 1
    seen = smallest_cluster_sum(crowd, chosen, PRIVATE)
    assert 10 <= seen < chosen.fewest
    few = math.log2(chosen.count) + log2_exact(1000, 200, sizes(1000, chosen.count)[0], chosen.fewest - seen + 1)
    assert few <= PRIVATE
    assert choose_clusters(crowd, smallest=seen + 1).across > 1


def test_clusters_that_show_single_updates_are_worth_nothing() -> None:
    crowd = Crowd(1000, 0.2, 0.1)
    assert smallest_cluster_sum(crowd, replace(choose_clusters(crowd), threshold=50), PRIVATE) == 0
    assert smallest_cluster_sum(Crowd(1000, 0.4, 0.1), choose_clusters(crowd), PRIVATE) == 0


def test_where_no_clusters_protect_that_is_said() -> None:
    with pytest.raises(SettingInvalid, match="no clusters protect updates"):
        choose_clusters(Crowd(100, 1 / 3, 0.1))
    with pytest.raises(SettingInvalid, match="no clusters protect updates"):
        choose_clusters(Crowd(16_384, 0.45, 0.2))


@pytest.mark.parametrize(("size", "across"), [(6, 1), (7, 2), (9, 3), (5, 5)])
def test_there_are_as_many_arcs_as_the_formula_says(size: int, across: int) -> None:
    counts = Counter(len(runs) for _, runs in arcs_of(size, across))
    for arcs in range(1, size // (across + 1) + 1):
        assert counts.pop(arcs) == Fraction(size * math.comb(size - arcs * (across - 1) - 1, 2 * arcs - 1), arcs)
    assert not counts


@pytest.mark.parametrize(
    ("hospitals", "choice"),
    [
        (14, ClusterChoice(2, 6, 3, 6, 4)),
        (15, ClusterChoice(2, 6, 2, 8, 5)),
        (21, ClusterChoice(3, 5, 3, 6, 4)),
        (20, ClusterChoice(3, 5, 2, 6, 4)),
        (19, ClusterChoice(3, 5, 3, 6, 4)),
    ],
)
def test_neighbours_are_parted_only_if_so_many_colluders_are_where_the_proof_says(
    hospitals: int, choice: ClusterChoice
) -> None:
    """Each choice of whom to leave out is tried, in clusters of equal and of different sizes."""
    source = random.Random(5)  # noqa: S311 - a simulation
    ring = [Address(number.to_bytes(20, "big")) for number in range(1, hospitals + 1)]
    clusters = Clusters(ring, choice.count, choice.across)
    (s, _), e = sizes(hospitals, choice.count), choice.across
    parted = safe = 0
    for _ in range(60):
        colluders = set(source.sample(ring, source.randrange(hospitals // 3, 2 * hospitals // 3)))
        for g, part in enumerate(clusters.parts):
            after = clusters.parts[(g + 1) % choice.count]
            bad = [{place for place, each in enumerate(one) if each in colluders} for one in (part, after)]
            enough = any(
                len(bad[0] - inner_of(places, s, e)) + len(bad[1] & places)
                >= 2 * choice.fewest - s + len(runs) * (e - 1)
                for places, runs in arcs_of(s, e)
            )
            found = can_be_parted(clusters, (part, after), choice.fewest, colluders)
            assert enough or not found
            parted, safe = parted + found, safe + (not enough)
    assert safe
    assert parted or choice.count == 2, "the bound is far from what can be done"


@cache
def arcs_of(size: int, across: int) -> list[tuple[frozenset[int], list[int]]]:
    """Return each set of places of a circle, but all, that falls into runs of `across` or more; and these runs."""
    found = []
    for bits in range(1, 2**size - 1):
        places = frozenset(place for place in range(size) if bits >> place & 1)
        starts = [place for place in places if (place - 1) % size not in places]
        runs = [next(step for step in range(size) if (start + step) % size not in places) for start in starts]
        if min(runs) >= across:
            found.append((places, runs))
    return found


def inner_of(places: frozenset[int], size: int, across: int) -> set[int]:
    return {place for place in places if all((place + step) % size in places for step in range(across))}


def can_be_parted(
    clusters: Clusters, pair: tuple[tuple[Address, ...], ...], fewest: int, colluders: set[Address]
) -> bool:
    """Return whether `fewest` hospitals of both clusters can be kept, the honest of which have no mask across."""
    first, second = pair
    for kept in honest_of(first, fewest, colluders):
        apart = [other for other in second if not any(clusters.masked(one, other) for one in kept)]
        near = colluders & {*second}
        left = [other for other in apart if other not in near]
        if kept and left and len(left) + len(near) >= fewest:
            return True
    return False


def honest_of(part: tuple[Address, ...], fewest: int, colluders: set[Address]) -> Iterator[tuple[Address, ...]]:
    """Yield the honest hospitals of each choice of as few as may be kept, colluders first."""
    honest = [one for one in part if one not in colluders]
    yield from combinations(honest, max(fewest - (len(part) - len(honest)), 1))
