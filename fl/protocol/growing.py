"""Mappings that get one entry at a time without a copy.

Invariant: a `GrowingMap` or `ChangingMap` never changes. `with_item` returns a new value that shares the storage of the
old one, which does not see the new entry; so a fold of n records costs n steps and not n^2 / 2.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
_LOCK = threading.RLock()
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


class ChangingMap(Mapping[K, V], Generic[K, V]):
    """An immutable mapping in the order in which its keys first came; a later entry can replace an earlier one."""

    __slots__ = ("_count", "_keys", "_plain", "_size", "_values")

    def __init__(self, entries: Mapping[K, V] | None = None) -> None:
        """Copy `entries`."""
        self._values: list[tuple[K, V]] = [*entries.items()] if entries else []
        """Every entry that was ever given; those from `_size` on belong to later values."""
        self._keys: dict[K, list[int]] = {key: [place] for place, (key, _) in enumerate(self._values)}
        """Key -> the places of its entries, ascending; keys from `_count` on belong to later values."""
        self._size = self._count = len(self._values)
        self._plain: dict[K, V] | None = None
        """All entries, once somebody asked for more than one."""

    def with_item(self, key: K, value: V) -> ChangingMap[K, V]:
        """Return this mapping with an entry that is new, or replaces the one of the same key."""
        changed: ChangingMap[K, V] = ChangingMap.__new__(ChangingMap)
        with _LOCK:
            shared = len(self._values) == self._size
            changed._take(self if shared else ChangingMap(self), key, value)
        return changed

    def _take(self, before: ChangingMap[K, V], key: K, value: V) -> None:
        """Become `before` with one more entry, in its storage."""
        self._values, self._keys, self._plain = before._values, before._keys, None
        self._size, self._count = before._size + 1, before._count + (key not in self._keys)
        self._values.append((key, value))
        self._keys.setdefault(key, []).append(before._size)

    def __getitem__(self, key: K) -> V:
        if self._plain is not None:
            return self._plain[key]
        return self._values[self._place(key)][1]

    def _place(self, key: K) -> int:
        """Return the place of this value's entry, or raise KeyError."""
        for place in reversed(self._keys[key]):
            if place < self._size:
                return place
        raise KeyError(key)

    def _all(self) -> dict[K, V]:
        if self._plain is None:
            with _LOCK:
                self._plain = {key: self._values[self._place(key)][1] for key in islice(self._keys, self._count)}
        return self._plain

    def __iter__(self) -> Iterator[K]:
        return iter(self._all())

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"ChangingMap({self._all()!r})"


def with_item(entries: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    """Return `entries` with one more; a mapping of another kind is copied once."""
    grown = entries if isinstance(entries, GrowingMap) else GrowingMap(entries)
    return grown.with_item(key, value)
