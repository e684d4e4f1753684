"""The hospitals that sum a wide round again: an unbiased draw, and the exact chance that a wrong sum passes."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from fl.protocol.codec import sha256
from fl.protocol.names import Address
from fl.protocol.rounds.replayers import needed_of, replayers_for, sample, seed_of, too_few_there, wrong_sum_passes

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "sample.json").read_text(encoding="ascii")
)

HOSPITALS = tuple(Address(bytes([place]) * 20) for place in range(1, 7))


def test_the_same_seed_draws_the_same_hospitals() -> None:
    assert [each[0] for each in sample(bytes(32), HOSPITALS, 3)] == [5, 2, 6]
    assert [each[0] for each in sample(b"\x01" * 32, HOSPITALS, 3)] == [6, 5, 2]
    assert set(sample(bytes(32), HOSPITALS, 9)) == set(HOSPITALS)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['replayers']} of {len(vector['hospitals'])}")
def test_the_draw_is_that_of_the_vectors(vector: dict[str, Any]) -> None:
    seed = seed_of(*(bytes.fromhex(vector[name]) for name in ("context", "set", "block")))
    hospitals = [Address(bytes.fromhex(each)) for each in vector["hospitals"]]
    assert seed.hex() == vector["seed"]
    assert [each.hex() for each in sample(seed, hospitals, vector["replayers"])] == vector["drawn"]


def test_each_pair_of_six_is_drawn_about_equally_often() -> None:
    draws = 6000
    seen = dict.fromkeys(combinations(HOSPITALS, 2), 0)
    for number in range(draws):
        first, second = sorted(sample(sha256(number.to_bytes(4, "big")), HOSPITALS, 2))
        seen[first, second] += 1
    expected = draws / len(seen)
    assert sum((count - expected) ** 2 / expected for count in seen.values()) < 36.1  # chi^2, 14 degrees, p = 0.001


def test_the_chance_of_a_wrong_sum_is_that_of_counting_all_draws() -> None:
    for colluding in range(7):
        for replayers in range(1, 7):
            for needed in range(1, replayers + 1):
                draws = list(combinations(range(6), replayers))
                bad = sum(sum(each < colluding for each in draw) >= needed for draw in draws)
                assert wrong_sum_passes(6, colluding, replayers, needed) == Fraction(bad, len(draws))


def test_too_few_are_there_when_the_others_are_away() -> None:
    assert too_few_there(6, 0, 4, 3) == 0
    assert too_few_there(6, 4, 4, 3) == 1
    assert too_few_there(4, 2, 2, 2) == Fraction(5, 6)


def test_the_fewest_replayers_for_a_bound_keep_it_and_one_fewer_does_not() -> None:
    count = replayers_for(100, 20)
    assert wrong_sum_passes(100, 20, count, needed_of(count)) <= Fraction(1, 2**40)
    assert wrong_sum_passes(100, 20, count - 1, needed_of(count - 1)) > Fraction(1, 2**40)
    more = replayers_for(100, 20, 10)
    assert more > count
    assert wrong_sum_passes(90, 20, more, needed_of(more)) <= Fraction(1, 2**40)
    assert too_few_there(100, 10, more, needed_of(more)) <= Fraction(1, 2**10)
    assert replayers_for(4, 4) == 4


def test_drawn_from_the_whole_roster_the_missing_make_no_wrong_sum_more_likely() -> None:
    count = replayers_for(300, 100, 30, whole_roster=True)
    assert count < replayers_for(300, 100, 30)
    assert wrong_sum_passes(300, 100, count, needed_of(count)) <= Fraction(1, 2**40)
    assert too_few_there(300, 30, count, needed_of(count)) <= Fraction(1, 2**10)
    assert replayers_for(4, 4, whole_roster=True) == 4
