"""How thin a graph may be: against exact fractions, against drawing, and against what a person expects."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Address
from fl.protocol.rounds.graph_choice import (
    BOUND,
    NEVER,
    TRIES,
    Crowd,
    choose,
    failures,
    seen_below,
    smallest_sum,
    tail,
)
from fl.protocol.rounds.mask_graph import MaskGraph, ring_of


def exact_tail(population: int, marked: int, drawn: int, least: int) -> Fraction:
    ways = sum(math.comb(marked, hit) * math.comb(population - marked, drawn - hit) for hit in range(least, drawn + 1))
    return Fraction(ways, math.comb(population, drawn))


@pytest.mark.parametrize(
    ("population", "marked", "drawn", "least"), [(49, 10, 8, 6), (899, 200, 190, 100), (9000, 2000, 318, 160)]
)
def test_a_tail_has_the_bits_of_the_exact_fraction(population: int, marked: int, drawn: int, least: int) -> None:
    exact = exact_tail(population, marked, drawn, least)
    assert tail(population, marked, drawn, least) == pytest.approx(
        math.log2(exact.numerator) - math.log2(exact.denominator), abs=1e-6
    )


def test_a_tail_of_everything_is_sure_and_one_beyond_it_never_happens() -> None:
    assert tail(10, 4, 5, 0) == tail(10, 8, 5, 3) == 0.0
    assert tail(10, 4, 5, 5) == NEVER


@pytest.mark.parametrize("hospitals", [3, 12, 30, 50, 100, 300, 1000, 10_000])
def test_the_chosen_graph_keeps_both_promises_and_the_next_thinner_one_does_not(hospitals: int) -> None:
    crowd = Crowd(hospitals, 0.2, 0.1)
    degree, threshold = choose(crowd)
    found = failures(crowd, degree, threshold)
    assert max(found.exposed, found.by_choice, found.by_chance) <= BOUND - TRIES
    assert found.stuck <= BOUND
    assert degree + 1 < 2 * threshold <= 2 * (degree + 1)
    assert smallest_sum(crowd, degree, threshold, BOUND - TRIES) == crowd.fewest - crowd.colluders
    thinner = (
        [failures(crowd, degree - 2, t) for t in range(max(degree // 2, 1), degree)] if degree < hospitals - 1 else []
    )
    for one in thinner:
        assert max(one.exposed, one.by_choice) > BOUND - TRIES or one.stuck > BOUND


def test_the_degree_grows_far_slower_than_the_number_of_hospitals() -> None:
    degrees = [choose(Crowd(hospitals, 0.2, 0.1), smallest=10)[0] for hospitals in (300, 3000)]
    assert degrees[1] < 2 * degrees[0]


def test_a_smaller_sum_that_may_be_seen_needs_fewer_neighbours() -> None:
    crowd = Crowd(10_000, 0.2, 0.1)
    whole, ten = choose(crowd), choose(crowd, smallest=10)
    assert ten[0] < whole[0] / 2
    assert smallest_sum(crowd, *ten, BOUND - TRIES) == 10
    assert seen_below(crowd, *ten, 10) <= BOUND - TRIES < seen_below(crowd, *ten, 11)


def test_where_no_thin_graph_is_safe_the_complete_one_is_taken_and_where_none_is_that_is_said() -> None:
    assert choose(Crowd(3, 0.0, 0.0)) == (2, 3)
    assert choose(Crowd(12, 0.9, 0.0)) == (11, 11)
    with pytest.raises(SettingInvalid, match="sign twice make two sets"):
        choose(Crowd(30, 0.5, 0.3))
    with pytest.raises(SettingInvalid, match="more than 1023 neighbours"):
        choose(Crowd(10_000, 1 / 3, 0.2))


@pytest.mark.parametrize(
    ("hospitals", "collusion", "drop_out"), [(2, 0.1, 0.1), (20_000, 0.1, 0.1), (9, 1.0, 0.1), (9, 0.1, 0.5)]
)
def test_a_crowd_that_no_round_can_have_is_refused(hospitals: int, collusion: float, drop_out: float) -> None:
    with pytest.raises(SettingInvalid):
        Crowd(hospitals, collusion, drop_out)


def test_drawn_rings_expose_and_strand_hospitals_as_often_as_computed() -> None:
    """A small part of scripts/bench/graph_check.py, with other colluders in each try."""
    crowd, degree, threshold, tries = Crowd(40, 0.25, 0.1), 8, 6, 3000
    source = random.Random(1)  # noqa: S311 - a simulation
    hospitals = [Address(number.to_bytes(20, "big")) for number in range(1, 41)]
    exposed = stranded = 0
    for _ in range(tries):
        graph = MaskGraph(ring_of(source.randbytes(32), hospitals), degree)
        near = [each for one in hospitals[:10] for each in graph.neighbours(one)]
        gone = [each for one in hospitals[10:14] for each in graph.holders(one)]
        exposed += sum(near.count(each) >= threshold for each in set(near) - set(hospitals[:10]))
        stranded += sum(degree + 1 - gone.count(each) < threshold for each in set(gone))
    lacking = 36 * exact_tail(39, 4, 8, 4) + 4 * exact_tail(39, 3, 8, 3)
    assert exposed / tries == pytest.approx(float(30 * exact_tail(39, 10, 8, 6)), rel=0.2)
    assert stranded / tries == pytest.approx(float(lacking), rel=0.2)
    assert failures(crowd, degree, threshold).stuck == pytest.approx(math.log2(lacking), abs=1e-6)
