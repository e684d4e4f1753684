"""A mapping that grows without a copy never shows one value the entries of another."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from fl.protocol.growing import GrowingMap, with_item


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
