"""A round's memo gives a value only for the objects from which it was computed."""

from __future__ import annotations

from fl.protocol.rounds.memo import Memo


def test_a_value_is_computed_once_for_the_same_objects() -> None:
    memo, parts = Memo(), (object(), object())
    first = memo.of("one", parts, object)
    assert memo.of("one", parts, object) is first


def test_other_objects_give_another_value() -> None:
    memo, parts, other = Memo(), (b"a",), (bytes([97, 98]),)
    first = memo.of("one", parts, object)
    assert memo.of("one", other, object) is not first
    assert memo.of("two", parts, object) is not first
