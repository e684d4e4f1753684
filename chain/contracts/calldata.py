"""Converts call data to the canonical form that an encoder would make.

Invariant: to a contract, the canonical form means the same as the original. Solidity accepts offsets that point
anywhere, even to the same place, and unused bytes at the end. A call in such a form makes a valid record, so it must
not stop the members who check it.

Source: Solidity ABI specification; the decoder that solc 0.8 generates (bounds of offsets and lengths).
Lists of words are supported, lists of bytes are not: no call has one.
"""

from __future__ import annotations

from collections.abc import Sequence

WORD = 32


def normalise(types: Sequence[str], data: bytes) -> bytes:
    """Return the arguments of `types` in `data` (without the selector) in canonical form.

    Raises:
        ValueError: a contract would not accept the data.
    """
    heads: list[bytes] = []
    tails: list[bytes] = []
    place = WORD * len(types)
    for index, name in enumerate(types):
        word = _slice(data, WORD * index, WORD)
        if not _has_tail(name):
            heads.append(word)
            continue
        tail = _tail(name, data, int.from_bytes(word, "big"))
        heads.append((place + sum(map(len, tails))).to_bytes(WORD, "big"))
        tails.append(tail)
    return b"".join((*heads, *tails))


def _has_tail(name: str) -> bool:
    return name in ("bytes", "string") or name.endswith("[]")


def _tail(name: str, data: bytes, offset: int) -> bytes:
    """Return length and content at `offset`, padded with zeros."""
    count = int.from_bytes(_slice(data, offset, WORD), "big")
    size = count * WORD if name.endswith("[]") else count
    content = _slice(data, offset + WORD, size)
    return count.to_bytes(WORD, "big") + content + bytes(-size % WORD)


def _slice(data: bytes, start: int, size: int) -> bytes:
    if start + size > len(data):
        raise ValueError("the data end too early")
    return data[start : start + size]
