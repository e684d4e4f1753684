"""Values that follow from a round's fields, kept from one record to the next.

Invariant: a value is given again only for the very objects from which it was computed, so a round with another roster,
other terms or other keys never gets it. A round is a new value after each record; its memo goes with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Memo:
    """The newest value of each name."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[object, ...], object]] = {}

    def of(self, name: str, parts: tuple[object, ...], make: Callable[[], T]) -> T:
        """Return what `make` returned for these very objects; call it for others."""
        known = self._known.get(name)
        if known is not None and all(map(_same, known[0], parts)):
            return known[1]  # type: ignore[return-value] # each name has one type
        value = make()
        self._known[name] = (parts, value)  # keeps the parts alive, so that nothing else gets their identity
        return value


def _same(left: object, right: object) -> bool:
    return left is right
