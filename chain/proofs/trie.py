"""The Merkle-Patricia trie of a block's receipts and transactions: its root, a proof of one value, and its check.

Invariant: `value_at` returns a value only if the nodes given lead to it from the root, and each of them is needed.

Source: Ethereum yellow paper, appendix D (hex-prefix encoding, nodes shorter than 32 bytes are inside their parent) and
4.4.2 (keys are the RLP of the place in the block).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rlp
from eth_utils.crypto import keccak

_BRANCH, _SHORT, _HASH = 17, 2, 32
_LEAF, _ODD = 2, 1
_WIDTH = 16
Item = tuple[list[int], bytes]
"""The rest of a key in nibbles, and its value."""


def root_of(values: Sequence[bytes]) -> bytes:
    """Return the root of the trie of a block's values, in their order: 32 bytes."""
    return bytes(keccak(rlp.encode(_node(_items(values)))))


def proof_of(values: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the nodes from the root down to a value; nodes shorter than 32 bytes are inside their parent."""
    key, items = _nibbles(rlp.encode(index)), _items(values)
    nodes: list[bytes] = []
    while True:
        node = _node(items)
        encoded: bytes = rlp.encode(node)
        if not nodes or len(encoded) >= _HASH:
            nodes.append(encoded)
        if len(node) == _BRANCH:
            if not key:
                return tuple(nodes)
            items, key = [(rest[1:], value) for rest, value in items if rest[:1] == key[:1]], key[1:]
            continue
        part, is_leaf = _parted(node[0])
        if is_leaf:
            return tuple(nodes)
        items, key = [(rest[len(part) :], value) for rest, value in items], key[len(part) :]


def value_at(root: bytes, index: int, nodes: Sequence[bytes]) -> bytes:
    """Return the value at a place under `root`.

    Raises:
        ValueError: the nodes do not lead to a value, or some of them are not needed.
    """
    key, want, rest = _nibbles(rlp.encode(index)), root, list(nodes)
    value: Any = None
    try:
        while value is None:
            node = _fetched(want, rest)
            if len(node) == _BRANCH:
                value, want, key = (node[-1], b"", key) if not key else (None, node[key[0]], key[1:])
                continue
            part, is_leaf = _parted(node[0])
            if len(node) != _SHORT or key[: len(part)] != part or (is_leaf and key != part):
                raise ValueError("the nodes lead elsewhere")
            key, want = key[len(part) :], node[1]
            value = node[1] if is_leaf else None
    except (rlp.exceptions.RLPException, TypeError, IndexError, RecursionError) as error:
        raise ValueError("a node has another form") from error
    if rest or not isinstance(value, bytes) or not value:
        raise ValueError("a node is not needed, or there is no value")
    return value


def _fetched(want: Any, rest: list[bytes]) -> Any:  # noqa: ANN401 - RLP
    """Return the node that its parent refers to; take it from `rest` if the parent has only its hash."""
    if isinstance(want, list):
        return want
    if len(want) != _HASH or not rest or keccak(rest[0]) != want:
        raise ValueError("a node is missing, or is another one")
    node = rlp.decode(rest.pop(0))
    if not isinstance(node, list):
        raise ValueError("a node has another form")  # noqa: TRY004 - one error for every form
    return node


def _items(values: Sequence[bytes]) -> list[Item]:
    return [(_nibbles(rlp.encode(index)), value) for index, value in enumerate(values)]


def _node(items: list[Item]) -> list[Any]:
    """Return the node over at least one item."""
    if len(items) == 1:
        return [_joined(items[0][0], is_leaf=True), items[0][1]]
    shared = _shared([key for key, _ in items])
    if shared:
        below = _node([(key[len(shared) :], value) for key, value in items])
        return [_joined(shared, is_leaf=False), _reference(below)]
    branches: list[Any] = []
    for digit in range(_WIDTH):
        under = [(key[1:], value) for key, value in items if key[:1] == [digit]]
        branches.append(_reference(_node(under)) if under else b"")
    return [*branches, next((value for key, value in items if not key), b"")]


def _reference(node: list[Any]) -> Any:  # noqa: ANN401 - RLP
    encoded = rlp.encode(node)
    return node if len(encoded) < _HASH else keccak(encoded)


def _shared(keys: Sequence[list[int]]) -> list[int]:
    first, last = min(keys), max(keys)
    length = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]


def _nibbles(raw: bytes) -> list[int]:
    return [half for byte in raw for half in (byte >> 4, byte & 15)]


def _joined(path: list[int], *, is_leaf: bool) -> bytes:
    """Return the hex-prefix encoding of a part of a key."""
    odd = len(path) & 1
    digits = [_LEAF * is_leaf + odd, *([] if odd else [0]), *path]
    return bytes(high << 4 | low for high, low in zip(digits[::2], digits[1::2], strict=True))


def _parted(raw: bytes) -> tuple[list[int], bool]:
    """Return the part of a key in a short node, and whether the node is a leaf; ValueError for another encoding."""
    digits = _nibbles(raw)
    path, is_leaf = digits[1:] if digits[0] & _ODD else digits[2:], digits[0] >= _LEAF
    if _joined(path, is_leaf=is_leaf) != raw:
        raise ValueError("a node has another form")
    return path, is_leaf
