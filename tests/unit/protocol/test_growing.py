"""Mappings that grow without a copy never show one value the entries of another."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.protocol.growing import ChangingMap, GrowingMap, with_item


def test_a_value_does_not_see_what_later_values_have() -> None:
    first = GrowingMap({b"a": 1})
    second = first.with_item(b"b", 2)
    third = second.with_item(b"c", 3)
    assert (dict(first), dict(second), dict(third)) == ({b"a": 1}, {b"a": 1, b"b": 2}, {b"a": 1, b"b": 2, b"c": 3})
    assert b"b" not in first
    assert (len(first), [*second]) == (1, [b"a", b"b"])
    with pytest.raises(KeyError):
        first[b"b"]


def test_two_values_that_grow_from_one_do_not_see_each_other() -> None:
    base = GrowingMap({b"a": 1})
    left, right = base.with_item(b"b", 2), base.with_item(b"c", 3)
    assert (dict(left), dict(right)) == ({b"a": 1, b"b": 2}, {b"a": 1, b"c": 3})
    assert dict(right.with_item(b"b", 4)) == {b"a": 1, b"c": 3, b"b": 4}


def test_a_key_comes_once() -> None:
    with pytest.raises(KeyError):
        GrowingMap({b"a": 1}).with_item(b"a", 2)


def test_it_equals_another_mapping_with_the_same_entries() -> None:
    grown = with_item(MappingProxyType({b"a": 1}), b"b", 2)
    assert grown == {b"a": 1, b"b": 2}
    assert MappingProxyType({}) == GrowingMap()
    assert grown != {b"a": 1}
    assert {b"a", b"b", b"c"} - grown.keys() == {b"c"}


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20), st.integers(0, 9)), max_size=40))
def test_a_changing_map_is_a_copied_dict_whatever_grew_from_whichever_value(steps: list[tuple[int, int, int]]) -> None:
    made: list[tuple[ChangingMap[int, int], dict[int, int]]] = [(ChangingMap({7: 7}), {7: 7})]
    for back, key, value in steps:
        before, plain = made[-1 - back % len(made)]
        made.append((before.with_item(key, value), {**plain, key: value}))
    for grown, plain in made:
        assert [*grown.items()] == [*plain.items()]
        assert len(grown) == len(plain)
        assert [grown.get(key) for key in range(21)] == [plain.get(key) for key in range(21)]
        assert [key in grown for key in range(21)] == [key in plain for key in range(21)]
