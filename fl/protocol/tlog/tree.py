"""The tree over a list that only grows: its root, inclusion and consistency at any of its sizes, in O(log n).

Invariant: a tree's leaves never change. Its inner nodes are those of RFC 9162; complete ones are kept, so that no hash
is computed twice.

Source: RFC 9162, 2.1.1 (tree hash), 2.1.3 (inclusion) and 2.1.4 (consistency).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

from fl.protocol.errors import ProofChanged
from fl.protocol.names import Digest

MOST_NODES = 63
"""The longest path: a tree has fewer than 2^63 leaves."""
EMPTY_ROOT = Digest(sha256().digest())
"""The root of a tree without leaves."""


class GrowingTree:
    """A tree to which leaf hashes (entry.leaf_hash) are appended."""

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        """By height: the complete nodes, from left to right."""
        for leaf in leaves:
            self.append(leaf)

    def __len__(self) -> int:
        return len(self._levels[0])

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash."""
        node, height = leaf, 0
        while True:
            level = self._levels[height]
            level.append(node)
            if len(level) % 2:
                return
            node = node_hash(level[-2], node)
            height += 1
            if height == len(self._levels):
                self._levels.append([])

    def leaf(self, index: int) -> Digest:
        """Return a leaf hash, or raise IndexError."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        return Digest(self._levels[0][index])

    def nodes(self, height: int, first: int, last: int) -> Sequence[bytes]:
        """Return the complete nodes `first` to `last` over 2^height leaves each, or raise IndexError."""
        if not 0 <= first <= last <= len(self) >> height:
            raise IndexError(last)
        return self._levels[height][first:last] if first < last else ()

    def root(self, size: int | None = None) -> Digest:
        """Return the root over the first `size` leaves (all of them by default), or raise IndexError."""
        upto = len(self) if size is None else size
        if not 0 <= upto <= len(self):
            raise IndexError(upto)
        return Digest(self._node(0, upto)) if upto else EMPTY_ROOT

    def inclusion(self, index: int, size: int) -> tuple[Digest, ...]:
        """Return the path from leaf `index`, its neighbour first, to the root at `size`, or raise IndexError."""
        if not 0 <= index < size <= len(self):
            raise IndexError(index)
        path: list[Digest] = []
        first, last = 0, size
        while last - first > 1:
            middle = first + _split(last - first)
            if index < middle:
                path.append(Digest(self._node(middle, last)))
                last = middle
            else:
                path.append(Digest(self._node(first, middle)))
                first = middle
        return tuple(reversed(path))

    def consistency(self, old: int, size: int) -> tuple[Digest, ...]:
        """Return the proof that the tree at `size` continues the one at `old`, or raise IndexError."""
        if not 0 <= old <= size <= len(self):
            raise IndexError(old)
        if old in (0, size):
            return ()
        path: list[Digest] = []
        first, last, whole = 0, size, True
        upto = old
        while upto != last:
            middle = first + _split(last - first)
            if upto <= middle:
                path.append(Digest(self._node(middle, last)))
                last = middle
            else:
                path.append(Digest(self._node(first, middle)))
                first, whole = middle, False
        if not whole:
            path.append(Digest(self._node(first, last)))
        return tuple(reversed(path))

    def _node(self, first: int, last: int) -> bytes:
        """Return the hash over the leaves `first` to `last`; `first` is a multiple of the next power of two."""
        size = last - first
        height = size.bit_length() - 1
        if size == 1 << height:
            return self._levels[height][first >> height]
        middle = first + _split(size)
        return node_hash(self._node(first, middle), self._node(middle, last))


def node_hash(left: bytes, right: bytes) -> Digest:
    """Return the hash of an inner node: SHA-256(01 ‖ left ‖ right)."""
    return Digest(sha256(b"\x01" + left + right).digest())


def root_from(leaf: bytes, index: int, size: int, path: Sequence[bytes], step: int = 5) -> Digest:
    """Return the root to which a path leads from a leaf hash.

    Raises:
        ProofChanged: there is no such leaf, or the path is too long or too short; `step` is the one that it names.
    """
    if not 0 <= index < size:
        raise ProofChanged(step, "the tree has no entry of this index")
    at, last, digest = index, size - 1, leaf
    for node in path:
        if last == 0:
            raise ProofChanged(step, "the path to the root is too long")
        if at & 1 or at == last:
            digest = node_hash(node, digest)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            digest = node_hash(digest, node)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise ProofChanged(step, "the path to the root is too short")
    return Digest(digest)


def continues(old: int, old_root: Digest, size: int, root: Digest, path: Sequence[bytes]) -> bool:
    """Return whether `path` shows that the tree (`size`, `root`) continues the tree (`old`, `old_root`).

    Source: RFC 9162, 2.1.4.2. Every tree continues the empty one, and itself, with an empty path.
    """
    if not 0 <= old <= size:
        return False
    if old in (0, size):
        return not path and old_root == (root if old else EMPTY_ROOT)
    nodes = list(path)
    if old & (old - 1) == 0:
        nodes.insert(0, old_root)
    if not nodes:
        return False
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(node, first), node_hash(node, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, node)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == root


def _split(size: int) -> int:
    """Return the largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1
