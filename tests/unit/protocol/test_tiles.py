"""Tiles: names, what a growing log needs, and that a foreign reader makes the same proofs from them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tlog_scales import backend, reader, tiles

from fl.protocol.errors import ProofMalformed
from fl.protocol.tlog.tiles import Tile, bundle, entries_between, hashes_of, parse_tile, tiles_between
from fl.protocol.tlog.tree import GrowingTree


def entry(number: int) -> bytes:
    return hashlib.sha256(number.to_bytes(8, "big")).digest()[: number % 20 + 1]


def write(folder: Path, tile: Tile, data: bytes) -> None:
    path = folder / tile.path
    path.parent.mkdir(parents=True, exist_ok=True)
    assert not path.exists() or path.read_bytes() == data
    path.write_bytes(data)


@settings(max_examples=100, deadline=None)
@given(level=st.integers(0, 7) | st.none(), index=st.integers(0, 10**15), width=st.integers(1, 256))
def test_a_tile_has_one_name_and_it_is_that_of_another_program(level: int | None, index: int, width: int) -> None:
    tile = Tile(level, index, width)
    foreign = tiles.tile_path(-1 if level is None else level, index, width % 256)
    assert tile.path == "/".join(foreign)
    assert parse_tile(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    [
        *("tile/0/../../checkpoint", "tile/0/1", "tile/8/001", "tile/00/001", "tile/0/x000/001", "tile/0/001.p/0"),
        *(
            "tile/0/001.p/256",
            "tile/0/001.p/01",
            "tile/0/001/",
            "/tile/0/001",
            "tile/-1/001",
            "tile/0/001.p/257",
            "tile/0/٠٠١",
        ),
    ],
)
def test_other_names_are_refused(path: str) -> None:
    with pytest.raises(ProofMalformed):
        parse_tile(path)


def test_a_foreign_reader_makes_our_proofs_from_the_tiles_of_a_log_that_grew(tmp_path: Path) -> None:
    entries = [entry(number) for number in range(70_000)]
    tree = GrowingTree()
    old = 0
    for size in (1, 200, 256, 300, 1000, 65_537, 70_000):
        for each in entries[old:size]:
            tree.append(hashlib.sha256(b"\0" + each).digest())
        for tile in tiles_between(old, size):
            write(tmp_path, tile, hashes_of(tree, tile))
        for tile in entries_between(old, size):
            first = tile.index * 256
            write(tmp_path, tile, bundle(entries[first : first + tile.width]))
        foreign = reader.TilesReader(backend.LocalBackend(tmp_path))
        foreign.set_size(size)
        assert foreign.calculate_root_hash() == tree.root(size)
        for index in sorted({0, size // 3, size - 1}):
            assert tuple(foreign.get_inclusion_proof(index, size).node_hashes) == tree.inclusion(index, size)
            assert foreign.get_entry(index) == entries[index]
        if old:
            proof = foreign.get_consistency_proof(old, size)
            assert tuple(proof.node_hashes) == tree.consistency(old, size)
        old = size


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 1500), min_size=1, max_size=5, unique=True))
def test_a_log_that_grows_in_steps_has_every_tile_of_its_last_size(sizes: list[int]) -> None:
    steps, old = [], 0
    for size in sorted(sizes):
        steps += list(tiles_between(old, size))
        old = size
    whole = list(tiles_between(0, old))
    assert set(whole) <= set(steps)
    assert len(set(whole)) == len(whole)
