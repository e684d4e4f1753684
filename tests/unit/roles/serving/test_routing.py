"""Which server answers: wish, home, distance and load, and never outside the policy."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.names import Digest
from fl.roles.serving.routing import BUSY, Health, Place, Server, Why, Wish, ranked

NEW, OLD = Digest(b"n" * 32), Digest(b"o" * 32)
AMSTERDAM, MUNICH, PORTO = Place(52.37, 4.90), Place(48.14, 11.58), Place(41.15, -8.61)
HOME = Server("Home", "", "EU", AMSTERDAM)
SOUTH = Server("South", "https://south.example", "EU", MUNICH)
WEST = Server("West", "https://west.example", "EU", PORTO)
ABROAD = Server("Abroad", "https://abroad.example", "US", Place(40.7, -74.0))
ALL = (HOME, SOUTH, WEST, ABROAD)
WISH = Wish("Home", NEW, frozenset({"EU"}))


def health(**waiting: int) -> dict[str, Health]:
    return {name: Health(7, NEW, waiting.get(name, 0)) for name in ("Home", "South", "West", "Abroad")}


def names(*args: object) -> list[str]:
    return [choice.server.name for choice in ranked(ALL, *args)]  # type: ignore[arg-type]


def test_the_home_hospital_answers_first() -> None:
    choices = ranked(ALL, WISH, health(Home=BUSY - 1))
    assert (choices[0].server, choices[0].why) == (HOME, Why.HOME)


def test_what_the_person_chose_comes_before_home_and_alone_beside_it() -> None:
    wish = Wish("Home", NEW, frozenset({"EU"}), server="West")
    choices = ranked(ALL, wish, health(West=50))
    assert [choice.server for choice in choices] == [WEST, HOME]
    assert choices[0].why == Why.WISH


def test_a_busy_home_hospital_gives_to_the_nearest() -> None:
    choices = ranked(ALL, WISH, health(Home=20))
    assert (choices[0].server, choices[0].why) == (SOUTH, Why.NEAREST)


def test_a_long_queue_outweighs_a_longer_way() -> None:
    choices = ranked(ALL, WISH, health(Home=40, South=20))
    assert (choices[0].server, choices[0].why) == (WEST, Why.FREEST)


def test_a_silent_home_hospital_comes_last_but_is_still_tried() -> None:
    state = health()
    del state["Home"]
    assert names(WISH, state) == ["South", "West", "Home"]


def test_a_server_with_another_model_or_a_shut_one_is_not_asked() -> None:
    state = health() | {"South": Health(6, OLD, 0)}
    assert names(WISH, state, {"West"}) == ["Home"]


def test_a_wish_cannot_leave_the_allowed_regions() -> None:
    assert names(Wish("Home", NEW, frozenset({"EU"}), server="Abroad"), health()) == ["Home"]


def test_without_allowed_regions_only_the_home_hospital_answers() -> None:
    assert names(Wish("Home", NEW), health(Home=100)) == ["Home"]


def test_distances_are_those_of_the_globe() -> None:
    assert 660 < AMSTERDAM.km_to(MUNICH) < 675
    assert AMSTERDAM.km_to(AMSTERDAM) == 0.0


@given(
    regions=st.frozensets(st.sampled_from(["EU", "US", "JP"])),
    wished=st.sampled_from(["", "Home", "South", "West", "Abroad", "Nobody"]),
    waiting=st.dictionaries(st.sampled_from(["Home", "South", "West", "Abroad"]), st.integers(0, 99)),
    shut=st.frozensets(st.sampled_from(["South", "West", "Abroad"])),
)
def test_no_picture_leaves_the_policy_and_there_is_always_a_choice(
    regions: frozenset[str], wished: str, waiting: dict[str, int], shut: frozenset[str]
) -> None:
    state = {name: Health(7, NEW, count) for name, count in waiting.items()}
    choices = ranked(ALL, Wish("Home", NEW, regions, wished), state, shut)
    assert HOME in [choice.server for choice in choices]
    assert all(choice.server == HOME or choice.server.region in regions for choice in choices)
    assert not shut & {choice.server.name for choice in choices}
    assert choices == ranked(ALL[::-1], Wish("Home", NEW, regions, wished), state, shut)
