"""The deal of hospitals into groups."""

from __future__ import annotations

import pytest

from fl.protocol.codec import sha256
from fl.protocol.names import Address
from fl.replay.round_groups import deal

SEED = sha256(b"one")


def accounts(count: int) -> tuple[Address, ...]:
    return tuple(sorted(Address(sha256(str(place).encode())[:20]) for place in range(count)))


@pytest.mark.parametrize(("count", "groups"), [(6, 2), (7, 2), (11, 3), (100, 7)])
def test_everybody_is_in_one_group_and_groups_differ_by_at_most_one(count: int, groups: int) -> None:
    dealt = deal(SEED, accounts(count), groups)
    assert sorted(each for group in dealt for each in group) == list(accounts(count))
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1
    assert all(list(group) == sorted(group) for group in dealt)


def test_another_seed_deals_other_groups_and_the_order_of_hospitals_does_not_matter() -> None:
    hospitals = accounts(12)
    assert deal(SEED, hospitals, 3) == deal(SEED, hospitals[::-1], 3)
    assert deal(SEED, hospitals, 3) != deal(sha256(b"two"), hospitals, 3)


def test_two_hospitals_of_six_meet_in_two_groups_about_as_often_as_chance_says() -> None:
    hospitals = accounts(6)
    together = sum(
        any({hospitals[0], hospitals[1]} <= set(group) for group in deal(sha256(bytes([place])), hospitals, 2))
        for place in range(250)
    )
    assert 70 <= together <= 130, "two of five others are in the own group"
