"""Tiles: a log's hashes and entries in files that never change.

Invariant: the content of a tile is a function of its name and the log. A tile of another width has another name.

Source: C2SP tlog-tiles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fl.protocol.errors import ProofMalformed
from fl.protocol.tlog.tree import GrowingTree

HEIGHT, WIDTH = 8, 256
"""Of a full tile: levels of the tree, and hashes."""
HASH_TYPE = "application/octet-stream"
MOST_ENTRY = 0xFFFF
"""The most bytes of an entry in a tile."""
ENTRIES = "entries"
_NAME = re.compile(r"tile/(entries|[0-7])/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


@dataclass(frozen=True)
class Tile:
    """The name of a tile."""

    level: int | None
    """0: leaf hashes; each level is 8 levels of the tree above the one before. None: the entries themselves."""
    index: int
    width: int = WIDTH
    """How many hashes or entries it has; fewer than WIDTH at the end of the log."""

    @property
    def folder(self) -> str:
        """Return where a full tile of this place is; the others are in this name and `.p`."""
        digits = f"{self.index:03d}"
        digits = digits.rjust(-(-len(digits) // 3) * 3, "0")
        groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
        level = ENTRIES if self.level is None else str(self.level)
        return "/".join(["tile", level, *(f"x{each}" for each in groups[:-1]), groups[-1]])

    @property
    def path(self) -> str:
        return self.folder if self.width == WIDTH else f"{self.folder}.p/{self.width}"


def parse_tile(path: str) -> Tile:
    """Return the tile of a path such as `tile/0/x001/234.p/17`, or raise ProofMalformed."""
    name = _NAME.fullmatch(path)
    if name is None:
        raise ProofMalformed("tile", "there is no such name of a tile")
    index = int(name[2].replace("x", "").replace("/", ""))
    tile = Tile(None if name[1] == ENTRIES else int(name[1]), index, int(name[3] or WIDTH))
    if tile.width > WIDTH or tile.path != path:
        raise ProofMalformed("tile", "there is no such name of a tile")
    return tile


def tiles_between(old: int, size: int) -> Iterator[Tile]:
    """Yield the tiles of hashes that a log of `size` entries has, and one of `old` entries does not."""
    level = 0
    while size >> (HEIGHT * level):
        yield from _row(level, old >> (HEIGHT * level), size >> (HEIGHT * level))
        level += 1


def entries_between(old: int, size: int) -> Iterator[Tile]:
    """Yield the tiles of entries that a log of `size` entries has, and one of `old` entries does not."""
    yield from _row(None, old, size)


def hashes_of(tree: GrowingTree, tile: Tile) -> bytes:
    """Return the content of a tile of hashes, or raise IndexError if the tree is smaller."""
    first = tile.index * WIDTH
    return b"".join(tree.nodes(HEIGHT * (tile.level or 0), first, first + tile.width))


def bundle(entries: Sequence[bytes]) -> bytes:
    """Return the content of a tile of entries: u16 length ‖ entry, for each."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def _row(level: int | None, old: int, size: int) -> Iterator[Tile]:
    for index in range(old // WIDTH, -(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        if width > max(old - index * WIDTH, 0):
            yield Tile(level, index, width)
