"""Call data in the one form that an encoder makes, whatever form somebody sent.

Invariant: what a contract reads from call data is what anybody reads from its normal form. Solidity lets the offsets
of bytes, strings and lists point anywhere, also at the same place, and bytes follow that nothing points at; a member
that sends such a call has made a record like any other, and must not be able to stop who checks it.

Source: Solidity ABI specification; the decoder that solc 0.8 generates (bounds of offsets and lengths).
Not here: what the words mean (events.py). Lists of words are known, lists of bytes are not: no call has one.
"""

from __future__ import annotations

from collections.abc import Sequence

WORD = 32


def normalise(types: Sequence[str], data: bytes) -> bytes:
    """Return the arguments of `types` in `data` (behind the selector) with their tails in order, and nothing else.

    Raises:
        ValueError: a contract would not read it.
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
    """Return length and content at `offset`, filled up with zeros."""
    count = int.from_bytes(_slice(data, offset, WORD), "big")
    size = count * WORD if name.endswith("[]") else count
    content = _slice(data, offset + WORD, size)
    return count.to_bytes(WORD, "big") + content + bytes(-size % WORD)


def _slice(data: bytes, start: int, size: int) -> bytes:
    if start + size > len(data):
        raise ValueError("it ends too early")
    return data[start : start + size]
