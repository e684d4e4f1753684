"""The tree of RFC 9162, on the vectors that Certificate Transparency's own implementations use."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.errors import EncodingError, ProofInvalid
from fl.protocol.merkle import inclusion_path, record_leaf, root_of, verify_inclusion
from fl.protocol.names import Digest

INPUTS = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Roots of the first 1, 2, ... 8 inputs: certificate-transparency's merkletree tests."""
PATHS = {
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
}
"""(index, size) -> the published inclusion path."""


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert root_of([]) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size: int) -> None:
    assert root_of(INPUTS[:size]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_inclusion_paths_are_the_published_ones(index: int, size: int) -> None:
    assert tuple(node.hex() for node in inclusion_path(INPUTS[:size], index)) == PATHS[index, size]


@given(st.integers(1, 40), st.data())
def test_every_leaf_is_proven_and_no_other_place_or_leaf_is(size: int, data: st.DataObject) -> None:
    leaves = [bytes([number]) * 32 for number in range(size)]
    index = data.draw(st.integers(0, size - 1))
    root, path = root_of(leaves), inclusion_path(leaves, index)
    verify_inclusion(leaves[index], index, size, path, root)
    wrong = [(b"\xff" * 32, (index, size), path), (leaves[index], (index, size), (*path, root))]
    wrong += [(leaves[index], ((index + 1) % size, size), path)] if size > 1 else []
    wrong += [(leaves[index], (index, size), path[:-1])] if path else []
    for leaf, place, nodes in wrong:
        with pytest.raises(ProofInvalid):
            verify_inclusion(leaf, *place, nodes, root)


@pytest.mark.parametrize("place", [(-1, 1), (1, 1), (0, 0)])
def test_a_place_outside_the_tree_is_refused(place: tuple[int, int]) -> None:
    with pytest.raises(ProofInvalid):
        verify_inclusion(INPUTS[0], *place, (), Digest(bytes.fromhex(ROOTS[0])))
    if place[1]:
        with pytest.raises(IndexError):
            inclusion_path(INPUTS[: place[1]], place[0])


def test_a_records_leaf_binds_salt_and_file() -> None:
    salt, file = bytes(range(32)), Digest(hashlib.sha256(b"file").digest())
    assert record_leaf(salt, file) == hashlib.sha256(b"BAFL/1/leaf" + salt + file).digest()
    with pytest.raises(EncodingError):
        record_leaf(salt[1:], file)
