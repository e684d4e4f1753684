"""A mapping that grows by one entry at a time without a copy.

Invariant: a `GrowingMap` never changes. `with_item` returns a new value that shares the storage of the old one, which
does not see the new entry; so a fold of n records costs n steps and not n^2 / 2.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
_LOCK = threading.Lock()
"""Two threads can hold the same value, and both let it grow."""


class GrowingMap(Mapping[K, V], Generic[K, V]):
    """An immutable mapping in the order of its entries."""

    __slots__ = ("_keys", "_places", "_size", "_values")

    def __init__(self, entries: Mapping[K, V] | None = None) -> None:
        """Copy `entries`; nothing for an empty one."""
        self._keys = [*entries] if entries else []
        self._values = [entries[key] for key in self._keys] if entries else []
        self._places = {key: place for place, key in enumerate(self._keys)}
        """Key -> its place; entries from `_size` on belong to later values."""
        self._size = len(self._keys)

    def with_item(self, key: K, value: V) -> GrowingMap[K, V]:
        """Return this mapping with one more entry; KeyError if it has the key."""
        if key in self:
            raise KeyError(key)
        grown: GrowingMap[K, V] = GrowingMap.__new__(GrowingMap)
        grown._take(self, key, value)
        return grown

    def _take(self, before: GrowingMap[K, V], key: K, value: V) -> None:
        """Become `before` with one more entry, in its storage if no other value grew from it already."""
        with _LOCK:
            shared = len(before._keys) == before._size
            self._keys = before._keys if shared else before._keys[: before._size]
            self._values = before._values if shared else before._values[: before._size]
            self._places = before._places if shared else {each: at for at, each in enumerate(self._keys)}
            self._size = before._size + 1
            self._values.append(value)
            self._places[key] = before._size
            self._keys.append(key)

    def __getitem__(self, key: K) -> V:
        place = self._places[key]
        if place >= self._size:
            raise KeyError(key)
        return self._values[place]

    def __contains__(self, key: object) -> bool:
        place: int | None = self._places.get(key)  # type: ignore[arg-type] # any key may be asked for
        return place is not None and place < self._size

    def __iter__(self) -> Iterator[K]:
        return islice(self._keys, self._size)

    def __len__(self) -> int:
        return self._size

    def __repr__(self) -> str:
        return f"GrowingMap({dict(self)!r})"


def with_item(entries: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    """Return `entries` with one more; a mapping of another kind is copied once."""
    grown = entries if isinstance(entries, GrowingMap) else GrowingMap(entries)
    return grown.with_item(key, value)
