"""The tree over a list: of patient records, steps or parcels; its root, and the proof that one leaf is under it.

Invariant: only the leaves that made the root have a path that verifies, unless SHA-256 is broken. Leaves and inner
nodes are hashed differently, so that neither can pass for the other.

Source: RFC 9162, 2.1.1 (tree hash), 2.1.3.1 (inclusion path) and 2.1.3.2 (verification); PROTOCOL.md 9, Records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from fl.protocol.codec import Writer
from fl.protocol.errors import ProofInvalid
from fl.protocol.names import DIGEST_BYTES, Digest

SALT_BYTES = 32
_LEAF, _NODE = b"\x00", b"\x01"


def record_leaf(salt: bytes, file_digest: Digest) -> Digest:
    """Return a file's leaf in the tree: SHA-256(`leaf` ‖ salt[32] ‖ file digest[32]).

    Once the salt is erased, nobody can tell which file the leaf belonged to.
    """
    return Writer("leaf").raw(salt, SALT_BYTES).raw(file_digest, DIGEST_BYTES).digest()


def root_of(leaves: Sequence[bytes]) -> Digest:
    """Return MTH(leaves); without leaves it is the SHA-256 of the empty string."""
    if not leaves:
        return Digest(hashlib.sha256().digest())
    if len(leaves) == 1:
        return _hash(_LEAF, leaves[0])
    middle = _split(len(leaves))
    return _hash(_NODE, root_of(leaves[:middle]), root_of(leaves[middle:]))


def inclusion_path(leaves: Sequence[bytes], index: int) -> tuple[Digest, ...]:
    """Return PATH(index, leaves), from the leaf's neighbour up, or raise IndexError."""
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    if len(leaves) == 1:
        return ()
    middle = _split(len(leaves))
    if index < middle:
        return (*inclusion_path(leaves[:middle], index), root_of(leaves[middle:]))
    return (*inclusion_path(leaves[middle:], index - middle), root_of(leaves[:middle]))


def inclusion_paths(leaves: Sequence[bytes]) -> tuple[tuple[Digest, ...], ...]:
    """Return PATH(index, leaves) of every index; each node is hashed once."""
    return tuple(tuple(path) for path in _tree(leaves)[1]) if leaves else ()


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: Digest) -> None:
    """Raise ProofInvalid unless `path` leads from `leaf`, at `index` of `size` leaves, to `root`."""
    if not 0 <= index < size:
        raise ProofInvalid("inclusion: there is no such leaf")
    at, last = index, size - 1
    digest = _hash(_LEAF, leaf)
    for node in path:
        if last == 0:
            raise ProofInvalid("inclusion: the path is too long")
        if at & 1 or at == last:
            digest = _hash(_NODE, node, digest)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            digest = _hash(_NODE, digest, node)
        at, last = at >> 1, last >> 1
    if last != 0 or digest != root:
        raise ProofInvalid("inclusion: the path does not lead to the root")


def _tree(leaves: Sequence[bytes]) -> tuple[Digest, list[list[Digest]]]:
    """Return the root and all paths of at least one leaf."""
    if len(leaves) == 1:
        return _hash(_LEAF, leaves[0]), [[]]
    middle = _split(len(leaves))
    (left, first), (right, second) = _tree(leaves[:middle]), _tree(leaves[middle:])
    for path in first:
        path.append(right)
    for path in second:
        path.append(left)
    return _hash(_NODE, left, right), first + second


def _split(size: int) -> int:
    """Return the largest power of two below `size`, which is at least 2."""
    return 1 << (size - 1).bit_length() - 1


def _hash(*parts: bytes) -> Digest:
    return Digest(hashlib.sha256(b"".join(parts)).digest())
